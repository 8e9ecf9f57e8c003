"""Models beside each other: whose best rate counts, and what the picture says."""

import pytest

from kscale import report


def row(
    name="GPT2",
    rate=1e-3,
    value=1.0,
    seed=0,
    exposures=1000.0,
    model="2-2",
    people=450,
    right=0.75,
):
    return {
        "name": name,
        "model": model,
        "people": people,
        "parameters": 1000,
        "exposures": exposures,
        "bits_per_param": value,
        "max_bits_per_param": 2.0,
        "loss": {"accuracy": right},
        "config": {"train": {"learning_rate": rate, "seed": seed}},
    }


def grid(name, values, exposures=1000.0):
    """Rows of seeds 0, 1, ... at each rate."""
    return [
        row(name, rate, value, seed, exposures)
        for rate, several in values.items()
        for seed, value in enumerate(several)
    ]


# The best seed of all is at the rate whose mean is lower.
GPT2 = grid("GPT2", {1e-3: (1.0, 2.0), 2e-3: (1.7, 1.9), 5e-3: (0.5, 0.6)})
LLAMA = grid("LLaMA", {1e-3: (0.9, 0.9)})


def test_the_rate_is_chosen_by_its_mean_over_seeds():
    gpt2, llama = report.choose_rates([*GPT2, *LLAMA])
    assert (gpt2.name, gpt2.rate, gpt2.values) == ("GPT2", 2e-3, [1.7, 1.9])
    assert gpt2.mean == pytest.approx(1.8)
    assert gpt2.tried == {1e-3: [1.0, 2.0], 2e-3: [1.7, 1.9], 5e-3: [0.5, 0.6]}
    assert (llama.name, llama.mean) == ("LLaMA", 0.9)
    assert (gpt2.right, gpt2.most, gpt2.trained) == (0.75, 2.0, True)
    assert not llama.trained  # below half of R_max
    turned = report.choose_rates([*LLAMA, *GPT2[::-1]])
    assert [one.name for one in turned] == ["LLaMA", "GPT2"]
    assert report.choose_rates([]) == []


def test_models_and_worlds_of_one_name_are_not_thrown_together():
    small, large = {"model": "2-1", "people": 10}, {"model": "4-4", "people": 900}
    rows = [
        row(rate=1e-3, value=2.0, **small),
        row(rate=1e-3, value=0.5, **large),
        row(rate=2e-3, value=1.0, **large),
    ]
    first, second = report.choose_rates(rows)
    assert (first.model, first.people, first.rate, first.mean) == ("2-1", 10, 1e-3, 2)
    assert (second.model, second.rate, second.values) == ("4-4", 2e-3, [1.0])
    with pytest.raises(ValueError, match=r"two rows of GPT2 \(2-1, 10 people\)"):
        report.choose_rates([rows[0], rows[0] | {"exposures": 100.0}])


def test_several_sizes_are_dots_at_their_parameters(drawn, tmp_path):
    sizes = [{"model": f"{n}-1", "people": n, "value": n / 4} for n in (1, 2, 3)]
    rows = [row(name, **size) for name in ("GPT2", "LLaMA") for size in sizes]
    rows = [r | {"parameters": 100 * r["people"]} for r in rows]
    report.draw_comparison(rows, tmp_path / "a.png", "A title", "GPT2")
    gpt2, llama = drawn[0].axes[0].lines
    assert (gpt2.get_label(), llama.get_label()) == ("GPT2", "LLaMA")
    assert list(gpt2.get_xdata()) == [100, 200, 300]
    assert list(llama.get_ydata()) == [0.25, 0.5, 0.75]


def test_a_panel_for_each_number_of_exposures_with_ratios(drawn, tmp_path):
    few = grid("GPT2", {1e-3: (1.0,)}, 100.0) + grid("LLaMA", {1e-3: (0.75,)}, 100.0)
    rows = [*few, *GPT2, *LLAMA]
    report.draw_comparison(rows, tmp_path / "a.png", "A title", "GPT2")
    assert (tmp_path / "a.png").stat().st_size > 10_000
    figure = drawn[0]
    assert figure.get_suptitle() == "A title"
    many, less = figure.axes
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["1000 exposures", "100 exposures"]
    told = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert told[0] == ["1.80\nx 1.00\n75% right", "0.90\n75% right"]  # less than half
    assert told[1] == ["1.00\nx 1.00\n75% right", "0.75\n75% right"]
    assert [bar.get_hatch() for bar in less.patches] == ["", "//"]
    assert [label.get_text() for label in many.get_xticklabels()] == ["GPT2", "LLaMA"]
    assert [bar.get_height() for bar in many.patches] == pytest.approx([1.8, 0.9])
    rings, dots = [], []  # of other rates than the best, and of the best
    for line in many.lines:
        into = rings if line.get_markerfacecolor() == "none" else dots
        into += list(line.get_ydata()) if line.get_marker() == "o" else []
    assert sorted(dots) == [0.9, 0.9, 1.7, 1.9]
    assert sorted(rings) == [0.5, 0.6, 1.0, 2.0]
    report.draw_comparison(LLAMA, tmp_path / "a.png", "A title", "GPT2")
    assert [text.get_text() for text in drawn[1].axes[0].texts] == ["0.90\n75% right"]
