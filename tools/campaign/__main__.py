"""Attacks kscale and counts what held: `python -m tools.campaign`.

    python -m tools.campaign                      # a few of each, two minutes
    python -m tools.campaign --kills=100 --signals=60 --races=40 --resumes=20
    python -m tools.campaign --inputs=3000 --damage=12000 --surroundings=60
    python -m tools.campaign --kills=1 --first=17 --seed=0 --folder=/tmp/look

Prints a line of counts for each campaign, and for each attack that went wrong what was
wrong, how to repeat it, and where it lies (with --folder). The exit code is 1 then.
"""

import json
import os
import pathlib
import signal
import sys
import tempfile

from absl import app, flags, logging

from tools.campaign import damage, inputs, interruptions, races, surroundings
from tools.campaign.cases import Campaign, claim_folder, run_campaign

# Damage is last: it starts JAX, after which nothing forks.
CAMPAIGNS = (
    Campaign(
        "kills",
        "kill -9 at random moments, then on to the end",
        3,
        interruptions.prepare_kills,
    ),
    Campaign(
        "signals",
        "TERM, INT, HUP, USR1 at random moments of each stage",
        3,
        interruptions.prepare_signals,
    ),
    Campaign(
        "races",
        "two trainings of one folder at the same moment",
        2,
        races.prepare_races,
    ),
    Campaign(
        "resumes",
        "a killed run, gone on with twice at the same moment",
        1,
        races.prepare_resumes,
    ),
    Campaign("sweeps", "two sweeps or demos at once", 1, races.prepare_sweeps),
    Campaign(
        "surroundings",
        "full disks, read-only folders, closed streams, ASCII terminals, a broken git",
        3,
        surroundings.prepare_surroundings,
    ),
    Campaign(
        "inputs",
        "bad flags, fields, worlds, texts, runs and experiments",
        50,
        inputs.prepare_inputs,
    ),
    Campaign(
        "damage",
        "changed bytes in files of a finished run",
        200,
        damage.prepare_damage,
    ),
)


def main(argv: list[str]) -> None:
    """Carries out the campaigns that were asked for, or a few attacks of each."""
    del argv
    chosen = {each: flags.FLAGS[each.name].value for each in CAMPAIGNS}
    if not any(count is not None for count in chosen.values()):
        chosen = {each: each.few for each in CAMPAIGNS}
    for number in (signal.SIGINT, signal.SIGHUP):  # ignored behind nohup
        default = number == signal.SIGINT and signal.default_int_handler
        signal.signal(number, default or signal.SIG_DFL)
    with tempfile.TemporaryDirectory(prefix="kscale_campaign_") as temporary:
        folder = pathlib.Path(_FOLDER.value or temporary).absolute()
        try:
            claim_folder(folder)
        except ValueError as error:
            sys.stderr.write(f"{error}\n")
            sys.exit(2)  # 1 says that an attack went wrong
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder / "compiled"))
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        from tools.campaign.processes import import_all

        import_all()
        logging.set_verbosity(logging.FATAL)  # of what libraries say of damage
        wrong = 0
        for campaign, count in chosen.items():
            if not count:
                continue
            tally = run_campaign(
                campaign, count, folder, sys.stdout, _SEED.value, _FIRST.value
            )
            print(json.dumps(tally._asdict()) if _JSON.value else tally.line)
            sys.stdout.flush()
            wrong += tally.wrong
            if tally.count < count:
                sys.exit(128 + signal.SIGINT)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    for _each in CAMPAIGNS:
        flags.DEFINE_integer(_each.name, None, _each.about, 0)
    _SEED = flags.DEFINE_integer("seed", 0, "of all attacks", 0)
    _FIRST = flags.DEFINE_integer("first", 0, "number of the first attack", 0)
    _FOLDER = flags.DEFINE_string("folder", None, "where attacks lie; a temporary one")
    _JSON = flags.DEFINE_boolean("json", False, "print the counts as JSON")
    app.run(main)
