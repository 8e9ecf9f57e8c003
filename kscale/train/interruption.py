"""SIGTERM as a wish that the loop asks for, instead of an end."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import jax
from jax.experimental import multihost_utils


@contextlib.contextmanager
def interruption() -> Iterator[Callable[[int], bool]]:
    """Turns SIGTERM into a question: ``asked(dispatch)`` is whether to stop after it.

    The handler that was there before comes back at the end. Outside the main thread,
    where Python allows no handlers, nothing is ever asked. With several processes
    JAX's own handler is used, as all must stop after the same dispatch; there
    ``asked`` must be called by all, once for each dispatch.
    """
    if jax.process_count() > 1:
        yield multihost_utils.reached_preemption_sync_point
        return
    if threading.current_thread() is not threading.main_thread():
        yield lambda dispatch: False
        return
    received = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda number, frame: received.set())
    try:
        yield lambda dispatch: received.is_set()
    finally:
        # None stands for a handler that Python did not set and cannot set again.
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)


# SIGTERM before and after the training loop, which has a handler of its own.
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
