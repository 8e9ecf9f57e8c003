"""Figures of curves: what is drawn can be found in the picture."""

from functools import partial

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure

from kscale import report
from kscale.report import COLORS, Curve, Panel, draw_panels, panels

X = np.geomspace(1, 1e4, 9)


def axes_of(panel):
    axes = Figure().subplots()
    panels._draw(axes, panel)
    return axes


def test_a_panel_shows_what_it_was_given():
    line = Curve("theory", X, X**-0.5)
    dots = Curve("simulation", X, X**-0.5, 0.01 * np.ones(9), "o", color=0)
    panel = Panel("N", "loss (nats)", [line, dots], "title", "xy", {0.5: "half"})
    axes = axes_of(panel)
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("N", "loss (nats)")
    assert [text.get_text() for text in axes.texts] == ["half"]
    legend = axes.get_legend()
    assert legend
    assert [t.get_text() for t in legend.get_texts()] == ["theory", "simulation"]
    first, second = axes.containers
    assert first.lines[0].get_color() == second.lines[0].get_color() == COLORS[0]
    bars = second.lines[2][0].get_segments()
    assert bars[0][1][1] - bars[0][0][1] == pytest.approx(4 * 0.01)


def test_a_logarithm_leaves_gaps():
    axes = axes_of(Panel("x", "y", [Curve("", X, np.arange(9.0) - 1)], log="y"))
    shown = np.asarray(axes.containers[0].lines[0].get_ydata(), float)
    assert np.isnan(shown[:2]).all()
    assert np.isfinite(shown[2:]).all()


@pytest.mark.parametrize("count", [1, 3])
def test_a_picture_is_written(count, tmp_path):
    several = [Panel("x", "y", [Curve("line", X, X)], log="x")] * count
    draw_panels(several, tmp_path / "a.png", "nothing")
    pixels = matplotlib.image.imread(tmp_path / "a.png")
    assert pixels.shape[1] > (900 if count == 1 else 1800)
    assert np.std(pixels[..., :3]) > 0.02


BASE = {"fingerprint": "a", "config": {"start": ""}}
TUNED = {"fingerprint": "b", "config": {"start": "a"}}
TRAINED = {"config": {"name": "wide: QAT", "qat": {"bits": 4}}}


@pytest.mark.parametrize(
    ("draw", "rows", "message"),
    [
        (draw_panels, [Panel("x", "y", [])], "there are no curves to draw"),
        (report.draw_capacity, [], "there are no rows to draw"),
        (report.draw_exposures, [], "there are no rows to draw"),
        (partial(report.draw_comparison, baseline=""), [], "there are no rows to draw"),
        (report.draw_ablation, [BASE], "no row is of a damaged model"),
        (report.draw_quantization, [TRAINED], "no row is of a rounded model"),
        (report.draw_extraction, [], "no row of a fine-tuning with its"),
        (report.draw_extraction, [BASE], "no row of a fine-tuning with its"),
        (report.draw_extraction, [TUNED], "no row of a fine-tuning with its"),
    ],
)
def test_nothing_to_draw_is_an_error_and_no_picture(draw, rows, message, tmp_path):
    with pytest.raises(ValueError, match=rf"a\.png: {message}"):
        draw(rows, tmp_path / "a.png", "A title")
    assert not (tmp_path / "a.png").exists()


def test_marks_are_upright_and_named():
    marks = {10.0: "threshold", 100.0: "capacity"}
    axes = axes_of(Panel("x", "y", [Curve("", X, X)], log="x", marks=marks))
    assert [text.get_text() for text in axes.texts] == ["threshold", "capacity"]
    upright = [line for line in axes.lines if len(set(line.get_xdata())) == 1]
    assert [line.get_xdata()[0] for line in upright] == [10, 100]
    assert [list(line.get_ydata()) for line in upright] == [[0, 1], [0, 1]]
