"""`python -m kscale VERB`: the console command without an installation."""

import sys

from kscale.cli import main

if __name__ == "__main__":
    sys.exit(main())
