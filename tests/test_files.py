"""Files are whole or not there: rows, JSON, arrays; many writers, lines cut short."""

import concurrent.futures
import contextlib
import errno
import io
import json
import os
import zipfile

import numpy as np
import pytest

from kscale import files

HEADER = b"\x93NUMPY\x01\x00\x76\x00{'descr': %-106b}\n12345678"


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


def test_rows_lack_nothing_that_is_needed(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"step": 1}\n{"step": "2"}\n')
    assert len(files.read_rows(path)) == 2
    with pytest.raises(ValueError, match=r"rows.jsonl, line 2: 'step' is 2; remove"):
        files.read_rows(path, {"step": int})
    path.write_bytes(b'{"step": 1}\n\xff{}\n')
    with pytest.raises(ValueError, match=r"rows.jsonl, line 2: .* is not a row"):
        files.read_rows(path)


def test_a_row_whose_key_is_there_is_not_appended_again(tmp_path):
    path = tmp_path / "rows.jsonl"
    assert files.append_row(path, {"key": 1}, "key")
    path.write_text(path.read_text() + '{"key": 2}')  # by hand
    assert not files.append_row(path, {"key": 1}, "key")
    assert not files.append_row(path, {"key": 2}, "key")
    assert files.append_row(path, {"key": 3}, "key")
    assert [row["key"] for row in files.read_rows(path)] == [1, 2, 3]


def test_many_writers_lose_no_row(tmp_path):
    path = tmp_path / "rows.jsonl"
    long = "x" * 20_000
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: files.append_row(path, {long: i}), range(40)))
    assert sorted(row[long] for row in files.read_rows(path)) == list(range(40))


def test_rows_are_appended_where_there_is_no_flock(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    test_many_writers_lose_no_row(tmp_path)
    assert [x.name for x in tmp_path.iterdir()] == ["rows.jsonl"]


@pytest.mark.parametrize("room", [100, 8])
def test_bytes_are_appended_whole_or_not_at_all(tmp_path, monkeypatch, room):
    class Short(io.FileIO):
        def write(self, data):
            if self.tell() + 3 > room:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data[:3])

    path = tmp_path / "a"
    path.write_bytes(b"12345")
    with monkeypatch.context() as patched:
        patched.setattr(
            type(path), "open", lambda path, mode, buffering: Short(path, mode)
        )
        if room > 12:
            files.append_bytes(path, b"abcdefgh")
        else:
            with pytest.raises(OSError, match="No space left"):
                files.append_bytes(path, b"abcdefgh")
    assert path.read_bytes() == b"12345" + b"abcdefgh" * (room > 12)


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


def test_a_pipe_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="pipe is no file that could be replaced"):
        files.write_text(tmp_path / "pipe", "x")
    assert (tmp_path / "pipe").is_fifo()


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


def test_a_link_stays_and_its_target_is_replaced(tmp_path):
    link = tmp_path / "link"
    (tmp_path / "target").write_text("old")
    link.symlink_to("target")
    files.write_text(link, "new")
    assert link.is_symlink()
    assert (tmp_path / "target").read_text() == "new"
    assert {x.name for x in tmp_path.iterdir()} == {"link", "target"}


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


def test_arrays_are_read_as_they_were_or_not_at_all(tmp_path):
    """Every byte of the headers changed, in two ways, one at a time."""
    path = tmp_path / "weights.npz"
    files.write_arrays(path, {"x": np.arange(6, dtype=np.float32)})
    whole, refused = path.read_bytes(), 0
    for at in range(len(whole)):
        for flip in (0x01, 0x33):
            content = bytearray(whole)
            content[at] ^= flip
            path.write_bytes(content)
            with contextlib.suppress(ValueError):
                refused += 1
                (array,) = files.read_arrays(path).values()
                refused -= 1  # a date, or the name, which the caller compares
                assert array.dtype == np.float32
                assert array.tolist() == list(range(6))
    assert refused > len(whole)


def test_an_entry_that_hides_the_next_is_noticed(tmp_path):
    path = tmp_path / "weights.npz"
    files.write_arrays(path, {"x": np.zeros(2), "y": np.ones(2)})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 32] = 46 + len("y.npy")  # of its comment
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"weights\.npz .*lists 1 files of 2"):
        files.read_arrays(path)


@pytest.mark.parametrize(
    "member",
    [
        b"text",
        b"\x93NUMPY\x01\x00\x04\x00{{{{",
        HEADER % b"'<f4', 'fortran_order': False, 'shape': (9999999999999,)",
        HEADER % b"'<f4', 'fortran_order': False, 'shape': (1,)",
        HEADER % b"'|O', 'fortran_order': False, 'shape': (1,)",
    ],
    ids=["no array", "no header", "huge", "more bytes", "objects"],
)
def test_members_that_are_no_arrays_are_refused(tmp_path, member):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("x.npy", member)
    with pytest.raises(ValueError, match=r"a\.npz cannot be read \("):
        files.read_arrays(tmp_path / "a.npz")
