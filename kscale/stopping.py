"""Turns TERM, INT, HUP, USR1, USR2 and XCPU into a flag that long work checks.

INT is Ctrl-C; USR1, USR2 and XCPU are what schedulers send some time before they kill
(Slurm's `--signal=USR1@60`). The flag is set while `watch` is open. Where nothing is to
be saved the handler raises `Interrupted` at once; where files are written or a model is
trained, inside `defer`, the work goes on to a point where all is saved, and checks. A
second signal ends a command, unless it comes within a second of the first, which makes
it the same request, or is a scheduler's.

with watch():
    world = build()             # Interrupted at once
    with defer():
        write(world)            # to its end
    check()                     # Interrupted now
"""

import contextlib
import dataclasses
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

SCHEDULERS = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU)
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, *SCHEDULERS)
REQUEUE = 75  # the exit code after those: sysexits.h's "temporary failure, try again"

_AGAIN_SECONDS = 1.0  # a signal that comes again sooner is the same request
_GRACE_SECONDS = 5.0  # after which work that cannot be interrupted is cut off


class Interrupted(KeyboardInterrupt):
    """The process was asked to stop; what was saved is kept.

    A KeyboardInterrupt, so that `except Exception`, of a library or of an experiment,
    lets it through.

    Attributes:
      number: of the signal.
    """

    def __init__(self, kept: str = "what was saved is kept", number: int = 0) -> None:
        number = number or received_signal() or signal.SIGTERM
        super().__init__(f"stopped by {signal.Signals(number).name}; {kept}")
        self.number = number


def exit_code(number: int) -> int:
    """Returns the exit code of a process that a signal stopped.

    Example:
      >>> exit_code(signal.SIGTERM), exit_code(signal.SIGINT), exit_code(signal.SIGUSR1)
      (143, 130, 75)
    """
    return REQUEUE if number in SCHEDULERS else 128 + number


@dataclasses.dataclass
class _Watch:
    """Which signal came, when, and how many `defer` are open."""

    ends_process: bool
    received: int = 0
    at: float = 0.0
    deferred: int = 0
    before: dict[int, Any] = dataclasses.field(default_factory=dict)


_open: _Watch | None = None


@contextlib.contextmanager
def watch(ends_process: bool = False) -> Iterator[None]:
    """Turns signals into requests, until the end; inside another one it does nothing.

    The handlers that were there before come back; a signal that was ignored, as by
    nohup, stays ignored. Outside the main thread, where Python allows no handlers,
    nothing is watched. With several processes SIGTERM is left to JAX, which makes all
    stop after the same dispatch, and the other signals become one.

    Args:
      ends_process: of a command: a second signal ends the process at once, and so does
        the first after five seconds in code that does not come back to Python, such as
        a long compilation. Otherwise a second signal goes to the handler before. A
        scheduler's is no second signal, nor is one within a second of the first.
    """
    global _open
    main = threading.current_thread() is threading.main_thread()
    if _open is not None or not main:
        yield
        return
    _open = _Watch(ends_process)
    try:
        for number in SIGNALS:
            found = signal.getsignal(number)
            # A batch script that ignores TERM itself means its children to stop.
            ignored = found is signal.SIG_IGN and number in (
                signal.SIGINT,
                signal.SIGHUP,
            )
            if not (ignored or (number == signal.SIGTERM and _several_processes())):
                _open.before[number] = found
                signal.signal(number, _handle)
        with _cut_off(_open) if ends_process else contextlib.nullcontext():
            yield
    finally:
        _restore(_open)
        _open = None


@contextlib.contextmanager
def defer() -> Iterator[None]:
    """Lets signals only set the flag, until the end; `check` is to be called then."""
    here = threading.current_thread() is threading.main_thread() and _open
    if not here:
        yield
        return
    here.deferred += 1
    try:
        yield
    finally:
        here.deferred -= 1


def received_signal() -> int:
    """Returns the signal that asked to stop, 0 if none did."""
    return 0 if _open is None else _open.received


def check(kept: str = "what was saved is kept") -> None:
    """Raises `Interrupted` if a signal came, unless it is to wait."""
    if _open is not None and _open.received and not _open.deferred:
        raise Interrupted(kept)


def stop_after(dispatch: int) -> bool:
    """Says whether to stop after a dispatch; several processes must all ask, each time.

    They agree on the dispatch.
    """
    if _several_processes():
        from jax.experimental import multihost_utils

        return multihost_utils.reached_preemption_sync_point(dispatch)
    return bool(received_signal())


def _several_processes() -> bool:
    # As jax.distributed.is_initialized(), but also while JAX is being imported.
    state = getattr(sys.modules.get("jax._src.distributed"), "global_state", None)
    return getattr(state, "client", None) is not None


def _handle(number: int, _: Any) -> None:
    if (here := _open) is None:
        return
    if here.received:
        if not here.ends_process and _is_second(here.at, number):
            _restore(here)
            signal.raise_signal(number)
        return
    here.received, here.at = number, time.monotonic()
    if _several_processes():
        os.kill(os.getpid(), signal.SIGTERM)  # JAX tells the others
    elif not here.deferred:
        raise Interrupted


def _is_second(first: float, number: int) -> bool:
    return number not in SCHEDULERS and time.monotonic() - first > _AGAIN_SECONDS


def _restore(here: _Watch) -> None:
    for number, handler in here.before.items():
        # None stands for a handler that Python did not set and cannot set again.
        signal.signal(number, signal.SIG_DFL if handler is None else handler)
    here.before = {}


@contextlib.contextmanager
def _cut_off(here: _Watch) -> Iterator[None]:
    """Ends the process where its main thread does not: files are whole or not there."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    hook = sys.unraisablehook
    # What a callback of JAX or of an import swallows is asked for by the next `check`.
    sys.unraisablehook = lambda lost: (
        None if isinstance(lost.exc_value, Interrupted) else hook(lost)
    )
    thread = threading.Thread(target=_listen, args=(here, reader), daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        sys.unraisablehook = hook
        os.close(writer)
        thread.join()
        os.close(reader)


def _listen(here: _Watch, reader: int) -> None:
    """Waits for the numbers of signals, which arrive also where no Python code runs."""
    number, first, end = 0, 0.0, 0.0
    while True:
        left = max(0.0, end - time.monotonic()) if number else None
        if select.select([reader], [], [], left)[0]:
            found = os.read(reader, 1)
            if not found:
                return
            if found[0] not in here.before:
                continue
            if not number:
                number, first = found[0], time.monotonic()
                end = first + _GRACE_SECONDS
            elif _is_second(first, found[0]):
                _end(found[0], "stopped at once by a second signal")
        elif here.deferred:
            end = time.monotonic() + 1.0  # it comes to a good end
        else:
            _end(number, f"stopped by {signal.Signals(number).name}")


def _end(number: int, how: str) -> None:
    with contextlib.suppress(OSError):
        os.write(2, f"kscale: {how}; what was saved is kept\n".encode())
    os._exit(exit_code(number))
