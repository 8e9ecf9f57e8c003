"""The console command: `kscale VERB --flag=value ...`; `kscale VERB --help` tells more.

Each verb is a module of its own and runs as `python -m kscale.VERB`, too.
"""

import importlib
import sys
from collections.abc import Sequence

from kscale import __version__
from kscale.cli.flags import USAGE
from kscale.configs import fields

VERBS = {
    "demo": ("kscale.cli.demo", "train the demo models and draw bits per parameter"),
    "train": ("kscale.cli.train", "train a config and say how many bits it holds"),
    "score": ("kscale.cli.score", "score a run's model again"),
    "ablate": ("kscale.cli.ablate", "where a run's model stores what it knows"),
    "quantize": ("kscale.cli.quantize", "round a run's weights to few bits, score it"),
    "show": ("kscale.cli.show", "one person: facts, text with spans, tokens, bits"),
    "sweep": ("kscale.cli.sweep", "run an experiment and draw its figure"),
    "theory": ("kscale.cli.theory", "the formulas of the papers"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out the verb in `argv`; the exit code is 0, or 2 for a usage error."""
    words = list(sys.argv[1:] if argv is None else argv)
    verb, rest = (words[0], words[1:]) if words else ("--help", [])
    if verb in ("--help", "-h", "help"):
        sys.stdout.write(usage())
        return 0
    if verb == "--version":
        sys.stdout.write(f"kscale {__version__}\n")
        return 0
    if verb not in VERBS:
        sys.stderr.write(f"kscale: {fields.unknown('verb', verb, verb, VERBS)}\n")
        return USAGE
    module, _ = VERBS[verb]
    return importlib.import_module(module).main(rest)


def usage() -> str:
    """What `kscale --help` shows."""
    verbs = "".join(f"  {verb:<10}{about}\n" for verb, (_, about) in VERBS.items())
    return (
        "kscale: how many bits of knowledge does a language model store?\n\n"
        f"usage: kscale VERB [--flag=value ...]\n\n{verbs}\n"
        "kscale VERB --help lists the verb's flags and the named configs.\n"
    )


if __name__ == "__main__":
    sys.exit(main())
