"""The console command: `kscale VERB --flag=value ...`, or `python -m kscale VERB`.

A verb is a module of this room with a `VERB`; it is imported when it is asked for, so
that `kscale --help` does not start JAX.
"""

import importlib
import sys
from collections.abc import Sequence

from kscale import __version__

VERBS = {
    "demo": "train the demo models and draw bits per parameter",
    "train": "train a config and say how many bits it holds",
    "score": "score a run's model again",
    "ablate": "where a run's model stores what it knows",
    "quantize": "round a run's weights to few bits, score it",
    "show": "one person: facts, text with spans, tokens, bits",
    "sweep": "run an experiment and draw its figure",
    "theory": "the formulas of the papers",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Carries out the verb in `argv`; the exit code is 0, or 2 for a usage error."""
    words = list(sys.argv[1:] if argv is None else argv)
    verb, rest = (words[0], words[1:]) if words else ("--help", [])
    if verb in ("--help", "-h", "help"):
        verbs = "".join(f"  {verb:<10}{about}\n" for verb, about in VERBS.items())
        sys.stdout.write(
            "kscale: how many bits of knowledge does a language model store?\n\n"
            f"usage: kscale VERB [--flag=value ...]\n\n{verbs}\n"
            "kscale VERB --help lists the verb's flags and the named configs.\n"
        )
        return 0
    if verb == "--version":
        sys.stdout.write(f"kscale {__version__}\n")
        return 0
    if verb not in VERBS:
        from kscale.configs import fields

        sys.stderr.write(f"kscale: {fields.unknown('verb', verb, verb, VERBS)}\n")
        return 2
    from kscale.cli.verb import carry_out

    return carry_out(importlib.import_module(f"kscale.cli.{verb}").VERB, rest)
