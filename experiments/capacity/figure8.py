"""Allen-Zhu & Li 2024, figure 8: what junk costs, and what a domain token gives back.

Reproduces: (b) with 7/8 of the tokens about random people, useful knowledge at 100
exposures falls to a twentieth of (a); (c, d, e) longer training makes up for it slowly;
(f) junk that repeats itself costs nothing; (g, h) a special token in front of useful
text gives most of it back (results 10 to 12).

    kscale sweep capacity/figure8 --size=smoke    a minute: does it run?
    kscale sweep capacity/figure8 --size=small    15 minutes on two cores (see --part)
    kscale sweep capacity/figure8 --size=paper    two months of one GPU

Expect: R falls by a factor 4.7, 2.8, 1.16, 1.12 in (b) to (e), 1.13 in (f) and 2.5 in
(g) with 120 people.

Small: 120 useful people of 26 bits ("tiny") in a model of two layers and width 32,
which learns them in 300 exposures if it reads nothing else; exposures 300, 900, 1800
and 3000 stand for 100, 300, 600 and 1000. (a), (b) and (g) also with 200 people. Random
junk is 260,000 people, repeated junk a few dozen at most, in windows of their own. R
counts useful knowledge only. Without a token in front a name costs log2 8 = 3 bits
more, as nobody can know that a useful text comes. Paper: the rates, batches and people
of Parameter 10, up to 1M, in the models of figure 1 with R_max from 1/2 to 4; the text
does not say which were tried.
"""

import dataclasses
import pathlib

from kscale import report
from kscale.configs import capacity, grids, power_law
from kscale.configs.base import Config, PartConfig
from kscale.configs.published import bios_setting, junk_setting
from kscale.files import Row
from kscale.report import Curve, Panel

# name -> exposures in hundreds, junk, domain token
SETTINGS = {
    "a": (1, "none", False),
    "b": (1, "random", False),
    "c": (3, "random", False),
    "d": (6, "random", False),
    "e": (10, "random", False),
    "f": (1, "repeated", False),
    "g": (1, "random", True),
    "h": (3, "random", True),
}
LONGEST_FIRST = "edhcgfba"
# The most useful people of each setting (Parameter 10), out of PAPER_PEOPLE.
PAPER_PEOPLE = (50_000, 100_000, 200_000, 500_000, 1_000_000)
PAPER_MOST = {100: 1_000_000, 300: 500_000, 600: 500_000, 1000: 200_000}


def runs(size: str) -> list[Config]:
    """The eight settings, the longest first."""
    if size == "paper":
        return [
            run
            for name in SETTINGS
            for people in PAPER_PEOPLE
            for run in _published(name, people)
        ]
    if size == "smoke":
        return [_tiny(name, 12, 4, 8) for name in "abfg"]
    return [
        *(_tiny(name, 120, 300, 32) for name in LONGEST_FIRST),
        *(_tiny(name, 200, 300, 32) for name in "gba"),
    ]


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """R beside that of (a) in the same world and model, and accuracy."""
    alone = {_world(row): row for row in rows if row["name"][-1] == "a"}
    held, right = [], []
    for place, name in enumerate(SETTINGS):
        of = [row for row in rows if row["name"][-1] == name]
        if not of:
            continue
        label = _label(name, of[0])
        ratios = [
            row["bits_per_param"] / alone[_world(row)]["bits_per_param"]
            for row in of
            if _world(row) in alone
        ]
        where, accuracy = [place] * len(of), [row["loss"]["accuracy"] for row in of]
        held.append(Curve(label, where[: len(ratios)], ratios, None, "o", place))
        right.append(Curve("", where, accuracy, None, "o", place))
    report.draw_panels(
        [
            Panel("setting", "R of useful knowledge over R of (a)", held),
            Panel("setting", "accuracy on useful knowledge", right),
        ],
        path,
        "Allen-Zhu & Li 2024, figure 8: useful people among junk",
    )


def _world(row: Row) -> tuple[int, str]:
    return row["population"], row["model"]


def _label(name: str, row: Row) -> str:
    _, kind, domain = SETTINGS[name]
    junk = "no junk" if kind == "none" else f"7/8 {kind} junk"
    return f"({name}) {junk}, {row['exposures']:g} exposures" + ", token" * domain


def _published(name: str, people: int) -> list[Config]:
    """The models that a setting's people fill, at every published rate."""
    hundreds, kind, domain = SETTINGS[name]
    exposures, runs = 100 * hundreds, []
    if people > PAPER_MOST[exposures]:
        return []
    for model in grids.fitting_models("GPT2", people, 100):
        config = capacity.junk(people, model, exposures, kind, domain)
        if kind == "none":
            rates = bios_setting(people, exposures, model).learning_rates
        else:
            rates = junk_setting(people, exposures, kind, domain).learning_rates
        runs += grids.make_grid(config, {f"figure8{name}": config.model}, rates)
    return runs


def _tiny(name: str, people: int, unit: int, width: int) -> Config:
    hundreds, kind, domain = SETTINGS[name]
    others = {"random": 260_000, "repeated": max(1, people // 6)}
    parts = (PartConfig(people=others[kind], weight=7.0),) if kind in others else ()
    config = power_law.tiny(people, hundreds * unit, width)
    return dataclasses.replace(
        config,
        name=f"figure8{name}",
        parts=parts,
        corpus=dataclasses.replace(config.corpus, domain="useful" if domain else ""),
    )
