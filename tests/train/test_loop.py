"""Whole runs: rows, resuming, evaluations, given parameters, NaN, SIGTERM, refusals."""

import concurrent.futures
import dataclasses
import signal
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import monitoring
from support import standin
from support.boards import read_scalars
from support.standin import CONFIG, OBJECTIVE, TOTAL, batches, digest, read_rows, run

from kscale import train
from kscale.train import CheckpointError, Checkpoints, Hyper, NotFiniteError


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run and its folder."""
    folder = tmp_path_factory.mktemp("whole")
    return run(folder), folder


def kept(folder):
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


def test_a_run_leaves_rows_and_its_last_state(whole):
    result, folder = whole
    assert (result.step, result.interrupted) == (TOTAL, False)
    assert int(result.state["step"]) == TOTAL
    assert [row["step"] for row in result.rows] == [4, 8, 12, 16, 20, 22]
    expected = [batch["labels"][:, 1:] for batch in map(standin.batch, range(TOTAL))]
    assert result.tokens == sum(np.sum(labels != 255) for labels in expected)
    assert read_rows(folder)[-1]["step"] == TOTAL
    assert kept(folder) == ["16", "22"]


def test_a_run_without_a_folder_in_a_thread_is_the_same_and_compiles_early(whole):
    compiled, counts = [], []
    jax.clear_caches()

    def listen(event, seconds, **details):
        if "backend_compile" in event:
            compiled.append(event)

    monitoring.register_event_duration_secs_listener(listen)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        on_row = lambda row: counts.append(len(compiled))  # noqa: E731
        result = pool.submit(run, on_row=on_row).result()
    monitoring.unregister_event_duration_listener(listen)
    assert digest(result.state) == digest(whole[0].state)
    assert counts[0] > 0
    assert counts == counts[:1] * 6


def test_rows_and_checkpoints_at_any_rhythm_change_nothing(whole, tmp_path):
    result = run(tmp_path, **changed(log_every=10, checkpoint_every=12, keep=3))
    assert digest(result.state) == digest(whole[0].state)
    assert [row["step"] for row in result.rows] == [12, 20, 22]
    assert kept(tmp_path) == ["12", "22"]


def test_a_finished_run_resumes_to_its_end(whole):
    for change in ({}, changed(log_every=3, checkpoint_every=2, keep=7)):
        again = run(whole[1], resume=True, **change)
        assert digest(again.state) == digest(whole[0].state)
        assert again.rows == []
    with pytest.raises(ValueError, match="holds a run at step 22: resume it, or"):
        run(whole[1])


def changed(**fields):
    return {"config": dataclasses.replace(CONFIG, **fields)}


WIDER = OBJECTIVE._replace(description={"vocab": 13, "width": 16})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed(b2=0.9), "train.b2 was 0.98, is 0.9"),
        (changed(trainable=("up/*",)), r"trainable was \['\*'\], is \['up/\*'\]"),
        ({"total": 30}, "total_steps was 22, is 30"),
        ({"identity": {"seed": 1}}, "identity.seed was unset, is 1"),
        ({"source": batches(rows=8)}, "batch.rows was 4, is 8"),
        ({"hyper": train.stack_hypers([Hyper(1e-2, 0.1, 0)])}, "population.seed was"),
        ({"model": WIDER}, r"model\.width was 8, is 16"),
    ],
)
def test_another_run_is_refused(whole, change, message):
    with pytest.raises(CheckpointError, match=message):
        run(whole[1], resume=True, **change)
    assert read_rows(whole[1])[-1]["step"] == TOTAL


def test_nan_stops_the_run_and_the_last_good_checkpoint_stays(tmp_path):
    def token_nats(params, tokens_BT, *rest):
        nats, aux = standin.token_nats(params, tokens_BT % 13, *rest)
        return jnp.where(jnp.any(tokens_BT == 99), jnp.nan, nats), aux

    def batch(step):
        found = standin.batch(step)
        found["tokens"][0, 0] = 99 if step == 14 else 0
        return found

    model = OBJECTIVE._replace(token_nats=token_nats)
    message = rf"loss \(nan\).*of step 15 must be finite.* is {tmp_path}/checkpoints/8"
    with pytest.raises(NotFiniteError, match=message):
        run(tmp_path, model=model, source=train.stack_steps(batch, TOTAL))
    assert run(tmp_path, model=model, resume=True).step == TOTAL


def test_a_member_that_diverges_is_left_behind_also_by_a_run_resumed(tmp_path):
    hyper = train.stack_hypers([Hyper(1e-2, 0.1, 1), Hyper(1e37, 0.0, 1)])
    whole = run(hyper=hyper)
    good, step = whole.diverged
    assert good is None
    assert 1 < step <= 4
    first = run(tmp_path, hyper=hyper, on_row=standin.stop_after(4))
    rest = run(tmp_path, hyper=hyper, resume=True)
    assert first.interrupted
    log = tmp_path / "metrics.jsonl"
    kept = log.read_bytes()
    log.unlink()  # the checkpoint knows, too
    assert run(tmp_path, hyper=hyper, resume=True).diverged == whole.diverged
    log.write_bytes(kept)
    assert first.diverged == rest.diverged == whole.diverged
    rows = read_rows(tmp_path)
    assert [row["loss"][1] for row in rows] == [None] * len(rows)
    assert rows[-1]["diverged"] == [None, step]
    alone = run(hyper=train.stack_hypers([Hyper(1e-2, 0.1, 1), Hyper(1e-2, 0.1, 1)]))
    states = [each.state["params"] for each in (whole, rest, alone)]
    ends = {digest(jax.tree.map(lambda leaf: leaf[0], each)) for each in states}
    assert len(ends) == 1


def test_automatic_values_are_set_and_what_cannot_be_run_is_an_error(whole, tmp_path):
    with pytest.raises(ValueError, match="batches end before step 8"):
        run(source=batches(8))
    with pytest.raises(ValueError, match="total_steps=0 must be 1 or more"):
        run(tmp_path / "new", total=0)
    assert not (tmp_path / "new").exists()
    automatic = {"rows_per_gradient": 0, "steps_per_dispatch": 0, "checkpoint_every": 0}
    result = run(**changed(**automatic))
    assert [row["step"] for row in result.rows] == [TOTAL]
    assert result.tokens == whole[0].tokens
    standin.assert_close(result.state["params"], whole[0].state["params"])


def test_a_population_logs_lists_and_a_board_each(tmp_path):
    hyper = train.stack_hypers([Hyper(0.0, 0.0, 0), Hyper(1e-2, 0.1, 1)])
    given = standin.init(jax.random.key(5))
    options = {"start": given, "hyper": hyper, "total": 8}
    result = run(tmp_path, **options)
    assert len(read_rows(tmp_path)[0]["loss"]) == 2
    boards = sorted(path.name for path in (tmp_path / "tensorboard").iterdir())
    assert boards == ["member_0", "member_1"]
    # Both start alike; the first learns at a rate of 0.
    still, moved = (
        jax.tree.map(lambda leaf, m=m: leaf[m], result.state["params"]) for m in (0, 1)
    )
    jax.tree.map(np.testing.assert_array_equal, still, given)
    assert digest(moved) != digest(given)
    again = run(tmp_path, resume=True, **options)
    assert digest(again.state) == digest(result.state)


# 5 and 7 lie in one dispatch, 22 is the last step, 40 never comes.
EVALUATED = (7, 5, 1, 4, 12, 22, 40)


def evaluate(folder, **options):
    """A run, and (step, digest of the parameters) of its evaluations."""
    seen = []

    def evaluate(step, state):
        assert int(state["step"]) == step
        seen.append((step, digest(state["params"])))
        return [{"evaluated": step}]

    options = {"evaluate_at": EVALUATED, "on_evaluation": evaluate} | options
    return run(folder, **options), seen


def test_evaluations_change_nothing_nor_does_sigterm(whole, tmp_path):
    result, seen = evaluate(tmp_path / "one")
    assert [step for step, _ in seen] == [4, 8, 12, 22]
    assert seen[-1][1] == digest(result.state["params"])
    assert len({params for _, params in seen}) == 4
    before = signal.getsignal(signal.SIGTERM)
    first, early = evaluate(tmp_path / "two", on_row=standin.stop_after(4))
    assert signal.getsignal(signal.SIGTERM) is before
    assert first.interrupted
    assert 4 < first.step < TOTAL
    second, late = evaluate(tmp_path / "two", resume=True)
    assert not second.interrupted
    assert min(len(early), len(late)) > 0
    assert early + late == seen
    for fitted, name in ((result, "one"), (second, "two")):
        assert digest(fitted.state) == digest(whole[0].state)
        assert read_rows(tmp_path / name) == read_rows(whole[1])
        board = read_scalars(tmp_path / name / "tensorboard")
        assert board["evaluated"] == [(step, step) for step, _ in seen]


def test_a_state_is_evaluated_before_it_is_saved_and_outside_of_the_training_time(
    tmp_path, monkeypatch
):
    order = []
    saved = lambda self, step, *_: order.append(f"save {step}")  # noqa: E731
    monkeypatch.setattr(Checkpoints, "save", saved)

    def see(step, state):
        order.append(f"see {step}")
        time.sleep(0.4)

    result = run(tmp_path, evaluate_at=(3, 8, 9), on_evaluation=see)
    # What was seen is never lost.
    assert ", ".join(order) == "see 4, see 8, save 8, see 12, save 16, save 22"
    assert sum(row["seconds"] for row in result.rows) < 0.8
    assert result.seconds < 0.8


def test_a_run_begins_with_the_parameters_given_and_leaves_them_whole(whole):
    given = standin.init(jax.random.key(99))
    before = jax.tree.map(np.array, given)
    result = run(start=given, **changed(learning_rate=0.0, weight_decay=0.0))
    jax.tree.map(np.testing.assert_array_equal, result.state["params"], given)
    ends = {digest(run(start=start).state) for start in (given, before)}
    assert len(ends) == 1
    assert digest(whole[0].state) not in ends
    jax.tree.map(np.testing.assert_array_equal, given, before)
