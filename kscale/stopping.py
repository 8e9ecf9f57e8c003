"""SIGTERM before and after the training loop, which has a handler of its own."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any


class Interrupted(Exception):
    """The run was asked to stop; its state is saved and `--resume` goes on."""


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Makes SIGTERM an `Interrupted` here.

    Files are written whole or not at all, so there is nothing to be saved.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Python allows no handlers here
        return

    def stop(number: int, frame: Any) -> None:
        raise Interrupted("stopped outside of training; what was saved is kept")

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
