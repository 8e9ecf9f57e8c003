"""Streams that fail: what is written is dropped, and nothing ends."""

import io
import os
import sys

import pytest

from kscale import streams
from kscale.train.logs import Progress

ROW = {"step": 1, "loss": 1.0, "tokens_per_second": 1.0}


@pytest.fixture
def gone():
    """A stream whose reader has gone, as after `| head -1`."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as stream:
        yield stream


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize(
    ("write", "data"), [("write", "text\n"), ("write_bytes", b"text\n")]
)
def test_a_stream_that_fails_is_dropped(gone, write, data):
    full = open("/dev/full", "w")  # noqa: SIM115
    for stream in (gone, full, closed()):
        guarded = streams.Guarded(stream, owned=True)
        assert streams.guard(guarded) is guarded
        for _ in range(2):
            assert getattr(guarded, write)(data) == 5
            assert isinstance(guarded.lost, OSError | ValueError)
    full.close()  # what was left in its buffer is no error: it goes nowhere
    Progress(gone, total_steps=1).show(ROW)


def test_a_callers_stream_stays_the_callers(tmp_path):
    with (tmp_path / "log").open("w", encoding="ascii") as stream:
        guarded = streams.guard(stream)
        assert guarded.write("ü") == guarded.write("u") == 1
        stream.write("v")
    assert (tmp_path / "log").read_text() == "uv"
    assert not streams.guard(closed()).isatty()


def test_a_command_has_streams_whatever_it_was_given(monkeypatch):
    ascii_only = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", ascii_only)
    monkeypatch.setattr(sys, "stderr", None)  # as after 2>&-
    with streams.protect():
        sys.stderr.write("nobody reads it\n")
        sys.stdout.write("Zürich\n")
        assert not sys.stderr.isatty()
    assert ascii_only.buffer.getvalue() == "Zürich\n".encode()
    assert sys.stderr is None
