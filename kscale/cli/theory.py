"""`kscale theory`: the papers' formulas from the command line.

kscale theory --list                                      # the solvers
kscale theory expected_tables --help                      # one solver: all it says
kscale theory expected_tables --customers=10:1e6:6 --alpha=0.5 --beta=1
kscale theory zipf_curve --rank=1:1e6:50 --alpha=0.3,0.5,0.8 --beta=1 --plot=zipf.png

Arguments are numbers; several of them, as 1,10,100 or LOW:HIGH:COUNT (in geometric
progression) or LOW:HIGH:+STEP; or @FILE with numbers (.npy or text). Every argument
that has several makes an axis: the table has a line for each point, the plot a curve
over the first axis for each point of the others.
"""

import dataclasses
import inspect
import pathlib
import sys
import tempfile
from collections.abc import Sequence

import numpy as np

from kscale import report
from kscale.cli import theory_answer, theory_arguments
from kscale.cli.flags import Command, Flag, UsageError, expand_path
from kscale.cli.solvers import SOLVERS
from kscale.cli.verb import Reply, Verb
from kscale.configs import fields
from kscale.theory.grid import evaluate


def run(command: Command) -> Reply:
    """Lists the solvers, or calls one over the grid of its arguments and draws it."""
    chosen = command.flags
    if chosen.list:
        return list_solvers()
    if len(command.arguments) != 1:
        raise UsageError("name one solver; kscale theory --list describes them")
    (name,) = command.arguments
    solver = SOLVERS[name]
    typed = {
        word: str(chosen[word].value)
        for word in theory_arguments.parameters(solver.function)
        if chosen[word].value is not None
    }
    values = theory_arguments.read(solver.function, typed)
    if chosen.dry_run:
        return Reply(
            {word: np.asarray(value).tolist() for word, value in values.items()},
            "\n".join(f"{word} = {value}" for word, value in values.items()),
        )
    path = _picture(chosen.plot, chosen.overwrite)
    answer = evaluate(solver.function, values, solver.axis)
    if path is not None:
        given = ", ".join(f"{k}={v}" for k, v in typed.items() if k not in answer.swept)
        title = f"{name}({given})" if len(given) < 80 else name
        report.draw_panels(theory_answer.panels(answer), path, title)
        sys.stderr.write(f"drawn to {path}\n")
    return Reply(theory_answer.as_json(answer), theory_answer.table(answer))


def choose_solver(words: Sequence[str]) -> Verb:
    """Returns the verb with the arguments and docstring of the solver in `words`."""
    named = [word for word in words if not word.startswith("-")]
    # A flag's value may stand apart from it, so a solver's name goes first.
    name = next((word for word in named if word in SOLVERS), *named[:1] or [None])
    if name is None:
        return VERB
    if name not in SOLVERS:
        raise UsageError(fields.unknown("solver", repr(name), name, SOLVERS))
    function, flags = SOLVERS[name].function, dict(VERB.flags)
    for word, parameter in theory_arguments.parameters(function).items():
        empty = parameter.default is inspect.Parameter.empty
        meaning = "needed" if empty else f"default {parameter.default}"
        if word == "seed":
            meaning = "of the simulation, default 0"
        flags[word] = Flag(None, meaning)
    return dataclasses.replace(
        VERB, about=inspect.getdoc(function) or "", flags=flags, adapt=None
    )


VERB = Verb(
    "theory",
    __doc__ or "",
    {
        "list": Flag(False, "describe the solvers and stop"),
        "plot": Flag(None, "a PNG to draw"),
        "overwrite": Flag(False, "draw over a file that is there"),
    },
    run,
    dry_run="print the arguments as they are understood, and stop",
    words=True,
    adapt=choose_solver,
)


def list_solvers() -> Reply:
    """Lists every solver with a command that calls it, by topic."""
    described, out = {}, []
    for name, solver in SOLVERS.items():
        topic = f"kscale.theory.{solver.topic}"
        if topic not in out:
            out += [topic] if not out else ["", topic]
        command = " ".join(["kscale theory", name, *solver.example])
        out += [f"  {name:<28} {solver.summary}", f"  {'':<28}   {command}"]
        described[name] = {
            "topic": solver.topic,
            "summary": solver.summary,
            "arguments": list(theory_arguments.parameters(solver.function)),
            "example": list(solver.example),
        }
    return Reply(described, "\n".join(out))


def _picture(plot: str | None, overwrite: bool) -> pathlib.Path | None:
    """Returns the file to draw, checked before anything is computed."""
    if plot is None:
        return None
    path = expand_path(plot)
    if path.suffix != ".png" or path.is_dir():
        raise UsageError(f"--plot={plot}: name a file that ends in .png")
    if not path.parent.is_dir():
        raise UsageError(f"--plot={plot}: there is no folder {path.parent}")
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        why = f"{path.parent} cannot be written ({error.strerror})"
        raise UsageError(f"--plot={plot}: {why}") from None
    if path.exists() and not overwrite:
        raise UsageError(f"--plot={plot}: the file is there; --overwrite draws over it")
    return path
