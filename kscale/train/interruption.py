"""SIGTERM: a flag that the training loop checks, an exception outside of it."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import jax
from jax.experimental import multihost_utils


class Interrupted(Exception):
    """The run was asked to stop; its state is saved and `--resume` goes on."""


@contextlib.contextmanager
def watch_sigterm() -> Iterator[Callable[[int], bool]]:
    """Turns SIGTERM into a function that says whether to stop after a dispatch.

    The handler that was there before comes back at the end. Outside the main thread,
    where Python allows no handlers, the answer is always no. With several processes
    JAX's own handler is used, as all must stop after the same dispatch; there the
    function must be called by all, once for each dispatch.
    """
    if jax.process_count() > 1:
        yield multihost_utils.reached_preemption_sync_point
        return
    received = threading.Event()
    with _handle_sigterm(received.set):
        yield lambda dispatch: received.is_set()


@contextlib.contextmanager
def raise_on_sigterm() -> Iterator[None]:
    """Turns SIGTERM into `Interrupted`, before and after the training loop.

    Files are written whole or not at all, so there is nothing to be saved.
    """

    def stop() -> None:
        raise Interrupted("stopped outside of training; what was saved is kept")

    with _handle_sigterm(stop):
        yield


@contextlib.contextmanager
def _handle_sigterm(handle: Callable[[], Any]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # Python allows no handlers here
        return
    before = signal.signal(signal.SIGTERM, lambda number, frame: handle())
    try:
        yield
    finally:
        # None stands for a handler that Python did not set and cannot set again.
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)
