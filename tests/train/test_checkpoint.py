"""Checkpoints: round trip, what stays, damage, other runs, seals; weights."""

import signal
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from support.standin import digest

from kscale import stopping
from kscale.train import CheckpointError, Checkpoints, load_params, save_params
from kscale.train.checkpoint import DROPPED, find_broken, list_differences, seal

RUN = {"model": {"layers": 2}, "labels": ["text", "name"]}


def state(step):
    table = np.random.default_rng(step).normal(size=(61, 7))
    params = {"table": jnp.asarray(table, jnp.float32), "bias": jnp.zeros(7)}
    return {"params": params, "step": jnp.asarray(step, jnp.int32)}


def written(folder, *steps, keep=2):
    """The checkpoints of these steps, opened again."""
    checkpoints = Checkpoints(folder, keep)
    for step in steps:
        checkpoints.save(step, state(step), RUN)
    checkpoints.close()
    return Checkpoints(folder, keep)


def restore(checkpoints, step, run=RUN):
    return checkpoints.restore(step, state(0), run)


def test_a_state_comes_back_bit_for_bit(tmp_path):
    assert Checkpoints(tmp_path / "empty").latest() is None
    (tmp_path / "empty").rmdir()
    (tmp_path / "9.orbax-checkpoint-tmp").mkdir()  # a killed run was writing it
    (tmp_path / DROPPED / "3").mkdir(parents=True)  # and deleting this one
    checkpoints = written(tmp_path, 5)
    assert checkpoints.latest() == 5
    checkpoints.save(5, state(6), RUN)  # the same step again changes nothing
    checkpoints.wait()
    assert digest(restore(checkpoints, 5)) == digest(state(5))
    assert [path.name for path in tmp_path.iterdir()] == ["5"]
    written(tmp_path, 8, 12).close()  # the last two stay
    assert sorted(int(path.name) for path in tmp_path.iterdir()) == [8, 12]


def test_another_run_is_refused(tmp_path):
    checkpoints = written(tmp_path, 5)
    other = {"model": {"layers": 4}, "labels": ["text"], "new": 1}
    expected = (
        r"5 belongs to another run \(labels was \['text', 'name'\], is \['text'\]; "
        r"model.layers was 2, is 4; new was unset, is 1\): resume with the old"
    )
    with pytest.raises(CheckpointError, match=expected):
        restore(checkpoints, 5, other)
    expected = "5 was written by an older kscale: finish its run with that version"
    with pytest.raises(CheckpointError, match=expected):
        restore(checkpoints, 5, RUN | {"format": 2})


def test_fields_may_come_and_go_and_tuples_are_lists():
    old = {"a": {"b": 1}, "c": 2, "d": [1, 2], "f": 0}
    assert list_differences(old, {"a": {"b": 3, "e": 4}, "d": (1, 2), "f": 0.0}) == [
        "a.b was 1, is 3",
        "a.e was unset, is 4",
        "c was 2, is unset",
    ]


def largest(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return max(files, key=lambda path: path.stat().st_size)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize(
    ("part", "steps", "way_out"),
    [
        ("state", (4, 5), "delete it to go on from step 4, or start a new run"),
        ("description", (5,), "there is none before it; start a new run in another"),
    ],
)
def test_damage_is_an_error_of_one_line(tmp_path, part, steps, way_out):
    checkpoints = written(tmp_path, *steps)
    path = largest(tmp_path / "5" / part)
    for damage in (flip, cut, Path.unlink):
        damage(path)
        with pytest.raises(
            CheckpointError, match=f"5 cannot be read .*: {way_out}"
        ) as e:
            restore(checkpoints, 5)
        message = str(e.value)
        assert "\n" not in message
        assert len(message) < 500 + 2 * len(str(tmp_path))


def test_a_checkpoint_without_a_seal_and_folders_that_cannot_be_used(tmp_path):
    written(tmp_path, 5).close()
    (tmp_path / "5" / "checksums.json").unlink()  # as a killed run leaves it
    assert digest(restore(Checkpoints(tmp_path), 5)) == digest(state(5))
    (tmp_path / "5").rename(tmp_path / "7")
    with pytest.raises(CheckpointError, match="7 is of step 5: rename the folder"):
        restore(Checkpoints(tmp_path), 7)
    (tmp_path / "7" / "description" / "metadata").write_text("{")
    with pytest.raises(CheckpointError, match="7 cannot be read"):
        restore(Checkpoints(tmp_path), 7)
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot be written"):
        Checkpoints(tmp_path / "file" / "checkpoints")


def test_a_seal_names_what_was_changed(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a").write_bytes(b"abc")
    (tmp_path / "b").write_bytes(b"")
    assert find_broken(tmp_path) == []  # without a seal nothing is known
    seal(tmp_path)
    assert (tmp_path / "checksums.json").read_text().count(":") == 2
    (tmp_path / "later").write_text("")
    assert find_broken(tmp_path) == []
    (tmp_path / "deep" / "a").write_bytes(b"abd")
    (tmp_path / "b").unlink()
    assert find_broken(tmp_path) == ["b", "deep/a"]
    (tmp_path / "checksums.json").write_text("{")
    assert find_broken(tmp_path) == ["checksums.json"]


def test_final_weights_come_back(tmp_path):
    params = {"embed": {"table": np.arange(6, dtype=np.float32).reshape(2, 3)}}
    save_params(tmp_path / "deep" / "weights.npz", params)
    loaded = load_params(tmp_path / "deep" / "weights.npz")
    np.testing.assert_equal(loaded, params)
    assert loaded["embed"]["table"].dtype == np.float32
    np.savez(tmp_path / "w.npz", **{"embed": np.ones(1), "embed/table": np.ones(1)})
    with pytest.raises(ValueError, match=r"w\.npz cannot be read \(.* below a"):
        load_params(tmp_path / "w.npz")


def test_a_signal_waits_for_the_checkpoint_that_is_on_its_way(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path)
    save = checkpoints._manager.save

    def interrupted(*args, **options):
        signal.raise_signal(signal.SIGINT)
        return save(*args, **options)

    monkeypatch.setattr(checkpoints._manager, "save", interrupted)
    with stopping.watch():
        checkpoints.save(1, state(1), RUN)
        checkpoints.wait()
        assert checkpoints.latest() == 1
        checkpoints._unsealed = 2  # one that was never begun
        checkpoints.close()
        with pytest.raises(stopping.Interrupted, match="SIGINT"):
            stopping.check()
    assert not find_broken(tmp_path / "1")
