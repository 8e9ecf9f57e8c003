"""The page of errata says what the library computes."""

import pathlib
import runpy

import pytest

FOLDER = pathlib.Path(__file__).parents[1] / "experiments"


@pytest.mark.slow
def test_the_page_is_what_the_script_prints():
    """Renew it: python experiments/errata.py > experiments/errata.md"""
    page = runpy.run_path(str(FOLDER / "errata.py"))["page"]()
    assert (FOLDER / "errata.md").read_text(encoding="utf-8") == page


def test_every_erratum_has_numbers():
    script = runpy.run_path(str(FOLDER / "errata.py"))
    page = (FOLDER / "errata.md").read_text(encoding="utf-8")
    sections = page.split("\n## ")[1:]
    assert len(sections) == len(script["ERRATA"])
    for section, erratum in zip(sections, script["ERRATA"], strict=True):
        assert erratum.place in section
        assert section.count("\n| ") >= 2
