"""`kscale theory`: the list, tables, JSON, plots and refusals."""

import json

import matplotlib.image
import numpy as np
import pytest

from kscale import cli, theory
from kscale.cli import theory as verb
from kscale.cli.solvers import EXAMPLES, SOLVERS

QUICK = (
    "expected_square",
    "table_count_law",
    "chinese_restaurant",
    "water_level",
    "class_losses",
    "structure_function",
    "learning_law",
    "sample_chain",
    "giant_component",
    "play_coding_game",
)


def call(capsys, *words):
    code = cli.main(["theory", *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_solvers_are_of_the_library():
    for name, solver in SOLVERS.items():
        assert getattr(getattr(theory, solver.topic), name) is solver.function
        assert solver.summary


def test_the_list_shows_every_solver_and_a_command(capsys):
    code, out, _ = call(capsys, "--list")
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    for name, solver in SOLVERS.items():
        assert ["kscale", "theory", name, *solver.example] in lines
        assert f"  {name}" in out


@pytest.mark.parametrize("name", SOLVERS)
def test_examples_are_understood(name, capsys):
    code, out, err = call(capsys, name, *SOLVERS[name].example, "--dry_run")
    assert (code, err) == (0, "")
    given = {word[2:].partition("=")[0] for word in SOLVERS[name].example}
    assert {line.partition(" = ")[0] for line in out.splitlines()} >= given


@pytest.mark.parametrize(
    "name",
    [
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name in SOLVERS
    ],
)
def test_examples_run(name, capsys):
    words = [name, *SOLVERS[name].example]
    code, out, err = call(capsys, *words, "--json")
    assert (code, err) == (0, "")
    answer = json.loads(out)
    assert answer["solver"] == name
    assert answer["result"]
    assert np.isfinite(
        np.concatenate(list(map(numbers, answer["result"].values())))
    ).any()
    code, out, _ = call(capsys, *words)
    assert code == 0
    assert len(out.splitlines()) >= 1


def numbers(value):
    return np.ravel(np.array(value, dtype=float))


def test_a_table_has_a_line_for_each_point(capsys):
    code, out, _ = call(capsys, "expected_square", "--alpha=0:0.5:+0.25", "--beta=1,3")
    assert code == 0
    assert [line.split() for line in out.splitlines()] == [
        ["alpha", "beta", "expected_square"],
        ["0", "1", "0.5"],
        ["0", "3", "0.25"],
        ["0.25", "1", "0.375"],
        ["0.25", "3", "0.1875"],
        ["0.5", "1", "0.25"],
        ["0.5", "3", "0.125"],
    ]


def test_json_has_all_digits(capsys):
    _, out, _ = call(capsys, "giant_component", "--c=1.5", "--json")
    answer = json.loads(out)
    assert answer["arguments"] == {"c": 1.5}
    assert answer["result"]["giant_component"] == float(
        theory.skills.giant_component(1.5)
    )


def test_an_axis_of_the_solver_itself(capsys):
    words = ["water_level", "--p=0.5,0.5", "--capacity=0,2,4", "--json"]
    code, out, _ = call(capsys, *words)
    assert code == 0
    assert json.loads(out)["result"]["redundancy"] == pytest.approx([1.0, 0.5, 0.25])


def test_seeds_are_obeyed(capsys):
    words = ["sample_chain", "--concepts=20", "--texts=80", "--graphs=50", "--json"]
    first, again, other = (
        json.loads(call(capsys, *words, f"--seed={seed}")[1])["result"]
        for seed in (0, 0, 1)
    )
    assert first == again
    assert first["unlearnt"] != other["unlearnt"]


def test_a_plot_is_drawn(tmp_path, capsys):
    path = tmp_path / "gamma.png"
    words = ["giant_component", "--c=0.5:3:+0.1", f"--plot={path}"]
    code, _, err = call(capsys, *words)
    assert code == 0
    assert f"drawn to {path}" in err
    assert np.std(matplotlib.image.imread(path)[..., :3]) > 0.02


def test_help_is_the_docstring_with_the_arguments(capsys):
    code, out, _ = call(capsys, "expected_tables", "--help")
    assert code == 0
    assert SOLVERS["expected_tables"].summary in out
    assert "--customers=..." in out
    assert "customers: [1, inf)" in out
    assert "named configs" not in out


def test_a_plot_never_overwrites_by_itself(tmp_path, capsys):
    path = tmp_path / "keep.png"
    path.write_text("precious")
    words = ["giant_component", "--c=1,2", f"--plot={path}"]
    code, out, err = call(capsys, *words)
    assert (code, out) == (2, "")
    assert "the file is there; --overwrite draws over it" in err
    assert path.read_text() == "precious"
    assert call(capsys, *words, "--overwrite")[0] == 0
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_flag_may_stand_before_the_solver(tmp_path, capsys):
    path = tmp_path / "a.png"
    assert call(capsys, "--plot", str(path), "giant_component", "--c=1,2")[0] == 0
    assert path.exists()


def test_json_of_the_list_and_of_a_dry_run(capsys):
    listed = json.loads(call(capsys, "--list", "--json")[1])
    assert listed["giant_component"]["arguments"] == ["c"]
    words = ["giant_component", "--c=1,2", "--dry_run", "--json"]
    assert json.loads(call(capsys, *words)[1]) == {"c": [1.0, 2.0]}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["giant_component", "--c=1,2", "--plot=."], "name a file that ends in .png"),
        (["giant_component", "--c=1,2", "--plot="], "name a file that ends in .png"),
        (["giant_component", "--c=1,2", "--plot=no/a.png"], "there is no folder no"),
        ([], "name one solver; kscale theory --list describes them"),
        (["expected_table"], "unknown solver 'expected_table': did you mean"),
        (["expected_square", "extra", "--alpha=0", "--beta=1"], "name one solver"),
        (["expected_square", "--alpha=0"], "expected_square needs --beta"),
        (
            ["expected_square", "--alpha=1", "--beta=1"],
            "alpha=1.0 must be in [0, 1): choose a number, at least 0",
        ),
        (["expected_square", "--alpha=x", "--beta=1"], "--alpha=x: could not convert"),
        (
            ["expected_square", "--aplha=0"],
            "unknown flag --aplha: did you mean '--alpha'",
        ),
        (["giant_component", "--c=1", "--plot=a.png"], "there is no curve to draw"),
        (
            ["learning_law", "--concepts=2.5", "--texts=3"],
            "concepts=2.5 must be an",
        ),
    ],
)
def test_mistakes_are_one_line(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capsys, *words)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
    assert out == ""


def test_listing_is_grouped_by_topic():
    text = verb.list_solvers().text
    places = [text.index(f"kscale.theory.{topic}\n") for topic in EXAMPLES]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "sample_chain --concepts=9 --texts=9 --graphs=2 --seed=-1",
            "a seed is a whole",
        ),
        ("learning_law --concepts=8,9 --texts=9", "give one value to concepts: pmf_"),
        (
            "accuracy_curve --parameters=1e5",
            "parameters / sigma=0.5 must be",
        ),
        (
            "accuracy_curve --parameters=1e9 --levels=100.5",
            "levels=100.5 must be an",
        ),
        (
            "fixed_points --texts_of_a_concept=0",
            "texts_of_a_concept=0.0 must be",
        ),
    ],
)
def test_what_is_refused_is_named(words, message, capsys):
    code, out, err = call(capsys, *words.split())
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1
