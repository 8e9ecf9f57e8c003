"""Checkpoints: round trip, what stays, damage, other runs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from standin import digest

from kscale.train import CheckpointError, Checkpoints, load_params, save_params
from kscale.train.checkpoint import list_differences

RUN = {"model": {"layers": 2}, "labels": ["text", "name"]}


def state(step):
    rng = np.random.default_rng(step)
    params = {
        "table": jnp.asarray(rng.normal(size=(61, 7)), jnp.float32),
        "bias": jnp.zeros(7),
    }
    return {"params": params, "step": jnp.asarray(step, jnp.int32)}


def shapes(state):
    def leaf(x):
        return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding)

    return jax.tree.map(leaf, state)


def written(folder, *steps, **options):
    checkpoints = Checkpoints(folder, **options)
    for step in steps:
        checkpoints.save(step, state(step), RUN)
    checkpoints.close()
    return Checkpoints(folder, **options)


def restore(checkpoints, step, run=RUN):
    return checkpoints.restore(step, shapes(state(0)), run)


def test_round_trip_bit_for_bit(tmp_path):
    checkpoints = written(tmp_path, 5)
    assert checkpoints.latest() == 5
    assert digest(restore(checkpoints, 5)) == digest(state(5))


def test_an_empty_folder_has_no_latest(tmp_path):
    assert Checkpoints(tmp_path).latest() is None


def test_the_last_checkpoints_stay(tmp_path):
    written(tmp_path, 4, 8, 12, keep=2).close()
    kept = sorted(int(path.name) for path in tmp_path.iterdir())
    assert kept == [8, 12]


def test_saving_the_same_step_again_changes_nothing(tmp_path):
    checkpoints = written(tmp_path, 5)
    checkpoints.save(5, state(6), RUN)
    checkpoints.wait()
    assert digest(restore(checkpoints, 5)) == digest(state(5))


def test_what_a_killed_run_left_half_written_is_removed(tmp_path):
    (tmp_path / "9.orbax-checkpoint-tmp").mkdir()
    assert written(tmp_path, 5).latest() == 5
    assert [path.name for path in tmp_path.iterdir()] == ["5"]


def test_another_run_is_refused_field_by_field(tmp_path):
    checkpoints = written(tmp_path, 5)
    other = {"model": {"layers": 4}, "labels": ["text"], "new": 1}
    expected = (
        r"5 belongs to another run: labels was \['text', 'name'\], is \['text'\]; "
        r"model.layers was 2, is 4; new was unset, is 1\. Resume with the old"
    )
    with pytest.raises(CheckpointError, match=expected):
        restore(checkpoints, 5, other)


def test_fields_may_come_and_go_and_tuples_are_lists():
    old = {"a": {"b": 1}, "c": 2, "d": [1, 2]}
    assert list_differences(old, {"a": {"b": 3, "e": 4}, "d": (1, 2)}) == [
        "a.b was 1, is 3",
        "a.e was unset, is 4",
        "c was 2, is unset",
    ]


def test_a_checkpoint_of_an_older_kscale_is_refused_with_a_way_out(tmp_path):
    checkpoints = written(tmp_path, 5)
    expected = "5 was written by an older kscale: finish its run with that version"
    with pytest.raises(CheckpointError, match=expected):
        restore(checkpoints, 5, RUN | {"format": 2})


def largest(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return max(files, key=lambda path: path.stat().st_size)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize("damage", [flip, cut, lambda path: path.unlink()])
@pytest.mark.parametrize("part", ["state", "description"])
def test_damage_is_an_error_of_one_line_that_names_the_way_out(tmp_path, damage, part):
    written(tmp_path, 4, 5, keep=2).close()
    damage(largest(tmp_path / "5" / part))
    with pytest.raises(CheckpointError) as error:
        restore(Checkpoints(tmp_path), 5)
    message = str(error.value)
    assert str(tmp_path / "5") in message
    assert "Delete it to go on from step 4" in message
    assert "\n" not in message
    assert len(message) < 500 + 2 * len(str(tmp_path))


def test_without_an_older_one_the_way_out_is_a_new_run(tmp_path):
    written(tmp_path, 5).close()
    cut(largest(tmp_path / "5" / "state"))
    with pytest.raises(CheckpointError, match="none before it; start a new run"):
        restore(Checkpoints(tmp_path), 5)


def test_a_renamed_checkpoint_is_noticed(tmp_path):
    written(tmp_path, 5).close()
    (tmp_path / "5").rename(tmp_path / "7")
    with pytest.raises(CheckpointError, match="7 is of step 5; give the folder its"):
        restore(Checkpoints(tmp_path), 7)


def test_a_killed_run_leaves_a_checkpoint_without_a_seal(tmp_path):
    written(tmp_path, 5).close()
    (tmp_path / "5" / "checksums.json").unlink()
    assert digest(restore(Checkpoints(tmp_path), 5)) == digest(state(5))
    (tmp_path / "5" / "description" / "metadata").write_text("{")
    with pytest.raises(CheckpointError, match="5 cannot be read"):
        restore(Checkpoints(tmp_path), 5)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot be written"):
        Checkpoints(tmp_path / "file" / "checkpoints")


def test_final_weights_come_back(tmp_path):
    params = {"embed": {"table": np.arange(6, dtype=np.float32).reshape(2, 3)}}
    save_params(tmp_path / "deep" / "weights.npz", params)
    loaded = load_params(tmp_path / "deep" / "weights.npz")
    assert loaded.keys() == params.keys()
    np.testing.assert_array_equal(loaded["embed"]["table"], params["embed"]["table"])
    assert loaded["embed"]["table"].dtype == np.float32
