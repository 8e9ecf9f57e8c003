"""Figures of capacity: what is in them, whatever the rows, and never blank."""

import io

import matplotlib.image
import numpy as np
import pytest

from kscale import report


def row(
    exposures=1000.0, model="2-1", people=100, size=1000, ratio=1.5, most=2, right=1.0
):
    return {
        "exposures": exposures,
        "model": model,
        "people": people,
        "parameters": size,
        "bits": {"total": ratio * size},
        "bits_per_param": ratio,
        "max_bits_per_param": most,
        "accuracy": {"name": 0.01, "ID 1": right, "ID 2": 1.0},
    }


MANY = [
    row(exposures, f"2-{heads}", people, 1000 * heads**2, ratio)
    for exposures, ratio in ((1000.0, 1.97), (100.0, 1.02))
    for heads in (1, 2, 4)
    for people in (100, 200, 400)
]
DRAWINGS = {"capacity": report.draw_capacity, "exposures": report.draw_exposures}


@pytest.fixture(params=DRAWINGS)
def draw(request):
    return DRAWINGS[request.param]


@pytest.mark.parametrize(
    "rows",
    [
        MANY,
        MANY[:1],
        [row(ratio=-0.2), row(100.0, ratio=-0.1)],  # models that know less than nothing
        [row(ratio=0.0, exposures=8.0), row(exposures=8.0)],
        [row(ratio=2.3, most=31.0)],
    ],
    ids=["many", "one", "negative", "one place", "far above"],
)
def test_any_rows_give_a_picture(draw, rows, tmp_path):
    draw(rows, tmp_path / "a.png", "A title")
    pixels = matplotlib.image.imread(tmp_path / "a.png")[..., :3]
    assert min(pixels.shape[:2]) > 300
    assert np.std(pixels) > 0.02
    assert (pixels > 0.99).mean() > 0.5  # on white
    draw(rows, tmp_path / "b.png", "A title")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_panel_for_each_number_of_exposures_with_two_lines(drawn, tmp_path):
    report.draw_capacity(MANY, tmp_path / "a.png", "A title")
    many, few = drawn[0].axes
    for axes, said, paper in ((many, "1000 exposures: peak 1.97", 2), (few, "100", 1)):
        assert axes.get_title().startswith(said)
        known = f" bits/parameter, 100% of values right (paper: {paper})"
        assert axes.get_title().endswith(known)
    assert drawn[0].get_suptitle() == "A title"
    assert {many.get_xscale(), many.get_yscale()} == {"log"}
    legend = [text.get_text() for text in many.get_legend().get_texts()]
    assert legend[0] == "2-1, N = 100"
    assert len(legend) == 10  # nine models and worlds, and the ring
    lines = {text.get_text() for text in many.texts}
    assert lines == {"2 bits/parameter", "1 bit/parameter"}
    ratios = [line.get_ydata() / np.asarray(line.get_xdata()) for line in many.lines]
    np.testing.assert_allclose(ratios[0], 2)
    np.testing.assert_allclose(ratios[1], 1)
    report.draw_capacity(MANY[:1], tmp_path / "a.png", "A title", published=False)
    assert "paper" not in drawn[1].axes[0].get_title()


def test_every_row_is_a_dot_under_its_limit(drawn, tmp_path):
    rows = [row(), row(100.0, ratio=0.9), row(people=20, ratio=1.2, most=1.21)]
    report.draw_exposures(rows, tmp_path / "a.png", "A title")
    (axes,) = drawn[0].axes
    dots = [
        (x, y)
        for line in axes.lines
        if line.get_marker() in "os^Dv" and line.get_linestyle() == "None"
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    ]
    for r in rows:
        assert (r["exposures"], r["bits_per_param"]) in dots
    assert dots.count((1000.0, 1.2)) == 2  # and a ring, as it knows all there is
    assert dots.count((1000.0, 1.5)) == 1
    limits = [line.get_ydata()[0] for line in axes.lines if line.get_marker() == "_"]
    assert limits == [2, 2, 1.21]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["100", "1000"]


def test_models_that_know_strings_alone_are_faint(drawn, tmp_path):
    rows = [row(ratio=1.2, right=0.0), row(ratio=1.9, right=0.01)]  # 50 and 50.5 %
    for draw in DRAWINGS.values():
        draw(rows, tmp_path / "a.png", "A title")
        axes = drawn[-1].axes[0]
        shade = {
            line.get_ydata()[0]: line.get_alpha()
            for line in axes.lines
            if line.get_marker() == "o" and len(line.get_ydata()) == 1
        }
        assert sorted(shade.values(), key=str) == [0.35, None]
        legend = [text.get_text() for text in axes.get_legend().get_texts()]
        assert legend[-1] == "faint: at most half of the values right"
    assert report.values_right(rows[1] | {"loss": {"accuracy": 0.2}}) == 0.2


def test_a_line_leads_to_a_run_that_was_scored_on_its_way(drawn):
    curve = [{"step": 1, "bits_per_param": -0.5}, {"step": 10, "bits_per_param": 0.5}]
    with io.BytesIO() as file:
        scored = row(100.0, ratio=0.9) | {"steps": 100, "curve": curve}
        old = row(100.0, ratio=-0.1) | {"steps": 100, "curve": [{"step": 1}]}
        report.draw_exposures([scored, old], file, "A title")
        assert file.getvalue().startswith(b"\x89PNG")
    (axes,) = drawn[0].axes
    (way,) = [x for x in axes.lines if len(x.get_xdata()) == 3]
    np.testing.assert_allclose(way.get_xdata(), [1, 10, 100])
    np.testing.assert_allclose(way.get_ydata(), [-0.5, 0.5, 0.9])
    assert axes.get_xlim()[0] < 1
    assert axes.get_ylim()[0] < -0.1  # where a run ends is seen
