"""`kscale show`: one person's facts, text with its spans, tokens, and bits.

kscale show --config=mini --person=3
kscale show --workdir=runs/demo --person=3       # with the bits that the model holds
"""

import json
import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from absl import flags

from kscale import corpora
from kscale.cli import flags as command_flags
from kscale.cli.flags import Command, UsageError
from kscale.runs import folder, run
from kscale.runs.task import Task, prepare


def describe(
    task: Task, person: int, exposure: int, params: Any = None
) -> dict[str, Any]:
    """Everything that kscale knows of one person.

    Args:
      task: from `kscale.runs.prepare`.
      person: 0 to N-1.
      exposure: which of the texts.
      params: of a trained model, to measure its bits; None to leave them out.

    Returns:
      JSON types: person, facts, text, spans ([text, label]), tokens, vocabulary ids,
      max_bits by piece, and bits by piece if there is a model.

    Raises:
      ValueError: no such person, or one that the corpus does not tell of.
    """
    people = np.array([person])
    facts = task.world.person(person)  # refuses a person outside the world
    plan = task.corpus.plan(people, np.array([exposure]))
    spans = corpora.compose_document(task.corpus, plan[0])
    documents = task.pool.compose(plan)
    answer = {
        "person": person,
        "facts": facts,
        "text": "".join(span.text for span in spans),
        "spans": [[s.text, task.corpus.labels[s.label].name] for s in spans],
        "tokens": task.pool.vocabulary.to_original(documents.tokens).tolist(),
        "max_bits": _max_bits(task),
    }
    if params is not None:
        answer["bits"] = _bits(task, person, params)
    return answer


def _max_bits(task: Task) -> dict[str, float]:
    counts = task.world.counts
    bits = {"name": math.log2(counts.name_space / counts.people)}
    return bits | {a.name: a.bits for a in task.world.attributes}


def _bits(task: Task, person: int, params: Any) -> dict[str, float]:
    """Bits of each piece: what it takes to say it, less what the model still needs."""
    table = run.score_params(task, params, np.array([person]))
    bits = {"name": math.log2(task.world.name_space)}
    bits |= {a.name: a.bits for a in task.world.attributes}
    for i, label in enumerate(task.corpus.labels):
        if label.kind in ("name", "value", "value1"):
            bits[label.name] -= float(table.nats[0, i]) / math.log(2)
    return bits


def lines(answer: dict[str, Any]) -> str:
    """The answer for a person to read."""
    marked = "".join(_mark(*span) for span in answer["spans"])
    out = [f"person {answer['person']}"]
    out += [f"  {name:<14} {value}" for name, value in answer["facts"].items()]
    out += ["", "text, with what counts in brackets", f" {marked}", ""]
    out += [f"{len(answer['tokens'])} tokens: {answer['tokens']}", ""]
    held = answer.get("bits")
    out.append("bits of knowledge" + (" held, of" if held else " to hold"))
    for name, most in answer["max_bits"].items():
        shown = f"{held[name]:8.2f} of" if held else ""
        out.append(f"  {name:<14}{shown}{most:8.2f}")
    most = sum(answer["max_bits"].values())
    there = f"there are {most:.1f} bits to know"
    if held:
        there = f"the model holds {sum(held.values()):.1f} of {most:.1f} bits"
    out += ["", f"Of person {answer['person']} {there}."]
    return "\n".join(out) + "\n"


def _mark(text: str, label: str) -> str:
    if label == "text":
        return text
    space = " " * text.startswith(" ")
    return f"{space}[{text.strip()}]({label})"


def _define(flag_values: flags.FlagValues) -> None:
    command_flags.define_config(flag_values)
    flags.DEFINE_string(
        "workdir", None, "a run's folder, to show its bits", flag_values=flag_values
    )
    flags.DEFINE_integer("person", 0, "whom to show, 0 to N-1", flag_values=flag_values)
    flags.DEFINE_integer("exposure", 0, "which text", flag_values=flag_values)
    flags.DEFINE_integer(
        "member", 0, "which member of a population", flag_values=flag_values
    )
    flags.DEFINE_boolean(
        "dry_run", False, "leave out what needs the model", flag_values=flag_values
    )
    command_flags.define_output(flag_values)


def _show(command: Command) -> None:
    """Show one person: facts, text with its spans, tokens, and bits."""
    command_flags.refuse_arguments(command)
    chosen = command.flags
    if (command.config is None) == (chosen.workdir is None):
        raise UsageError("name either --config or --workdir: what shall be shown?")
    params = None
    if chosen.workdir:
        workdir = command_flags.folder(chosen.workdir)
        task, params = folder.load(workdir, chosen.member)
    else:
        assert command.config is not None
        task = prepare(command.config)
    if chosen.dry_run:
        params = None
    answer = describe(task, chosen.person, chosen.exposure, params)
    sys.stdout.write(json.dumps(answer) + "\n" if chosen.json else lines(answer))


def main(argv: Sequence[str] | None = None) -> int:
    """The verb; gives the exit code."""
    words = sys.argv[1:] if argv is None else argv
    return command_flags.run("show", _show, _define, words, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
