"""Named arrays in a file."""

import os

import numpy as np
import pytest

from kscale.files import write_arrays


def test_arrays_come_back(tmp_path):
    path = tmp_path / "new" / "a.npz"
    write_arrays(path, {"x/y": np.arange(3), "z": np.float32(2)})
    with np.load(path) as file:
        assert sorted(file.files) == ["x/y", "z"]
        assert file["x/y"].tolist() == [0, 1, 2]


def test_what_cannot_be_written_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    write_arrays(path, {"x": np.arange(3)})

    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ValueError, match=r"Weights .*a\.npz cannot be written \(.*28"):
        write_arrays(path, {"x": np.arange(4)}, "Weights ")
    assert [x.name for x in tmp_path.iterdir()] == ["a.npz"]
    with np.load(path) as file:
        assert file["x"].tolist() == [0, 1, 2]
