"""What can be said of a config or a run without training: its sizes, and one person.

plan_run(configs.load("demo"))["max_bits_per_param"]
describe_person(prepare(configs.load("mini")), person=3)["facts"]
"""

import dataclasses
import math
import pathlib
from typing import Any

import numpy as np

from kscale import corpora
from kscale.configs import fields
from kscale.configs.base import Config, fingerprint
from kscale.files import Row
from kscale.runs.devices import plan_training
from kscale.runs.evaluate import score
from kscale.runs.folder import RunFolder
from kscale.runs.task import Task, prepare
from kscale.runs.training import require_other_folder


def plan_run(config: Config, workdir: pathlib.Path | None = None) -> Row:
    """Returns what a run would be, without running it: sizes, bits, steps, the config.

    Args:
      config: of the run.
      workdir: its folder, which may not be that of its start; it is not looked into.

    Raises:
      ValueError: as `prepare` and `devices.plan_training`.
    """
    task = prepare(config)
    if workdir is not None:
        require_other_folder(task, RunFolder(workdir))
    plan_training(task)
    most, visits = task.world.bits_max(), task.order.visits()
    return {
        "parameters": task.parameters._asdict(),
        "vocabulary": task.pool.vocabulary.size,
        "bits": dataclasses.asdict(most) | {"total": most.total},
        "max_bits_per_param": most.total / task.parameters.total,
        "exposures": task.order.exposures,
        "visits": {"fewest": int(visits.min()), "most": int(visits.max())},
        "parts": {
            part.config.name: {"windows": windows, "people": part.corpus.num_people}
            for part, windows in zip(task.parts, task.order.part_windows, strict=True)
        },
        "steps": task.order.steps,
        "tokens": task.order.stream.total_tokens,
        "members": len(task.hypers),
        "fingerprint": fingerprint(config),
        "config": fields.to_dict(config),
    }


def describe_person(
    task: Task, person: int, exposure: int = 0, params: Any = None
) -> dict[str, Any]:
    """Returns all that kscale knows of one person.

    Args:
      task: from `prepare`.
      person: 0 to N-1, of whom the corpus tells.
      exposure: which of the texts.
      params: of a trained model, to measure its bits; None to leave them out.

    Returns:
      JSON types: person, facts, text, spans ([text, label]), tokens, vocabulary ids,
      max_bits by piece, and bits by piece if there is a model: what it takes to say
      it, less what the model still needs.
    """
    facts = task.world.person(person)  # refuses a person outside the world
    plan = task.corpus.plan(np.array([person]), np.array([exposure]))
    spans = corpora.compose_document(task.corpus, plan[0])
    documents = task.pool.compose(plan)
    labels, counts = task.corpus.labels, task.world.counts
    attributes = task.world.attributes
    values = {a.name: a.bits for a in attributes}
    answer = {
        "person": person,
        "facts": facts,
        "text": "".join(span.text for span in spans),
        "spans": [[span.text, labels[span.label].name] for span in spans],
        "tokens": task.pool.vocabulary.to_original(documents.tokens).tolist(),
        "max_bits": {"name": math.log2(counts.name_space / counts.people)} | values,
    }
    if params is not None:
        table = score(task, params, np.array([person])).table
        bits = {"name": math.log2(task.world.name_space)} | values
        for i, label in enumerate(labels):
            # A fact told before its attribute's value is a part of what that costs.
            paid = attributes[label.attribute] if label.kind == "derived" else label
            if paid.name in bits:
                bits[paid.name] -= float(table.nats[0, i]) / math.log(2)
        answer["bits"] = bits
    return answer
