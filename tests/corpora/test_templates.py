"""Templates: parsing, and worlds that templates cannot tell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kscale import worlds
from kscale.corpora.templates import (
    Form,
    Slot,
    Templates,
    biod_templates,
    load_templates,
    parse_template,
)

FORMS = {"pronoun": Form("pronoun", ("He", "She"))}


def test_a_line_by_hand():
    assert parse_template("{pronoun}, of {value}!", FORMS) == (
        Slot("person", "pronoun", space=True),
        Slot("text", ", of"),
        Slot("value", "value", space=True),
        Slot("text", "!"),
    )
    assert parse_template("At ({value}) {name} stood", {}) == (
        Slot("text", " At ("),
        Slot("value", "value"),
        Slot("text", ")"),
        Slot("person", "name", space=True),
        Slot("text", " stood"),
    )


@given(st.lists(st.sampled_from(["{pronoun}", "a", " ", "b.", "'s", "-"]), max_size=8))
def test_nothing_is_lost(parts):
    line = "".join(parts) + "{name} {value}"
    slots = parse_template(line, FORMS)
    written = "".join(
        slot.text if slot.kind == "text" else " " * slot.space + f"{{{slot.text}}}"
        for slot in slots
    )
    assert written == " " + line


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{name} is here", "must have {value} once"),
        ("{name} {value} {value}", "must have {value} once"),
        ("it is {value}", "mention the person, by {name} or {pronoun}"),
        ("{name} {value} {him}", "has {him}; known are {value}, {name}, {pronoun}"),
        ("{name} {value} {}", "has {}; known"),
        ("{name} {value} {first name}", "has a brace that is part of no placeholder"),
        ("{name} { {value}", "has a brace"),
    ],
)
def test_bad_lines(line, message):
    with pytest.raises(ValueError, match=f"here: .*{message}"):
        parse_template(line, FORMS, "here")


def test_templates_of_a_folder_and_of_biod(write):
    templates = load_templates(write())
    assert list(templates.sentences) == ["birth", "employer", "city"]
    assert templates.forms == {
        "pronoun": Form("pronoun", ("He", "She")),
        "possessive": Form("pronoun", ("His", "Her"), "'s"),
    }
    world = worlds.build_biod(1, attributes=2)
    for style, number in (("paper", 4), ("bare", 3)):
        templates = biod_templates(world, style)
        assert isinstance(templates, Templates)
        assert [len(t) for (t,) in templates.sentences.values()] == [number] * 2
    with pytest.raises(ValueError, match="style='rich': choose 'paper' or 'bare'"):
        biod_templates(world, "rich")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"templates/city.txt": ""}, r"city\.txt does not exist"),
        ({"templates/city.txt": "{name}"}, r"city\.txt, line 1: '{name}' must have"),
        (
            {"templates/town.txt": "{name} {value}"},
            r"town\.txt is never used: name t",
        ),
        (
            {
                f"templates/{name}.txt": "{name} has {value}."
                for name in ("birth", "employer", "city")
            },
            "'pronoun' has bits but is never written",
        ),
        ({"order.txt": "birth\ncity"}, r"\['employer', 'pronoun'\] have no sentence"),
        ({"values/title.txt": "Dr\nMs"}, r"\['pronoun', 'title'\] have no sentence"),
        (
            {"values/pronoun+possessive.txt": "", "order.txt": "employer\ncity"},
            "'birth' has 2 columns and so needs a sentence",
        ),
        (
            {"order.txt": "birth\nemployer\ncity\npossessive"},
            "'possessive' gives 'pronoun' away",
        ),
        (
            {"values/pronoun+possessive.txt": "He;Their\nShe;Their"},
            r"values/pronoun\+possessive\.txt: 'Their' is said of 'He' and of 'She', so"
            r" it does not tell which: change it or use no {possessive} in the templ",
        ),
    ],
)
def test_worlds_that_cannot_be_told(write, changes, message):
    world = write(**changes)
    with pytest.raises(ValueError, match=message):
        load_templates(world)
