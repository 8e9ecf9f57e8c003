"""The file of `kscale compress`: a header of 108 bytes, then what the coder wrote.

magic, version      what it is
flags               1: the text ends with a newline
lanes, window       the shape of the step that made the probabilities
documents, text     how many lines, how many bytes
payload             bytes after the header
model, alphabet     fingerprints of weights and config, and of what tokens write
weights             `Predictor.probe`: what this processor and XLA compute
sha256              of the text, the first 16 bytes
jax, machine        the version of JAX and the kind of processor that wrote it
checksum            of all that is before it and after it
"""

import hashlib
import platform
import struct
from typing import NamedTuple

import jax

from kscale.files import digest

MAGIC = b"\x93KSC"
VERSION = 2
_FIELDS = struct.Struct("<4sBBHIQQQ6s6s6s16s16s16s")
_CHECKSUM = 6
HEADER_BYTES = _FIELDS.size + _CHECKSUM


class Header(NamedTuple):
    """What a file says of itself; fingerprints are hex digits.

    `jax` and `machine` ("0.10.2", "x86_64") are for a message alone: which file can be
    read, `weights` decides.
    """

    newline: bool
    lanes: int
    window: int
    documents: int
    text_bytes: int
    model: str
    alphabet: str
    weights: str
    sha256: str
    jax: str
    machine: str


def name_place() -> tuple[str, str]:
    """Returns `Header.jax` and `Header.machine` of this process, 16 bytes at most."""
    return jax.__version__[:16], platform.machine()[:16]


def hash_text(text: bytes) -> str:
    """Returns 32 hex digits of a text."""
    return hashlib.sha256(text).hexdigest()[:32]


def pack(header: Header, payload: bytes) -> bytes:
    """Returns the file."""
    newline, lanes, window, documents, text_bytes, *prints, version, machine = header
    counts = (lanes, window, documents, text_bytes, len(payload))
    prints = map(bytes.fromhex, prints)
    place = version.encode(), machine.encode()
    fields = _FIELDS.pack(MAGIC, VERSION, newline, *counts, *prints, *place)
    return fields + bytes.fromhex(digest(fields, payload)) + payload


def unpack(data: bytes) -> tuple[Header, bytes]:
    """Returns the header and the payload of a whole file.

    Raises:
      ValueError: other bytes, another version, a file cut off or altered.
    """
    if data[: len(MAGIC)] != MAGIC[: len(data)] or not data:
        raise ValueError(
            f"the {len(data)} bytes given are no file of kscale compress: they begin"
            f" with {data[:4]!r}, must with {MAGIC!r}"
        )
    version = data[len(MAGIC) : len(MAGIC) + 1]
    if version and version[0] != VERSION:
        raise ValueError(
            f"the file has version {version[0]} of the format, and this kscale reads"
            f" version {VERSION}: decompress it with the kscale that wrote it"
        )
    if len(data) < HEADER_BYTES:
        raise ValueError(
            f"the file is cut off: it has {len(data)} bytes, its header alone must"
            f" have {HEADER_BYTES}; fetch it again"
        )
    fields, payload = data[: _FIELDS.size], data[HEADER_BYTES:]
    _, _, newline, *found = _FIELDS.unpack(fields)
    *counts, size = found[:5]
    if data[_FIELDS.size : HEADER_BYTES].hex() != digest(fields, payload):
        what = "altered: its checksum is another"
        if len(payload) != size:
            what = f"cut off or altered: it has {len(payload)} bytes of {size}"
        raise ValueError(f"the file was {what}; fetch it again")
    prints = map(bytes.hex, found[5:9])
    place = (name.rstrip(b"\0").decode() for name in found[9:])
    return Header(bool(newline), *counts, *prints, *place), payload
