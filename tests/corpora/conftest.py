"""A small world of plain text, and how its files are written."""

import pathlib

import pytest

from kscale import worlds

FOLDER = {
    "names/1_first.txt": "Ada\nBo\nCy\nDee",
    "names/2_last.txt": "Ek\nFox\nGray",
    "values/pronoun+possessive.txt": "He;His\nShe;Her",
    "values/birth/1_month.txt": "May\nJune",
    "values/birth/2_year.txt": "1900\n1901\n1902",
    "values/birth/join.txt": "{month}, {year}",
    "values/employer+city.txt": "Acme;Rome\nBolt;Oslo\nCorp;Rome",
    "templates/birth.txt": "{possessive} birthday is in {value}.",
    "templates/employer.txt": "{pronoun} works for {value} now.",
    "templates/city.txt": "{name} is in {value}.",
    "order.txt": "birth\nemployer\ncity",
}


@pytest.fixture
def write(tmp_path):
    def write_world(people=12, seed=0, **changes):
        for path, text in (FOLDER | changes).items():
            file: pathlib.Path = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            if text:
                file.write_text(text + "\n", "utf-8")
        return worlds.build_bios(people, seed, lists=str(tmp_path))

    return write_world
