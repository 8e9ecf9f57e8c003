"""`kscale theory`: the list, tables, JSON, plots and refusals."""

import matplotlib.image
import numpy as np
import pytest

from kscale import cli, theory
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


def test_solvers_are_of_the_library():
    for name, solver in SOLVERS.items():
        assert getattr(getattr(theory, solver.topic), name) is solver.function
        assert solver.summary


def test_the_list_shows_every_solver_and_a_command_by_topic(ask):
    out = ask("theory", "--list")
    lines = [line.split() for line in out.splitlines()]
    for name, solver in SOLVERS.items():
        assert ["kscale", "theory", name, *solver.example] in lines
        assert f"  {name}" in out
    places = [out.index(f"kscale.theory.{topic}\n") for topic in EXAMPLES]
    assert places == sorted(places)
    listed = ask("theory", "--list", "--json")
    assert listed["giant_component"]["arguments"] == ["c"]


@pytest.mark.parametrize("name", SOLVERS)
def test_examples_are_understood(name, ask):
    out = ask("theory", name, *SOLVERS[name].example, "--dry_run")
    given = {word[2:].partition("=")[0] for word in SOLVERS[name].example}
    assert {line.partition(" = ")[0] for line in out.splitlines()} >= given


@pytest.mark.parametrize(
    "name",
    [
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name in SOLVERS
    ],
)
def test_examples_run(name, ask):
    words = ["theory", name, *SOLVERS[name].example]
    answer = ask(*words, "--json")
    assert answer["solver"] == name
    values = [np.ravel(np.array(x, float)) for x in answer["result"].values()]
    assert np.isfinite(np.concatenate(values)).any()
    assert ask(*words).strip()


def test_a_table_has_a_line_for_each_point(ask):
    out = ask("theory", "expected_square", "--alpha=0:0.5:+0.25", "--beta=1,3")
    assert [line.split() for line in out.splitlines()] == [
        ["alpha", "beta", "expected_square"],
        ["0", "1", "0.5"],
        ["0", "3", "0.25"],
        ["0.25", "1", "0.375"],
        ["0.25", "3", "0.1875"],
        ["0.5", "1", "0.25"],
        ["0.5", "3", "0.125"],
    ]


def test_json_has_all_digits_and_the_arguments(ask):
    answer = ask("theory", "giant_component", "--c=1.5", "--json")
    assert answer["arguments"] == {"c": 1.5}
    value = float(theory.skills.giant_component(1.5))
    assert answer["result"]["giant_component"] == value
    plan = ask("theory", "giant_component", "--c=1,2", "--dry_run", "--json")
    assert plan == {"c": [1.0, 2.0]}


def test_an_axis_of_the_solver_itself(ask):
    words = ["theory", "water_level", "--p=0.5,0.5", "--capacity=0,2,4", "--json"]
    assert ask(*words)["result"]["redundancy"] == pytest.approx([1.0, 0.5, 0.25])


def test_seeds_are_obeyed(ask):
    words = ["theory", "sample_chain", "--concepts=20", "--texts=80", "--graphs=50"]
    first, again, other = (ask(*words, "--json", f"--seed={s}") for s in (0, 0, 1))
    assert first == again
    assert first["result"]["unlearnt"] != other["result"]["unlearnt"]


def test_help_is_the_docstring_with_the_arguments(ask):
    out = ask("theory", "expected_tables", "--help")
    assert SOLVERS["expected_tables"].summary in out
    assert "--customers=..." in out
    assert "customers: [1, inf)" in out
    assert "named configs" not in out


def test_a_plot_is_drawn_but_never_over_a_file_by_itself(tmp_path, ask, refuse, capsys):
    path = tmp_path / "keep.png"
    path.write_text("precious")
    # A flag's value may stand before the solver.
    words = ["theory", "--plot", str(path), "giant_component", "--c=0.5:3:+0.1"]
    refuse(words, "the file is there; --overwrite draws over it")
    assert path.read_text() == "precious"
    assert cli.main([*words, "--overwrite"]) == 0
    assert capsys.readouterr().err == f"drawn to {path}\n"
    assert np.std(matplotlib.image.imread(path)[..., :3]) > 0.02


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("giant_component --c=1,2 --plot=.", "name a file that ends in .png"),
        ("giant_component --c=1,2 --plot=", "name a file that ends in .png"),
        ("giant_component --c=1,2 --plot=no/a.png", "there is no folder no"),
        ("giant_component --c=1,2 --plot=/proc/a.png", "/proc cannot be written"),
        ("giant_component --c=1 --plot=a.png", "there is no curve to draw"),
        ("", "name one solver; kscale theory --list describes them"),
        ("expected_table", "unknown solver 'expected_table': did you mean"),
        ("expected_square extra --alpha=0 --beta=1", "name one solver"),
        ("expected_square --alpha=0", "expected_square needs --beta"),
        (
            "expected_square --alpha=1 --beta=1",
            "alpha=1.0 must be in [0, 1): choose a number, at least 0",
        ),
        ("expected_square --alpha=x --beta=1", "--alpha=x: could not convert"),
        ("expected_square --aplha=0", "unknown flag --aplha: did you mean '--alpha'"),
        ("learning_law --concepts=2.5 --texts=3", "concepts=2.5 must be an"),
        ("learning_law --concepts=8,9 --texts=9", "give one value to concepts: pmf_"),
        (
            "sample_chain --concepts=9 --texts=9 --graphs=2 --seed=-1",
            "a seed is a whole",
        ),
        ("accuracy_curve --parameters=1e5", "parameters / sigma=0.5 must be"),
        ("accuracy_curve --parameters=1e9 --levels=100.5", "levels=100.5 must be an"),
        ("fixed_points --texts_of_a_concept=0", "texts_of_a_concept=0.0 must be"),
    ],
)
def test_mistakes_are_one_line(words, message, refuse, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refuse(["theory", *words.split()], message)
    assert list(tmp_path.iterdir()) == []
