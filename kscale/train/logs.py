"""Where rows go: metrics.jsonl, TensorBoard, a progress bar or plain lines."""

import contextlib
import json
import os
import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import jax
from tensorboardX.proto import event_pb2, summary_pb2
from tensorboardX.record_writer import masked_crc32c
from tqdm import tqdm

from kscale import files, streams
from kscale.files import Row
from kscale.train.metrics import ROUTING

METRICS = "metrics.jsonl"
TENSORBOARD = "tensorboard"

OnRow = Callable[[Row], Any]
Scalars = Mapping[str, float | None]  # values by their TensorBoard tags; None: unknown
_SECONDS_BETWEEN_LINES = 5.0


class RowWriter:
    """Hands each logged row to all that want it: the folder, the terminal, `on_row`.

    Args:
      folder, step, members: for `RunLog`; without a folder nothing is written.
      progress, total_steps: for `Progress`.
      on_row: called with every row, such as by a tracker.

    Attributes:
      rows: those written, oldest first.
    """

    def __init__(
        self,
        folder: Path | str | None,
        step: int,
        total_steps: int,
        members: int | None,
        progress: TextIO | None,
        on_row: OnRow | None,
    ) -> None:
        self.rows: list[Row] = []
        bar = Progress(progress, total_steps, step)
        self.close = bar.close
        self._receivers: list[OnRow] = [self.rows.append]
        self._log: RunLog | None = None
        if folder is not None and not jax.process_index():
            self._log = RunLog(folder, step, members)
            self._receivers.append(self._log.write)
        self._receivers += [bar.show] if on_row is None else [bar.show, on_row]

    def write(self, row: Row) -> None:
        """Hands on one row."""
        for receive in self._receivers:
            receive(row)

    def add_scalars(self, step: int, members: Sequence[Scalars]) -> None:
        """Shows what each member's evaluation found in TensorBoard, if there is one."""
        if self._log is not None:
            self._log.add_scalars(step, members)


class RunLog:
    """The log files of a run folder.

    Args:
      folder: of the run; gets `metrics.jsonl` and `tensorboard/`.
      step: the run goes on from here; rows of later steps, which a run that was
        killed left behind, are dropped.
      members: of a population, which gets one TensorBoard run each; None: one model.

    Raises:
      ValueError: (also by `write`) a file cannot be written.
    """

    def __init__(self, folder: Path | str, step: int, members: int | None) -> None:
        self._path = Path(folder) / METRICS
        with _require_room(self._path):
            rows = files.read_rows(self._path, {"step": int})
            kept = [row for row in rows if row["step"] <= step]
            files.write_rows(self._path, kept)
            self._last = kept[-1]["step"] if kept else 0
            self._boards = _open_boards(folder, step, members)

    def write(self, row: Row) -> None:
        """Appends one row, as `Totals.row` makes it, and the step of that before."""
        line = json.dumps(row | {"after": self._last}).encode() + b"\n"
        with _require_room(self._path):
            files.append_bytes(self._path, line)
        self._last = row["step"]
        scalars = [tag_scalars(row, m) for m in range(len(self._boards))]
        self.add_scalars(row["step"], scalars)

    def add_scalars(self, step: int, members: Sequence[Scalars]) -> None:
        """Appends values to the event file of each member."""
        with _require_room(self._path):
            for board, scalars in zip(self._boards, members, strict=True):
                board.add(step, *scalar_values(scalars))


def read_diverged(
    folder: Path | str | None, step: int, members: int | None
) -> list[int | None]:
    """Reads from the log at which step each member diverged, up to a step."""
    path = None if folder is None else Path(folder) / METRICS
    rows = [] if path is None else files.read_rows(path, {"step": int})
    rows = [row for row in rows if row["step"] <= step]
    return (rows[-1] if rows else {}).get("diverged", [None] * (members or 1))


def write_result(
    folder: Path | str, step: int, members: int | None, values: Sequence[Sequence[Any]]
) -> None:
    """Shows the end of a run in TensorBoard, in place of what an earlier call showed.

    Args:
      folder, members: as in `RunLog`.
      step: the last.
      values: what each member's run gets, `Summary.Value` each.
    """
    with _require_room(Path(folder) / TENSORBOARD):
        boards = _open_boards(folder, step, members, ".result")
        for board, shown in zip(boards, values, strict=True):
            board.add(step, *shown)


