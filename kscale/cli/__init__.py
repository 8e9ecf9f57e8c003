"""The console command: `kscale VERB --flag=value ...`, or `python -m kscale VERB`.

A verb is a module of this room with a `VERB`; it is imported when it is asked for, so
that `kscale --help` does not start JAX.
"""

import importlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence

from kscale import __version__, stopping, streams

VERBS = {
    "demo": "train the demo models and draw bits per parameter",
    "train": "train a config and say how many bits it holds",
    "score": "score a run's model again",
    "ablate": "where a run's model stores what it knows",
    "quantize": "round a run's weights to few bits, score it",
    "compress": "text to a small file, by a run's model",
    "decompress": "the text of such a file",
    "show": "one person: facts, text with spans, tokens, bits",
    "sweep": "run an experiment and draw its figure",
    "theory": "the formulas of the papers",
}
CRASHED = 70  # sysexits.h's "internal software error"

EXIT_CODES = {
    0: "done",
    1: "done, but for runs of a sweep that failed or members that diverged",
    2: "refused: the line says what was wrong and what to change",
    CRASHED: "a mistake of kscale's, with its traceback: please report it",
    stopping.REQUEUE: "stopped by USR1, USR2 or XCPU, to be queued again; what was"
    " saved is kept",
    128 + signal.SIGHUP: "stopped by HUP (the terminal closed); what was saved is kept",
    128 + signal.SIGINT: "stopped by INT (Ctrl-C); what was saved is kept",
    128 + signal.SIGPIPE: "compress, decompress: who read the bytes has gone",
    128 + signal.SIGTERM: "stopped by TERM; what was saved is kept",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Carries out the verb in `argv` and returns one of `EXIT_CODES`.

    What cannot be printed ends nothing, and a signal is one line.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    with streams.protect():
        name = f"kscale {words[0]}" if words else "kscale"
        try:
            with stopping.watch(ends_process=True):
                code = _main(words)
                if stopped := stopping.received_signal():  # too late to be asked for
                    came = signal.Signals(stopped).name
                    sys.stderr.write(f"{name}: {came} came when the work was done\n")
                    code = stopping.exit_code(stopped)
        except KeyboardInterrupt as error:
            number = getattr(error, "number", signal.SIGINT)
            sys.stderr.write(f"{name}: {error or 'stopped by SIGINT'}\n")
            code = stopping.exit_code(number)
            if argv is None:
                os._exit(code)  # Python's own end may crash on threads of JAX at work
        except Exception:
            traceback.print_exc()
            code = CRASHED
        lost = getattr(sys.stdout, "lost", None)
        if lost is not None and not isinstance(lost, BrokenPipeError):
            sys.stderr.write(f"{name}: the answer could not be printed ({lost})\n")
    return code


def _main(words: list[str]) -> int:
    verb, rest = (words[0], words[1:]) if words else ("--help", [])
    if verb in ("--help", "-h", "help"):
        verbs = "".join(f"  {verb:<12}{about}\n" for verb, about in VERBS.items())
        codes = "".join(f"  {code:<12}{why}\n" for code, why in EXIT_CODES.items())
        sys.stdout.write(
            "kscale: how many bits of knowledge does a language model store?\n\n"
            f"usage: kscale VERB [--flag=value ...]\n\n{verbs}\n"
            "kscale VERB --help lists the verb's flags and the named configs.\n\n"
            f"exit codes:\n{codes}"
        )
        return 0
    if verb == "--version":
        sys.stdout.write(f"kscale {__version__}\n")
        return 0
    if verb not in VERBS:
        from kscale.configs import fields

        sys.stderr.write(f"kscale: {fields.unknown('verb', verb, verb, VERBS)}\n")
        return 2
    with stopping.defer():  # half an import is none
        from kscale.cli.verb import carry_out

        module = importlib.import_module(f"kscale.cli.{verb}")
    stopping.check()
    return carry_out(module.VERB, rest)
