"""`kscale compress`: text to a small file, by the model of a finished run.

kscale compress --workdir=runs/mine < text.txt > small.ksc
kscale compress --workdir=runs/mine --input=text.txt --output=small.ksc

Any bytes can be compressed, and `kscale decompress` gives them back to the last one, or
none. A line is a document. What the run's vocabulary cannot write takes 32 bits a byte.
"""

import sys

from kscale import files
from kscale.cli.flags import Command, Flag, expand_path
from kscale.cli.verb import Reply, Verb
from kscale.files import Row
from kscale.runs.compress import open_codec

CODE = {
    "workdir": Flag(None, "the run's folder"),
    "member": Flag(0, "which member of a population"),
    "input": Flag(None, "a file; standard input, if absent"),
    "output": Flag(None, "a file, written whole; standard output, if absent"),
}


def run(command: Command) -> Reply:
    """Compresses a text, or says what would be coded."""
    codec = open_codec(command.workdir, command.flags.member)
    text = read_input(command)
    items = [codec.alphabet.encode(line) for line in text.split(b"\n")]
    tokens = sum(map(len, items))
    escaped = sum(int((x >= codec.alphabet.size).sum()) for x in items)
    row: Row = {"bytes": len(text), "tokens": tokens - escaped, "escaped": escaped}
    said = f"{len(text):,} bytes are {tokens - escaped:,} tokens"
    said += f" and {escaped:,} escaped bytes" if escaped else ""
    if command.flags.dry_run:
        return Reply(row, f"{said}.")
    file = codec.compress(text)
    row |= {"compressed": len(file)}
    share = f", {8 * len(file) / len(text):.3f} bits a byte" if text else ""
    said = f"{said}; compressed they are {len(file):,} bytes{share}."
    return write_output(command, row, said, file)


def read_input(command: Command) -> bytes:
    """Returns all bytes of --input or of standard input."""
    if command.flags.input is not None:
        return expand_path(command.flags.input).read_bytes()
    return b"" if sys.stdin is None else sys.stdin.buffer.read()


def write_output(command: Command, row: Row, text: str, content: bytes) -> Reply:
    """Writes --output, whole, or returns an answer that holds the bytes."""
    if command.flags.output is None:
        return Reply(row, text, content=content)
    with files.replace_file(expand_path(command.flags.output)) as file:
        file.write(content)
    return Reply(row, text)


VERB = Verb("compress", __doc__ or "", CODE, run, dry_run="say what would be coded")
