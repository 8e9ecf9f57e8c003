"""Whole runs: rows, resuming, NaN, SIGTERM, refusals."""

import dataclasses
import signal
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import standin
from jax import monitoring
from looping import TOTAL, rows, run, stop_after
from standin import CONFIG, LABELS, PROBLEM, batches, digest

from kscale.models import from_name
from kscale.train import CheckpointError, Hyper, NotFiniteError, fit, population


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
    result = run(tmp_path, config=config)
    assert digest(result.state) == digest(whole[0].state)
    assert [row["step"] for row in result.rows] == [12, 20, 22]
    kept = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert kept == ["12", "22"]


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
