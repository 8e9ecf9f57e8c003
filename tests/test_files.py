"""Files are whole or not there: rows, JSON, arrays; many writers, lines cut short."""

import concurrent.futures
import errno
import json
import os

import numpy as np
import pytest

from kscale import files


@pytest.fixture
def full(monkeypatch):
    """Fills the disk, from the time that it is called."""

    def fsync(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    return lambda: monkeypatch.setattr(os, "fsync", fsync)


def test_rows_come_back_in_order(tmp_path):
    path = tmp_path / "new" / "rows.jsonl"
    assert files.read_rows(path) == []
    for i in range(3):
        files.append_row(path, {"i": i, "text": "ä\n\u2028"})
    assert [row["i"] for row in files.read_rows(path)] == [0, 1, 2]
    assert path.read_text().count("\n") == 3
    rows = [{"i": 1}, {"i": 2.5, "text": "ä"}]
    files.write_rows(path, rows)
    assert files.read_rows(path) == rows


@pytest.mark.parametrize(
    ("tail", "left"),
    [('{"i": 1, "te', 1), ('{"i": 1}', 2), ("12", 1), ("", 1)],
    ids=["cut short", "without an end", "no row", "nothing"],
)
def test_a_last_line_that_was_cut_short_makes_way(tmp_path, tail, left):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"i": 0}\n' + tail)
    assert len(files.read_rows(path)) == left
    files.append_row(path, {"i": 7})
    rows = files.read_rows(path)
    assert [row["i"] for row in rows] == [*range(left), 7]
    assert all(json.loads(line) for line in path.read_text().splitlines())
    path.write_text('{"i"')  # also a first line
    files.append_row(path, {"i": 0})
    assert path.read_text() == '{"i": 0}\n'


@pytest.mark.parametrize("line", ["", "nonsense", "[1]"])
def test_any_other_line_that_is_no_row_is_an_error(tmp_path, line):
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"i": 0}}\n{line}\n{{"i": 1}}\n')
    with pytest.raises(ValueError, match=r"rows.jsonl, line 2: .* is not a row"):
        files.read_rows(path)


def test_many_writers_lose_no_row(tmp_path):
    path = tmp_path / "rows.jsonl"
    long = "x" * 20_000
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: files.append_row(path, {long: i}), range(40)))
    assert sorted(row[long] for row in files.read_rows(path)) == list(range(40))


def test_a_full_disk_leaves_the_rows_that_were_there(tmp_path, full):
    path = tmp_path / "rows.jsonl"
    files.append_row(path, {"i": 0})
    full()
    with pytest.raises(OSError, match="No space left"):
        files.append_row(path, {"i": 1})
    assert path.read_text() == '{"i": 0}\n'


def test_an_object_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "result.json"
    files.write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        files.write_json(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1}
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        files.write_json(tmp_path / "folder", {"a": 2})
    assert sorted(x.name for x in tmp_path.iterdir()) == ["folder", "result.json"]


def test_numbers_that_are_not_finite_become_none():
    value = {"a": np.float32(0.5), "b": [np.inf, np.int64(3)], "c": np.array([np.nan])}
    assert files.to_json_types(value) == {"a": 0.5, "b": [None, 3], "c": [None]}


@pytest.mark.parametrize("compress", [False, True])
def test_arrays_come_back(tmp_path, compress):
    path = tmp_path / "new" / "a.npz"
    files.write_arrays(path, {"x/y": np.arange(3), "z": np.float32(2)}, "", compress)
    found = files.read_arrays(path)
    assert {name: x.tolist() for name, x in found.items()} == {"x/y": [0, 1, 2], "z": 2}
    assert [x.name for x in path.parent.iterdir()] == ["a.npz"]


def test_arrays_that_cannot_be_written_leave_those_that_were_there(tmp_path, full):
    path = tmp_path / "a.npz"
    files.write_arrays(path, {"x": np.arange(3)})
    full()
    with pytest.raises(ValueError, match=r"Weights .*a\.npz cannot be written \(.*28"):
        files.write_arrays(path, {"x": np.arange(4)}, "Weights ")
    assert [x.name for x in tmp_path.iterdir()] == ["a.npz"]
    assert files.read_arrays(path)["x"].tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match=r"a\.npz/b\.npz cannot be written"):
        files.write_arrays(path / "b.npz", {})


@pytest.mark.parametrize("damage", ["missing", "cut", "flipped"])
def test_arrays_of_a_file_that_is_not_whole_are_an_error(tmp_path, damage):
    path = tmp_path / "weights.npz"
    files.write_arrays(path, {"x": np.arange(6.0), "y": np.zeros(2, np.float32)})
    content = bytearray(path.read_bytes())
    content[150] ^= 1
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(content if damage == "flipped" else content[:200])
    with pytest.raises(ValueError, match=r"Weights .*weights.npz cannot be read") as e:
        files.read_arrays(path, "Weights ")
    assert "\n" not in str(e.value)
