"""Whole runs: rows, resuming, NaN, SIGTERM, refusals."""

import dataclasses
import json
import os
import signal
import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import standin
from jax import monitoring
from standin import CONFIG, LABELS, PROBLEM, batches, digest

from kscale.models import from_name
from kscale.train import CheckpointError, Hyper, NotFiniteError, fit, population

TOTAL = 22  # six dispatches of four steps, two of them padding


def run(folder=None, total=TOTAL, config=CONFIG, source=None, **options):
    source = batches(config.steps_per_dispatch) if source is None else source
    options = {"labels": LABELS, "folder": folder} | options
    return fit(PROBLEM, config, source, total, **options)


def stop_after(step):
    """A callback that sends SIGTERM to this process."""
    return lambda row: row["step"] == step and os.kill(os.getpid(), signal.SIGTERM)


def rows(folder):
    timings = ("seconds", "tokens_per_second")
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [
        {name: x for name, x in json.loads(line).items() if name not in timings}
        for line in lines
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run and its folder."""
    folder = tmp_path_factory.mktemp("whole")
    return run(folder), folder


def test_a_run_leaves_rows_and_its_last_state(whole):
    result, folder = whole
    assert (result.step, result.interrupted) == (TOTAL, False)
    assert int(result.state["step"]) == TOTAL
    assert [row["step"] for row in result.rows] == [4, 8, 12, 16, 20, 22]
    expected = [batch["labels"][:, 1:] for batch in map(standin.batch, range(TOTAL))]
    assert result.tokens == sum(np.sum(labels != 255) for labels in expected)
    assert rows(folder)[-1]["step"] == TOTAL
    kept = sorted(path.name for path in (folder / "checkpoints").iterdir())
    assert kept == ["16", "22"]


def test_writing_nothing_changes_nothing(whole):
    assert digest(run().state) == digest(whole[0].state)


def test_rows_and_checkpoints_at_any_rhythm_change_nothing(whole, tmp_path):
    config = dataclasses.replace(CONFIG, log_every=10, checkpoint_every=12, keep=3)
    saved = []
    result = run(tmp_path, config=config, on_checkpoint=lambda *x: saved.append(x[0]))
    assert digest(result.state) == digest(whole[0].state)
    assert [row["step"] for row in result.rows] == [12, 20, 22]
    assert saved == [12, 22]


def test_sigterm_saves_and_resuming_ends_the_same(whole, tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    first = run(tmp_path, on_row=stop_after(4))
    assert signal.getsignal(signal.SIGTERM) is before
    assert first.interrupted
    assert 4 < first.step < TOTAL
    second = run(tmp_path, resume=True)
    assert not second.interrupted
    assert digest(second.state) == digest(whole[0].state)
    assert rows(tmp_path) == rows(whole[1])


def test_a_finished_run_resumes_to_its_end(whole):
    again = run(whole[1], resume=True)
    assert digest(again.state) == digest(whole[0].state)
    assert again.rows == []


def test_a_run_outside_the_main_thread(whole):
    found = []
    thread = threading.Thread(target=lambda: found.append(run()))
    thread.start()
    thread.join()
    assert digest(found[0].state) == digest(whole[0].state)


def test_a_folder_with_a_run_is_not_overwritten(whole):
    with pytest.raises(ValueError, match="holds a run at step 22; resume it, or"):
        run(whole[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"config": dataclasses.replace(CONFIG, b2=0.9)}, "train.b2 was 0.98, is 0.9"),
        ({"total": 30}, "total_steps was 22, is 30"),
        ({"identity": {"seed": 1}}, "identity.seed was 'absent', is 1"),
        ({"source": batches(rows=8)}, "batch.rows was 4, is 8"),
        ({"hyper": population([Hyper(1e-2, 0.1, 0)])}, "population.seed was 'absent'"),
    ],
)
def test_another_run_is_refused(whole, change, message):
    with pytest.raises(CheckpointError, match=message):
        run(whole[1], resume=True, **change)
    assert rows(whole[1])[-1]["step"] == TOTAL


def test_another_model_is_refused(whole):
    other = PROBLEM._replace(description={"vocab": 13, "width": 16})
    with pytest.raises(CheckpointError, match=r"model\.width was 8, is 16"):
        fit(
            other, CONFIG, batches(), TOTAL, labels=LABELS, folder=whole[1], resume=True
        )


def test_a_damaged_checkpoint_stops_the_run(tmp_path):
    run(tmp_path, total=4)
    for path in (tmp_path / "checkpoints" / "4" / "state" / "d").iterdir():
        path.write_bytes(b"")
    with pytest.raises(CheckpointError, match="checkpoints/4 cannot be read"):
        run(tmp_path, total=4, resume=True)


def poisoned(step):
    """A model whose loss is NaN where a batch holds token 99, and such batches."""

    def token_nats(params, tokens_BT, *rest):
        nats, aux = standin.token_nats(params, tokens_BT % 13, *rest)
        return jnp.where(jnp.any(tokens_BT == 99), jnp.nan, nats), aux

    def source(dispatch):
        for d, chunk in enumerate(batches()(dispatch), start=dispatch):
            if d == step // 4:
                chunk["tokens"][step % 4, 0, 0] = 99
            yield chunk

    return PROBLEM._replace(token_nats=token_nats), source


def test_nan_stops_the_run_and_the_last_good_checkpoint_stays(tmp_path):
    problem, source = poisoned(step=14)
    with pytest.raises(NotFiniteError) as error:
        fit(problem, CONFIG, source, TOTAL, labels=LABELS, folder=tmp_path)
    assert "stopped at step 15: the loss is nan" in str(error.value)
    assert str(tmp_path / "checkpoints" / "8") in str(error.value)
    healed = fit(
        problem, CONFIG, batches(), TOTAL, labels=LABELS, folder=tmp_path, resume=True
    )
    assert healed.step == TOTAL


def test_nothing_is_compiled_after_the_first_row(tmp_path):
    compiled = []

    def listen(event, seconds, **details):
        if "backend_compile" in event:
            compiled.append(event)

    monitoring.register_event_duration_secs_listener(listen)
    counts = []
    run(on_row=lambda row: counts.append(len(compiled)))
    monitoring.unregister_event_duration_listener(listen)
    assert counts[0] > 0
    assert counts == counts[:1] * 6


def test_batches_that_end_early_are_an_error():
    with pytest.raises(ValueError, match="batches end before dispatch 2"):
        run(source=batches(dispatches=2))


def test_automatic_values_must_be_resolved():
    config = dataclasses.replace(CONFIG, steps_per_dispatch=0)
    with pytest.raises(ValueError, match=r"steps_per_dispatch is 0.*call resolve"):
        fit(PROBLEM, config, batches(), TOTAL, labels=LABELS)
    with pytest.raises(ValueError, match="total_steps is 0"):
        run(total=0)


def test_a_population_logs_lists_and_a_board_each(tmp_path):
    hyper = population([Hyper(1e-2, 0.1, 0), Hyper(1e-3, 0.1, 1)])
    result = run(tmp_path, total=8, hyper=hyper)
    assert result.state["params"]["up"]["bias"].shape == (2, 8)
    assert len(rows(tmp_path)[0]["loss"]) == 2
    boards = sorted(path.name for path in (tmp_path / "tensorboard").iterdir())
    assert boards == ["member_0", "member_1"]
    again = run(tmp_path, total=8, hyper=hyper, resume=True)
    assert digest(again.state) == digest(result.state)


def test_a_transformer_learns_a_constant_text():
    model = from_name("GPT2-1-1", vocab=13, head_size=16)

    def source(dispatch):
        for chunk in batches()(dispatch):
            yield chunk | {"tokens": np.full_like(chunk["tokens"], 5)}

    result = fit(model, CONFIG, source, 24, labels=LABELS)
    losses = [row["loss"] for row in result.rows]
    assert losses[-1] < 0.5 < losses[0] < np.log(13)
    assert jax.tree.leaves(result.state["params"])[0].dtype == np.float32


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


def test_evaluations_go_with_checkpoints_or_without(tmp_path):
    order = []
    config = dataclasses.replace(CONFIG, checkpoint_every=8)
    run(
        config=config,
        evaluate_at=(3, 8, 9),
        on_evaluation=lambda step, _: order.append(("look", step)),
        on_checkpoint=lambda step, _: order.append(("save", step)),
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
