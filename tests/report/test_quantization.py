"""What is kept in fewer bits a weight, as lines and stars; without parts, as bars."""

from kscale import report


def rounded(of, method, leaves, **kept):
    """Kept shares of 100 bits, by bits a weight."""
    rows = [{"weight_bits": 16, "bits": {"total": 100.0}, "bits_kept": 1.0}]
    for bits, share in kept.items():
        number = int(bits.removeprefix("b"))
        known = {"bits": {"total": share}, "bits_kept": share}
        rows.append({"weight_bits": number, "bits_per_stored_bit": 0.5} | known)
    return {"config": {"of": of, "method": method, "leaves": leaves}, "rows": rows}


TRAINED = {
    "bits": {"total": 60.0},
    "bits_per_stored_bit": 0.3,
    "config": {"name": "wide: QAT", "qat": {"bits": 4}},
}
PLAIN = {"bits": {"total": 90.0}, "config": {"name": "wide", "qat": {"bits": 0}}}


def test_lines_are_rounded_models_and_stars_were_trained_so(tmp_path, drawn):
    rows = [
        PLAIN,
        rounded("wide", "gptq", ["layer*/kernel"], b8=0.99, b4=0.4, b2=-2.0),
        rounded("wide", "nearest", ["layer*/kernel", "*/table"], b8=0.98, b4=None),
        TRAINED,
        PLAIN | {"config": {"name": "wide: QAT", "qat": {"bits": 0}}},
        TRAINED | {"config": {"name": "unknown: QAT", "qat": {"bits": 4}}},
        rounded("all", "gptq", ["*/table"], b4=0.5),
    ]
    report.draw_quantization(rows, tmp_path / "x.png", "title")
    kept, stored = drawn[0].axes
    gptq, nearest, _, star, control, _ = kept.lines
    assert list(control.get_ydata()) == [0.9, 0.9]  # trained on, but not rounded
    assert list(gptq.get_xdata()) == [8, 4, 2]
    assert list(gptq.get_ydata()) == [0.99, 0.4, 0.0]  # below zero nothing is left
    assert list(nearest.get_ydata()) == [0.98, 0.0]
    assert (gptq.get_linestyle(), nearest.get_linestyle()) == ("-", ":")
    assert (gptq.get_markerfacecolor(), gptq.get_color()) == ("none", "#1b6ca8")
    assert [x.get_text() for x in kept.get_legend().get_texts()] == ["wide", "all"]
    assert nearest.get_markerfacecolor() == "#1b6ca8"  # the embedding is rounded too
    assert (star.get_marker(), list(star.get_ydata())) == ("*", [0.6])
    assert list(stored.lines[3].get_ydata()) == [0.3]


def damaged(of, bits, **kept):
    whole = {"what": "whole", "tempered_kept": 1.0}
    parts = [{"what": what, "tempered_kept": x} for what, x in kept.items()]
    return {"config": {"of": of, "rounded_to": bits}, "rows": [whole, *parts]}


def test_a_panel_for_each_number_of_bits_and_a_bar_for_each_change(tmp_path, drawn):
    rows = [
        damaged("wide", 3, attention=0.4, mlp=0.25),
        damaged("wide", 4, attention=0.9, mlp=0.75),
        damaged("narrow", 4, attention=-3.0, mlp=None),
        {"config": {"start": ""}},  # the row of a model itself
    ]
    report.draw_ablation(rows, tmp_path / "x.png", "title")
    four, three = drawn[0].axes
    heights = [sorted(bar.get_height() for bar in x.patches) for x in (three, four)]
    # Far below zero is drawn at -0.5; a model that knew nothing has nothing left.
    assert heights == [[0.25, 0.4], [-0.5, 0.0, 0.75, 0.9]]
    assert [x.get_text() for x in four.get_xticklabels()] == ["attention", "mlp"]
    legend = [text.get_text() for text in four.get_legend().get_texts()]
    assert legend == ["wide", "narrow"]
