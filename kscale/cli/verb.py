"""The shape that every verb has, and the one way in which verbs are carried out."""

import dataclasses
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from kscale import streams
from kscale.cli.flags import Command, Flag, HelpWanted, UsageError, parse

USAGE = 2  # the exit code of a command that could not be carried out as given
FAILED = 1  # that of one that was, but for a part of it
UNREAD = 128 + signal.SIGPIPE  # that of one whose bytes nobody took, as a shell has it


# What a user can mend; all else is a mistake in the library.
REFUSALS = (ValueError, OSError, ArithmeticError, MemoryError, RuntimeError)


class Reply(NamedTuple):
    """What a verb answers.

    Attributes:
      data: JSON types, printed as one object with --json.
      text: what is printed without.
      code: the exit code.
      content: bytes for standard output; the answer then goes to standard error.
    """

    data: Any
    text: str
    code: int = 0
    content: bytes | None = None


@dataclasses.dataclass(frozen=True)
class Verb:
    """What `kscale NAME` does: flags to read, work to call, an answer to print.

    Attributes:
      name: the word after `kscale`.
      about: what --help shows above the flags.
      flags: the verb's own; every verb has --dry_run, --json and --debug besides.
      run: does the work; of a verb without a plan also looks at --dry_run.
      dry_run: what --dry_run prints, for --help.
      plan: says what would be done, with --dry_run; writes nothing.
      words: whether positional words are allowed.
      adapt: makes the verb for a command line, where its flags or its --help depend on
        the words in it.
      device: what a verb without --device computes on.
    """

    name: str
    about: str
    flags: Mapping[str, Flag]
    run: Callable[[Command], Reply]
    dry_run: str
    plan: Callable[[Command], Reply] | None = None
    words: bool = False
    adapt: Callable[[Sequence[str]], "Verb"] | None = None
    device: str = "auto"


def carry_out(verb: Verb, argv: Sequence[str]) -> int:
    """Carries out a verb, prints its answer and returns the exit code.

    Errors that a user can mend become one line on standard error and exit code 2, after
    their traceback with --debug. A mistake in the library (TypeError, KeyError) is
    raised.
    """
    known = {
        "dry_run": Flag(False, verb.dry_run),
        "json": Flag(
            False, "print the answer as one JSON object instead of a sentence"
        ),
        "debug": Flag(False, "show where an error arose, not its message alone"),
    }
    try:
        verb = verb.adapt(argv) if verb.adapt else verb
        command = parse({**verb.flags, **known}, argv, verb.about, verb.words)
        use_device(command.flags.device if "device" in verb.flags else verb.device)
        planned = verb.plan if command.flags.dry_run else None
        answer = (planned or verb.run)(command)
        text = json.dumps(answer.data) if command.flags.json else answer.text
        if answer.content is None:
            sys.stdout.write(f"{text}\n")
            return answer.code
        out = streams.guard(sys.stdout)
        out.write_bytes(answer.content)
        if out.lost is not None:  # `main` says why
            return UNREAD if isinstance(out.lost, BrokenPipeError) else USAGE
        sys.stderr.write(f"{text}\n")
        return answer.code
    except HelpWanted as text:
        sys.stdout.write(f"{text}\n")
        return 0
    except REFUSALS as error:
        if "--debug" in argv:
            traceback.print_exc()
        line = one_line(error)
        if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in line:
            line = f"out of memory: ask for less at once ({line[:200]})"
        sys.stderr.write(f"kscale {verb.name}: {line}\n")
        return USAGE


def one_line(error: BaseException) -> str:
    """Returns an error's message in one line; its type where it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def use_device(device: str) -> None:
    """Computes on the CPU, GPU or TPU from now on; "auto" leaves the choice to JAX."""
    named = os.environ.get("JAX_PLATFORMS", "")
    if device == "auto" and named in ("", "cpu"):
        return
    import jax

    what = f"JAX_PLATFORMS={named}"
    if device != "auto":
        what = f"--device={device}"
        jax.config.update("jax_platforms", {"gpu": "cuda"}.get(device, device))
    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:  # JAX asserts that there is a GPU
        why = f": {one_line(error)[:120]}" if str(error) else ""
        line = f"{what}: there is no such device here, or no JAX for it{why}"
        raise UsageError(line) from error