@contextlib.contextmanager
def _require_room(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ValueError(
            f"log {path} cannot be written ({error}): make room and resume"
        ) from error


def tag_scalars(row: Row, member: int) -> dict[str, float | None]:
    """Returns one member's values of a row by their TensorBoard tags."""
    groups = {
        "train": ("loss", "learning_rate", "grad_norm"),
        "speed": ("tokens_per_second", "mfu"),
        "moe": ROUTING,
    }
    tags = {
        f"{group}/{name}": row[name]
        for group, names in groups.items()
        for name in names
        if name in row
    }
    tags |= {f"loss_by_label/{name}": x for name, x in row["loss_by_label"].items()}
    return {tag: x[member] if isinstance(x, list) else x for tag, x in tags.items()}


class Progress:
    """Shows how far a run is: a bar on a terminal, now and then a line elsewhere.

    A stream that fails is left alone from then on.
    """

    def __init__(self, stream: TextIO | None, total_steps: int, step: int = 0) -> None:
        self._stream = stream = streams.guard(stream)
        self._total = total_steps
        self._last = time.perf_counter()
        self._bar = None
        if stream is not None and stream.isatty():
            self._bar = tqdm(total=total_steps, initial=step, file=stream, unit="step")

    def show(self, row: Row) -> None:
        """Shows one row; away from terminals one in five seconds, and the last."""
        loss = row["loss"]
        losses = loss if isinstance(loss, list) else [loss]
        text = f"loss {min(x for x in losses if x is not None):.4f}"
        if self._bar is not None:
            self._bar.set_postfix_str(text, refresh=False)
            self._bar.update(row["step"] - self._bar.n)
        elif self._stream is not None:
            now = time.perf_counter()
            if now - self._last < _SECONDS_BETWEEN_LINES and row["step"] < self._total:
                return
            self._last = now
            speed = f"{row['tokens_per_second']:,.0f} tokens/s"
            line = f"step {row['step']}/{self._total}  {text}  {speed}"
            print(line, file=self._stream, flush=True)

    def close(self) -> None:
        """Ends the bar."""
        if self._bar is not None:
            self._bar.close()


# tensorboardX's own writer keeps a thread and an exit handler; both outlive a full disk
# with a traceback each. Its messages and checksums are used here, its writer is not.
# The classes are generated, so that type checkers cannot see them.
Event: Any = vars(event_pb2)["Event"]
SessionLog: Any = vars(event_pb2)["SessionLog"]
Summary: Any = vars(summary_pb2)["Summary"]


def scalar_values(scalars: Scalars) -> list[Any]:
    """Returns the `Summary.Value` of each tag whose value is known."""
    return [
        Summary.Value(tag=tag, simple_value=x)
        for tag, x in scalars.items()
        if x is not None
    ]


def _open_boards(
    folder: Path | str, step: int, members: int | None, suffix: str = ""
) -> list["Board"]:
    """Opens an event file for each member of a run."""
    names = [""] if members is None else [f"member_{m}" for m in range(members)]
    return [Board(Path(folder) / TENSORBOARD / name, step, suffix) for name in names]


class Board:
    """A TensorBoard event file, which is closed after each write.

    TensorBoard reads the files of a folder one after another, by name, so that only the
    newest may grow.

    Args:
      folder: made if it does not exist; each start of a run adds a file to it.
      step: the run goes on from here; TensorBoard hides older events of later steps.
      suffix: ends the file's name; earlier files that end so are deleted. "": none are.
    """

    def __init__(self, folder: Path, step: int, suffix: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        now = f"{time.time_ns() / 1e9:.3f}"
        self._path = folder / f"events.out.tfevents.{now}.{os.getpid()}{suffix}"
        for earlier in folder.glob(f"events.out.tfevents.*{suffix}") if suffix else ():
            earlier.unlink()
        begin = SessionLog(status=SessionLog.START)
        version = Event(file_version="brain.Event:2")
        self._append(version, Event(step=step + 1, session_log=begin))

    def add(self, step: int, *values: Any) -> None:
        """Appends a `Summary.Value` for each tag."""
        self._append(Event(step=step, summary=Summary(value=values)))

    def _append(self, *events: Any) -> None:
        records = []
        for event in events:
            event.wall_time = time.time()
            data = event.SerializeToString()
            length = struct.pack("<Q", len(data))
            for part in (length, data):
                records += [part, struct.pack("<I", masked_crc32c(part))]
        files.append_bytes(self._path, b"".join(records))
