"""TensorBoard event files, written at once and left closed.

tensorboardX's own writer keeps a thread and an exit handler; both outlive a full disk
with a traceback each. Its messages and checksums are used here, its writer is not.
"""

import os
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboardX.proto import event_pb2, summary_pb2
from tensorboardX.record_writer import masked_crc32c

# Generated classes, which type checkers cannot see.
Event: Any = vars(event_pb2)["Event"]
SessionLog: Any = vars(event_pb2)["SessionLog"]
Summary: Any = vars(summary_pb2)["Summary"]
_VERSION = "brain.Event:2"


class Board:
    """The event file of one run.

    Args:
      folder: made if it does not exist; each start of a run adds a file to it.
      step: the run goes on from here; TensorBoard hides older events of later steps.

    Raises:
      OSError: the file cannot be written.
    """

    def __init__(self, folder: Path, step: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        now = time.time_ns() // 10**6
        name = f"events.out.tfevents.{now // 1000}.{now % 1000:03}.{os.getpid()}"
        self._path = folder / name
        begin = SessionLog(status=SessionLog.START)
        self._append(
            Event(file_version=_VERSION),
            Event(step=step + 1, session_log=begin),
        )

    def add(self, step: int, scalars: Mapping[str, float]) -> None:
        """Appends one value for each tag.

        Raises:
          OSError: the file cannot be written.
        """
        values = [Summary.Value(tag=tag, simple_value=x) for tag, x in scalars.items()]
        self._append(Event(step=step, summary=Summary(value=values)))

    def _append(self, *events: Any) -> None:
        records = []
        for event in events:
            event.wall_time = time.time()
            data = event.SerializeToString()
            length = struct.pack("<Q", len(data))
            records += [length, _checksum(length), data, _checksum(data)]
        with self._path.open("ab", buffering=0) as file:
            file.write(b"".join(records))


def _checksum(data: bytes) -> bytes:
    return struct.pack("<I", masked_crc32c(data))
