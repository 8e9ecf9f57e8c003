"""What a campaign is: numbered cases, each drawn from the seed and its own number."""

import collections
import dataclasses
import pathlib
import shutil
import time
import traceback
import zlib
from collections.abc import Callable
from typing import NamedTuple, TextIO

import numpy as np


class Case(NamedTuple):
    """One attack.

    Attributes:
      rng: from which all of it is drawn.
      place: an empty folder of its own.
    """

    rng: np.random.Generator
    place: pathlib.Path


class Outcome(NamedTuple):
    """How one attack ended.

    Attributes:
      kind: under which it is counted.
      wrong: what kscale did wrong, in a line; "": nothing.
      command: of kscale's own, that shows it; "": the campaign's alone does.
    """

    kind: str
    wrong: str = ""
    command: str = ""


Attack = Callable[[Case], Outcome]


@dataclasses.dataclass(frozen=True)
class Campaign:
    """Many attacks of one kind.

    Attributes:
      name: of its flag.
      about: what it does, for --help.
      few: how many attacks take a few seconds.
      prepare: makes what all attacks share in a folder; returns the attack.
    """

    name: str
    about: str
    few: int
    prepare: Callable[[pathlib.Path], Attack]


class Tally(NamedTuple):
    """How a campaign ended: so many attacks, so many of them went wrong."""

    name: str
    count: int
    wrong: int
    seconds: float
    kinds: dict[str, int]

    @property
    def line(self) -> str:
        """The counts in one line."""
        kinds = ", ".join(f"{kind} {n:,}" for kind, n in sorted(self.kinds.items()))
        held = f"{self.count - self.wrong:,} of {self.count:,} held"
        return f"{self.name:<13}{held} in {self.seconds:,.0f} s ({kinds})"


_MARK = "campaign.txt"  # in a folder whose attacks may be deleted


def claim_folder(folder: pathlib.Path) -> None:
    """Empties a folder of earlier attacks, or makes it.

    Raises:
      ValueError: it holds something, and no campaign has made it.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARK).exists():
        raise ValueError(
            f"--folder={folder} is not empty and no campaign's: name a new folder, or"
            f" an empty one"
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARK).write_text("What is in this folder may be deleted.\n")
    shutil.rmtree(folder / "shared", ignore_errors=True)


def run_campaign(
    campaign: Campaign,
    count: int,
    folder: pathlib.Path,
    out: TextIO,
    seed: int = 0,
    first: int = 0,
) -> Tally:
    """Carries out the attacks and prints how each that went wrong can be repeated.

    Ctrl-C ends it early: what was done is counted.

    Args:
      campaign: which.
      count: how many attacks.
      folder: gets a folder for each attack, which stays if something went wrong.
      out: where lines go.
      seed: of all attacks.
      first: number of the first attack.
    """
    began, kinds, wrong = time.monotonic(), collections.Counter(), 0
    shared = folder / "shared"
    shared.mkdir(parents=True, exist_ok=True)
    attack = campaign.prepare(shared)
    for number in range(first, first + count):
        place = folder / f"{campaign.name}_{number}"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        mark = [seed, zlib.crc32(campaign.name.encode()), number]
        try:
            outcome = attack(Case(np.random.default_rng(mark), place))
        except KeyboardInterrupt:
            break
        except Exception:  # of the campaign itself; the others go on
            outcome = Outcome("broken", traceback.format_exc())
        kinds[outcome.kind] += 1
        if not outcome.wrong:
            shutil.rmtree(place)
            continue
        wrong += 1
        again = f"python -m tools.campaign --{campaign.name}=1 --first={number}"
        out.write(
            f"{campaign.name} {number} ({outcome.kind}): {outcome.wrong}\n"
            f"  {again} --seed={seed}\n"
        )
        if outcome.command:
            out.write(f"  {outcome.command}\n")
        out.flush()
    seconds = time.monotonic() - began
    return Tally(campaign.name, kinds.total(), wrong, seconds, dict(kinds))
