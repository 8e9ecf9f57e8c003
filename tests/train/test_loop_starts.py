"""Whole runs: looked at on their way, begun with given parameters."""

import dataclasses
import time

import jax
import numpy as np
import pytest
import standin
from looping import TOTAL, rows, run, stop_after
from standin import CONFIG, digest

from kscale.train import Checkpoints, Hyper, population


def looked(evaluate_at, **options):
    """What a run shows of itself on its way: (step, digest of the parameters)."""
    seen = []

    def look(step, state):
        assert int(state["step"]) == step
        seen.append((step, digest(state["params"])))

    return run(evaluate_at=evaluate_at, on_evaluation=look, **options), seen


def test_evaluations_are_at_dispatches_and_change_nothing(whole, tmp_path):
    # 5 and 7 lie in one dispatch, 22 is the last step, 40 never comes.
    result, seen = looked([7, 5, 1, 4, 12, 22, 40], folder=tmp_path)
    assert [step for step, _ in seen] == [4, 8, 12, 22]
    assert digest(result.state) == digest(whole[0].state)
    assert rows(tmp_path) == rows(whole[1])
    assert seen[-1][1] == digest(result.state["params"])
    assert len({params for _, params in seen}) == 4


def test_evaluations_go_with_checkpoints_or_without(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(
        Checkpoints, "save", lambda self, step, *_: order.append(("save", step))
    )
    config = dataclasses.replace(CONFIG, checkpoint_every=8)
    run(
        tmp_path,
        config=config,
        evaluate_at=(3, 8, 9),
        on_evaluation=lambda step, _: order.append(("look", step)),
    )
    # A state is looked at before it is saved: what was seen is never lost.
    assert order == [
        ("look", 4),
        ("look", 8),
        ("save", 8),
        ("look", 12),
        ("save", 16),
        ("save", 22),
    ]
    assert looked((4, 8))[0].step == TOTAL
    assert run(evaluate_at=(4, 8)).step == TOTAL


def test_a_resumed_run_is_evaluated_where_it_had_not_been(tmp_path):
    _, all_seen = looked((2, 9, 17))
    first, seen = looked((2, 9, 17), folder=tmp_path, on_row=stop_after(4))
    assert first.interrupted
    second, rest = looked((2, 9, 17), folder=tmp_path, resume=True)
    assert not second.interrupted
    assert seen + rest == all_seen
    assert seen
    assert rest


def test_the_time_of_evaluations_is_no_training_time():
    result = run(evaluate_at=(4, 12), on_evaluation=lambda *_: time.sleep(0.6))
    assert sum(row["seconds"] for row in result.rows) < 0.6
    assert result.seconds < 0.6


def test_a_run_begins_with_the_parameters_given(whole):
    given = standin.init(jax.random.key(99))
    still = dataclasses.replace(CONFIG, learning_rate=0.0, weight_decay=0.0)
    result = run(config=still, start=given)
    jax.tree.map(np.testing.assert_array_equal, result.state["params"], given)
    assert digest(run(start=given).state) != digest(whole[0].state)


def test_the_parameters_given_stay_whole():
    given = standin.init(jax.random.key(5))
    before = jax.tree.map(np.array, given)
    numpy = jax.tree.map(np.array, given)
    ends = {digest(run(start=start).state) for start in (given, numpy, given)}
    assert len(ends) == 1
    for kept in (given, numpy):
        jax.tree.map(np.testing.assert_array_equal, kept, before)


def test_members_start_alike_and_resume_from_their_own(tmp_path):
    given = standin.init(jax.random.key(5))
    hyper = population([Hyper(0.0, 0.0, 0), Hyper(1e-2, 0.1, 1)])
    options = {"start": given, "hyper": hyper, "total": 8}
    result = run(tmp_path, **options)
    still, moved = (
        jax.tree.map(lambda leaf, m=m: leaf[m], result.state["params"]) for m in (0, 1)
    )
    jax.tree.map(np.testing.assert_array_equal, still, given)
    assert digest(moved) != digest(given)
    again = run(tmp_path, resume=True, **options)
    assert digest(again.state) == digest(result.state)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda given: given | {"embed": {"table": np.zeros((13, 7))}},
            r"start: \['embed'\]\['table'\] has shape \(13, 7\), the model needs",
        ),
        (lambda given: {"embed": given["embed"]}, r"\['up'\]\['bias'\].* are in one"),
        (lambda given: given | {"more": np.zeros(1)}, r"\['more'\].* same model"),
    ],
)
def test_parameters_of_another_shape_are_refused(change, message):
    given = standin.init(jax.random.key(0))
    with pytest.raises(ValueError, match=message):
        run(start=change(given))
