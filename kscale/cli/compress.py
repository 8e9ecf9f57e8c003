"""`kscale compress`: text to a small file, by the model of a finished run.

kscale compress --workdir=runs/mine < text.txt > small.ksc
kscale compress --workdir=runs/mine --input=text.txt --output=small.ksc

Any bytes can be compressed, and `kscale decompress` gives them back to the last one, or
none. A line is a document. What the run's vocabulary cannot write takes 32 bits a byte.
"""

import os
import pathlib
import sys

from kscale import files, streams
from kscale.cli.flags import Command, Flag, UsageError, expand_path
from kscale.cli.verb import Reply, Verb
from kscale.files import Row
from kscale.runs.compress import open_codec

CODE = {
    "workdir": Flag(None, "the run's folder"),
    "member": Flag(0, "which member of a population"),
    "input": Flag(None, "a file; standard input, if absent"),
    "output": Flag(None, "a file, written whole; standard output, if absent"),
    "overwrite": Flag(False, "also over a file that is there"),
}


def run(command: Command) -> Reply:
    """Compresses a text, or says what would be coded."""
    output = find_output(command)
    shown = not (output or command.flags.dry_run)
    if shown and streams.guard(sys.stdout).isatty():
        raise UsageError("a terminal shows no bytes: name a file by --output")
    text = read_input(command)
    codec = open_codec(command.workdir, command.flags.member)
    documents = codec.split(text)
    tokens = sum(map(len, documents))
    escaped = sum(int((x >= codec.alphabet.size).sum()) for x in documents)
    row: Row = {"bytes": len(text), "tokens": tokens - escaped, "escaped": escaped}
    said = f"{len(text):,} bytes are {tokens - escaped:,} tokens"
    said += f" and {escaped:,} escaped bytes" if escaped else ""
    if command.flags.dry_run:
        return Reply(row, f"{said}.")
    file = codec.compress(text, documents)
    row |= {"compressed": len(file)}
    share = f", {8 * len(file) / len(text):.3f} bits a byte" if text else ""
    said = f"{said}; compressed they are {len(file):,} bytes{share}."
    return write_output(output, row, said, file)


def find_output(command: Command) -> pathlib.Path | None:
    """Returns the file to write, checked before anything is computed."""
    flags = command.flags
    if flags.output is None:
        return None
    path = expand_path(flags.output)
    if flags.input and path.resolve() == expand_path(flags.input).resolve():
        raise UsageError(f"--output={flags.output} is --input: name another file")
    there = os.path.lexists(path)  # a link that leads nowhere, too
    if there and not (flags.overwrite and path.is_file()):
        way = "--overwrite writes over it" if path.is_file() else "name a file"
        raise UsageError(f"--output={flags.output} exists: {way}")
    return path


def read_input(command: Command) -> bytes:
    """Returns all bytes of --input or of standard input."""
    if command.flags.input is not None:
        path = expand_path(command.flags.input)
        if path.is_dir() or not path.exists():
            why = "is a folder" if path.is_dir() else "does not exist"
            raise UsageError(f"--input={command.flags.input} {why}: name a file")
        return path.read_bytes()
    if sys.stdin is None:
        raise UsageError("standard input is closed: name a file by --input")
    return sys.stdin.buffer.read()


def write_output(
    output: pathlib.Path | None, row: Row, text: str, content: bytes
) -> Reply:
    """Writes a file, whole, or returns an answer that holds the bytes."""
    if output is None:
        return Reply(row, text, content=content)
    with files.replace_file(output) as file:
        file.write(content)
    return Reply(row, text)


VERB = Verb(
    "compress", __doc__ or "", CODE, run, "say what would be coded", device="cpu"
)
