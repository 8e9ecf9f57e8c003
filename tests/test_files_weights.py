"""Final weights in a file."""

import numpy as np
import pytest

from kscale.train import load_params, save_params

PARAMS = {
    "embed": {"table": np.arange(6, dtype=np.float32).reshape(2, 3)},
    "layer_0": {"mlp": {"up": {"bias": np.zeros(2, np.float32)}}},
}


def test_round_trip(tmp_path):
    path = tmp_path / "deep" / "weights.npz"
    save_params(path, PARAMS)
    loaded = load_params(path)
    assert loaded.keys() == PARAMS.keys()
    np.testing.assert_array_equal(loaded["embed"]["table"], PARAMS["embed"]["table"])
    assert loaded["layer_0"]["mlp"]["up"]["bias"].dtype == np.float32
    assert [file.name for file in path.parent.iterdir()] == ["weights.npz"]


@pytest.mark.parametrize("damage", ["missing", "cut", "flipped"])
def test_a_file_that_is_not_whole_is_an_error(tmp_path, damage):
    path = tmp_path / "weights.npz"
    save_params(path, PARAMS)
    content = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    else:
        content[150] ^= 1
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"Weights .*weights.npz cannot be read") as e:
        load_params(path)
    assert "\n" not in str(e.value)


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot be written"):
        save_params(tmp_path / "file" / "weights.npz", PARAMS)
