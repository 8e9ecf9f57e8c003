"""`kscale decompress`: the text of a file of `kscale compress`, by the same model.

kscale decompress --workdir=runs/mine < small.ksc > text.txt
kscale decompress --workdir=runs/mine --input=small.ksc --output=text.txt

Another model, an altered or incomplete file, or a processor whose sums have other last
bits is one line and exit code 2; nothing is written then.
"""

from kscale.cli.compress import CODE, find_output, read_input, write_output
from kscale.cli.flags import Command
from kscale.cli.verb import Reply, Verb
from kscale.runs.compress import open_codec


def run(command: Command) -> Reply:
    """Decompresses a file, or checks that it could be."""
    output = find_output(command)
    data = read_input(command)
    codec = open_codec(command.workdir, command.flags.member)
    if command.flags.dry_run:
        header = codec.check(data)[0]
        row = {"bytes": header.text_bytes, "documents": header.documents}
        said = f"{header.text_bytes:,} bytes in {header.documents:,} lines"
        return Reply(row, f"{said} would be written.")
    text = codec.decompress(data)
    row = {"bytes": len(text), "compressed": len(data)}
    said = f"{len(text):,} bytes, from {len(data):,}."
    return write_output(output, row, said, text)


VERB = Verb(
    "decompress", __doc__ or "", CODE, run, "check the file alone", device="cpu"
)
