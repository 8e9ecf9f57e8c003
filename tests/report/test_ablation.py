"""What is left of a model without its parts, as bars."""

from kscale import report


def row(of, bits, **kept):
    whole = {"what": "whole", "tempered_kept": 1.0}
    damaged = [{"what": what, "tempered_kept": x} for what, x in kept.items()]
    return {"config": {"of": of, "rounded_to": bits}, "rows": [whole, *damaged]}


def heights(axes):
    return sorted(bar.get_height() for bar in axes.patches)


def test_a_panel_for_each_number_of_bits_and_a_bar_for_each_change(tmp_path, drawn):
    rows = [
        row("wide", 3, attention=0.4, mlp=0.25),
        row("wide", 4, attention=0.9, mlp=0.75),
        row("narrow", 4, attention=-3.0, mlp=None),
        {"config": {"start": ""}},  # the row of a model itself
    ]
    report.draw_ablation(rows, tmp_path / "x.png", "title")
    four, three = drawn[0].axes
    assert heights(three) == [0.25, 0.4]
    # Far below zero is drawn at -0.5; a model that knew nothing has nothing left.
    assert heights(four) == [-0.5, 0.0, 0.75, 0.9]
    assert [label.get_text() for label in four.get_xticklabels()] == [
        "attention",
        "mlp",
    ]
    assert [text.get_text() for text in four.get_legend().get_texts()] == [
        "wide",
        "narrow",
    ]
