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

import functools
import inspect
import json
import pathlib
import sys
from collections.abc import Sequence

import numpy as np
from absl import flags

from kscale import report
from kscale.cli import flags as command_flags
from kscale.cli import theory_arguments, theory_grid
from kscale.cli.flags import Command, UsageError
from kscale.cli.solvers import SOLVERS
from kscale.configs import fields


def listing() -> str:
    """Returns every solver with a command that calls it, by topic."""
    out = []
    for name, solver in SOLVERS.items():
        topic = f"kscale.theory.{solver.topic}"
        if topic not in out:
            out += [topic] if not out else ["", topic]
        command = " ".join(["kscale theory", name, *solver.example])
        out += [f"  {name:<28} {solver.summary}", f"  {'':<28}   {command}"]
    return "\n".join(out) + "\n"


def _define(name: str | None, flag_values: flags.FlagValues) -> None:
    switches = {
        "list": "describe the solvers and stop",
        "dry_run": "print the arguments as they are understood, and stop",
    }
    for switch, meaning in switches.items():
        flags.DEFINE_boolean(switch, False, meaning, flag_values=flag_values)
    flags.DEFINE_string("plot", None, "a PNG to draw", flag_values=flag_values)
    again = "draw over a file that is there"
    flags.DEFINE_boolean("overwrite", False, again, flag_values=flag_values)
    command_flags.define_output(flag_values)
    if name in SOLVERS:
        for word, parameter in theory_arguments.parameters(
            SOLVERS[name].function
        ).items():
            empty = parameter.default is inspect.Parameter.empty
            meaning = "needed" if empty else f"default {parameter.default}"
            if word == "seed":
                meaning = "of the simulation, default 0"
            flags.DEFINE_string(word, None, meaning, flag_values=flag_values)


def _theory(command: Command) -> int:
    chosen = command.flags
    if chosen.list:
        sys.stdout.write(json.dumps(_described()) if chosen.json else listing())
        return 0
    if len(command.arguments) != 1:
        raise UsageError("name one solver; kscale theory --list describes them")
    (name,) = command.arguments
    function = SOLVERS[name].function
    words = {
        word: str(chosen[word].value)
        for word in theory_arguments.parameters(function)
        if chosen[word].value is not None
    }
    values = theory_arguments.read(function, words)
    if chosen.dry_run:
        plain = {word: np.asarray(value).tolist() for word, value in values.items()}
        as_text = "".join(f"{k} = {v}\n" for k, v in values.items()) or "\n"
        sys.stdout.write(json.dumps(plain) + "\n" if chosen.json else as_text)
        return 0
    path = _picture(chosen.plot, chosen.overwrite)
    answer = theory_grid.solve(name, function, values, SOLVERS[name].axis)
    panels = [] if path is None else theory_grid.panels(answer)
    if chosen.json:
        sys.stdout.write(
            json.dumps(theory_grid.as_json(answer), allow_nan=False) + "\n"
        )
    else:
        sys.stdout.write(theory_grid.table(answer))
    if path is not None:
        given = ", ".join(f"{k}={v}" for k, v in words.items() if k not in answer.swept)
        title = f"{name}({given})" if len(given) < 80 else name
        report.draw_panels(panels, path, title)
        sys.stderr.write(f"drawn to {path}\n")
    return 0


def _picture(plot: str | None, overwrite: bool) -> pathlib.Path | None:
    """The file to draw, checked before anything is computed."""
    if plot is None:
        return None
    path = command_flags.folder(plot)
    if path.suffix != ".png" or path.is_dir():
        raise UsageError(f"--plot={plot}: name a file that ends in .png")
    if not path.parent.is_dir():
        raise UsageError(f"--plot={plot}: there is no folder {path.parent}")
    if path.exists() and not overwrite:
        raise UsageError(f"--plot={plot}: the file is there; --overwrite draws over it")
    return path


def _described() -> dict[str, dict[str, object]]:
    return {
        name: {
            "topic": solver.topic,
            "summary": solver.summary,
            "arguments": list(theory_arguments.parameters(solver.function)),
            "example": list(solver.example),
        }
        for name, solver in SOLVERS.items()
    }


def main(argv: Sequence[str] | None = None) -> int:
    """The verb; gives the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    named = [word for word in words if not word.startswith("-")]
    # A flag's value may stand apart from it, so a solver's name goes first.
    name = next((word for word in named if word in SOLVERS), *named[:1] or [None])
    if name is not None and name not in SOLVERS:
        wrong = fields.unknown("solver", repr(name), name, SOLVERS)
        sys.stderr.write(f"kscale theory: {wrong}\n")
        return command_flags.USAGE
    about = inspect.getdoc(SOLVERS[name].function) if name else __doc__
    define = functools.partial(_define, name)
    return command_flags.run("theory", _theory, define, words, about or "")


if __name__ == "__main__":
    sys.exit(main())
