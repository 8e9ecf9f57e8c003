"""Wraps stdout and stderr so that a failed write is dropped.

with protect():                       # sys.stdout and sys.stderr of a command
    sys.stderr.write("step 1\\n")      # shown, or dropped
progress = guard(sys.stderr)          # one stream
"""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO

_ASCII = ("ascii", "us-ascii", "ansi_x3.4-1968")


class Guarded(io.TextIOBase):
    """A text stream whose writes never fail: once one did, the rest is dropped.

    Each write is flushed, so that what fails, fails here and not when Python ends. A
    text that the stream cannot encode is dropped alone.

    Args:
      stream: what is written to; None, as where `>&-` closed it: nothing.
      owned: the stream is the process's own: its descriptor leads nowhere once a write
        failed, so that Python's end does not fail on what is left in its buffer.

    Attributes:
      lost: why writing failed; None: it did not.
    """

    def __init__(self, stream: TextIO | None, owned: bool = False) -> None:
        self._stream, self._owned = stream, owned
        self.lost: Exception | None = None

    def write(self, text: str) -> int:
        """Writes a text, or drops it."""
        if self._stream is not None:
            try:
                self._stream.write(text)
                self._stream.flush()
            except UnicodeError:
                return len(text)
            except (OSError, ValueError) as error:  # a closed file is a ValueError
                self._drop(error)
        return len(text)

    def write_bytes(self, data: bytes) -> int:
        """Writes bytes, or drops them; a stream that takes none is lost, too."""
        try:
            if self._stream is None:
                raise self.lost or OSError("the stream is closed")
            left, binary = memoryview(data), self._stream.buffer
            while len(left):  # without a buffer, as by python -u, a part is written
                left = left[binary.write(left) :]
            binary.flush()
        except AttributeError:
            self.lost = OSError("the stream takes no bytes")
        except (OSError, ValueError) as error:
            self._drop(error)
        return len(data)

    def _drop(self, error: Exception) -> None:
        self.lost, stream, self._stream = error, self._stream, None
        if self._owned and stream is not None:
            with contextlib.suppress(OSError, ValueError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, stream.fileno())
                os.close(null)

    def flush(self) -> None:
        """Does nothing: each write is flushed."""

    def isatty(self) -> bool:
        """Says whether a terminal shows it."""
        with contextlib.suppress(ValueError):  # it is closed
            return self._stream is not None and self._stream.isatty()
        return False

    def fileno(self) -> int:
        """Returns the descriptor of the stream beneath."""
        if self._stream is None:
            raise io.UnsupportedOperation("fileno: there is no stream")
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # pyright: ignore
        """The encoding of the stream beneath."""
        return getattr(self._stream, "encoding", None) or "utf-8"


def guard(stream: TextIO | None) -> Any:
    """Returns a stream that never fails; None stays None."""
    if stream is None or isinstance(stream, Guarded):
        return stream
    return Guarded(stream)


@contextlib.contextmanager
def protect() -> Iterator[None]:
    """Guards sys.stdout and sys.stderr; text that they cannot encode is UTF-8.

    A pipe that another program made non-blocking blocks again: nothing is cut off.
    """
    for number in range(3):  # else the next file that is opened would take its place
        try:
            os.set_blocking(number, True)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    before = sys.stdout, sys.stderr
    for stream in before:
        if isinstance(stream, io.TextIOWrapper):
            encoding = stream.encoding
            encoding = "utf-8" if encoding.lower() in _ASCII else encoding
            stream.reconfigure(encoding=encoding, errors="backslashreplace")
    sys.stdout, sys.stderr = (
        x if isinstance(x, Guarded) else Guarded(x, owned=True) for x in before
    )
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
