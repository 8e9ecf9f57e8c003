"""Extraction: what is memorized beside what questions draw out."""

import pytest

from kscale import report
from kscale.report.extraction import pair_extractions

# Two values are asked about: 0.9 and 0.7; the name is in every question, and the city
# follows from the employer.
ACCURACY = {"name": 0.1, "pronoun": 0.5, "major": 0.9, "employer": 0.7, "city": 0.0}
KINDS = {"name": "name", "city": "derived"}


def base(mark="aaa", name="bios", accuracy=ACCURACY):
    return {
        "fingerprint": mark,
        "name": name,
        "exposures": 600.0,
        "accuracy": accuracy,
        "pieces": [{"piece": x, "kind": KINDS.get(x, "value")} for x in accuracy],
        "config": {"start": ""},
    }


def by_piece(accuracy):
    """Two values whose mean it is; the city is no value of its own."""
    return {"major": accuracy - 0.02, "employer": accuracy + 0.02, "city": 0.9}


def tuned(start, held_out, trained, embedding=8, attention=4):
    rules = (
        f"*/attention/query:{attention}",
        f"*/attention/value:{attention}",
        f"embed/table:{embedding}",
    )
    lora = {"rules": list(rules) if attention else []}
    answers = {
        name: {"accuracy": right, "accuracy_by_piece": by_piece(right)}
        for name, right in (("held_out", held_out), ("trained", trained))
    }
    return {
        "fingerprint": f"{start}-{embedding}-{attention}",
        "config": {"start": start, "model": {"lora": lora}},
        "parts": {"questions": answers},
    }


ROWS = [
    tuned("aaa", 0.25, 0.9),
    base(),
    tuned("aaa", 0.6, 1.0, 32, 8),
    base("bbb", "bios_simple"),
    tuned("bbb", 0.05, 1.0),
    tuned("aaa", 0.7, 1.0, 0, 0),
    base("ccc", "not tuned"),
]


def test_each_model_with_its_fine_tunings():
    first, second = pair_extractions(ROWS)
    assert first.base["name"] == "bios"
    assert first.memorized == pytest.approx(0.8)
    assert first.held_out == pytest.approx([0.25, 0.6, 0.7])
    assert first.trained == pytest.approx([0.9, 1.0, 1.0])
    assert second.base["name"] == "bios_simple"
    assert second.held_out == pytest.approx([0.05])


def test_the_picture_shows_both_accuracies_and_what_is_memorized(drawn, tmp_path):
    report.draw_extraction(ROWS, tmp_path / "a.png", "A title")
    assert (tmp_path / "a.png").stat().st_size > 10_000
    (axes,) = drawn[0].axes
    lines = {line.get_label(): list(line.get_ydata()) for line in axes.lines[:3]}
    assert lines["bios, 600 exposures: memorized"] == pytest.approx([0.8, 0.8])
    assert lines["bios, 600 exposures: held out"] == pytest.approx([0.25, 0.6, 0.7])
    assert lines["bios, 600 exposures: trained"] == pytest.approx([0.9, 1.0, 1.0])
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == ["(8, 4)", "(32, 8)", "all"]
