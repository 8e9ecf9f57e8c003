"""The text files of a world's folder: which of them count, and what a line may hold.

A list is text that a person sees in an editor: what is not seen there (a control
character, a space of no width) would make two values of one, so it is refused.
"""

import pathlib
import re
import unicodedata
from collections.abc import Sequence

# What editors and systems leave behind: .DS_Store ._x .#x #x# x~ x.bak Thumbs.db
_PASSED_OVER = re.compile(
    r"\..*|#.*#|.*~|~\$.*|.*\.(bak|orig|rej|tmp|sw[op])|thumbs\.db|desktop\.ini"
    r"|__macosx",
    re.I,
)
# Controls, formats and separators; code points that this Python does not know pass.
_UNSEEN = ("Cc", "Cf", "Zl", "Zp", "Zs")
_SPACES = " \u3000"  # the ordinary ones, of Latin and of Chinese and Japanese texts
_JOINER = re.compile("(?<=.)[\u200c\u200d](?=.)")  # of letters in words, and of emoji


def list_files(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns what is in a folder, in order, without hidden and backup files.

    Raises:
      ValueError: a name that is no name of a list, such as that of a copy.
    """
    found = [x for x in sorted(folder.iterdir()) if not _PASSED_OVER.fullmatch(x.name)]
    for path in found:
        if not re.fullmatch(r"[\w+-]+", path.stem if path.is_file() else path.name):
            raise ValueError(
                f"{path}: the name of a list has letters, digits, _ and - only: rename"
                f" it, or remove it if it is a copy"
            )
    return found


def read_lines(path: pathlib.Path) -> list[str]:
    r"""Returns the lines of a UTF-8 file, which end with \n or \r\n alone.

    Raises:
      ValueError: there is no such file, or it is empty; a line is blank, has spaces
        around it, or holds a character that is not seen.
    """
    if not path.is_file():
        raise ValueError(f"{path} does not exist: a world's folder must have this file")
    data = path.read_bytes()
    try:
        lines = data.decode("utf-8").removeprefix("\ufeff").split("\n")
    except UnicodeDecodeError as error:
        number = 1 + data.count(b"\n", 0, error.start)
        raise ValueError(
            f"{path}, line {number}: the byte {data[error.start]:#x} is not UTF-8; save"
            f" the file as UTF-8"
        ) from None
    lines = [line.removesuffix("\r") for line in (lines if lines[-1] else lines[:-1])]
    if not lines:
        raise ValueError(f"{path} is empty: write at least one value, one a line")
    for number, line in enumerate(lines, 1):
        where = f"{path}, line {number}: {line[:60]!r}"
        if not line or line != line.strip():
            raise ValueError(f"{where} is blank or has spaces around it; remove them")
        seen = line if line.isprintable() else _JOINER.sub("", line)
        for letter in "" if seen.isprintable() else seen:
            if unicodedata.category(letter) in _UNSEEN and letter not in _SPACES:
                name = unicodedata.name(letter, "a control character")
                raise ValueError(
                    f"{where} holds U+{ord(letter):04X} ({name}), which is not seen:"
                    f" remove it, or write an ordinary space"
                )
    return lines


def read_values(path: pathlib.Path) -> list[str]:
    """Returns the lines of a list of names or values; see `read_lines`.

    Raises:
      ValueError: a line has a brace, which only templates have.
    """
    lines = read_lines(path)
    for number, line in enumerate(lines, 1):
        if "{" in line or "}" in line:
            raise ValueError(
                f"{path}, line {number}: {line!r} has a brace, which only templates"
                f" have: remove it"
            )
    return lines


def require_distinct(path: pathlib.Path, strings: Sequence[str]) -> None:
    """Checks that no two lines look the same, however their accents are composed.

    Raises:
      ValueError: two lines do.
    """
    first: dict[str, int] = {}
    for number, text in enumerate(strings, 1):
        at = first.setdefault(unicodedata.normalize("NFC", text), number)
        if at != number:
            raise ValueError(
                f"{path}, line {number}: {text!r} is there already, in line {at}:"
                f" values must be distinct, or their bits would be counted too high"
            )
