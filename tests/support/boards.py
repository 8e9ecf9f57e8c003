"""What TensorBoard shows of a folder: the framing of its files, its rule of steps."""

import struct

from tensorboardX.proto.event_pb2 import Event, SessionLog


def read_board(folder):
    """Tag -> [(step, summary value)], files by name; a start hides later steps."""
    found = {}
    for path in sorted(folder.glob("events.out.tfevents.*")):
        for event in _events(path.read_bytes()):
            if event.session_log.status == SessionLog.START:
                found = {
                    tag: [x for x in values if x[0] < event.step]
                    for tag, values in found.items()
                }
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value))
    return found


def read_scalars(folder):
    """Tag -> [(step, number)] of the scalars."""
    return {
        tag: [(step, value.simple_value) for step, value in values]
        for tag, values in read_board(folder).items()
        if values and values[0][1].HasField("simple_value")
    }


def _events(content):
    """The events of a TFRecord file: length, checksum, message, checksum."""
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        yield Event.FromString(content[12 : 12 + length])
        content = content[16 + length :]
