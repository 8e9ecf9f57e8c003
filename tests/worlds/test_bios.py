"""Worlds read from folders: any facts at all, and what is wrong with a folder."""

import pathlib
import re

import numpy as np
import pytest

from kscale import corpora
from kscale.worlds import build_bios

PLANETS = {
    "names/1_catalogue.txt": "Kepler\nGliese",
    "names/2_number.txt": "1\n2\n3",
    "values/star+color+class.txt": "Sol;yellow;G\nVega; white; A\nAntares;red;M",
    "values/orbit/1_days.txt": "10\n20\n30",
    "values/orbit/2_tilt.txt": "5\n6",
    "values/orbit/join.txt": "{days} days at {tilt}",
    "templates/star.txt": "{name} circles {value}.",
    "templates/color.txt": "{name} sees {value} light.",
    "templates/orbit.txt": "{name} takes {value} degrees.",
    "order.txt": "orbit\nstar\ncolor",
}


def write(folder: pathlib.Path, **changes: str | None) -> str:
    for path, text in (PLANETS | changes).items():
        if text is not None:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text + "\n" if text else "", "utf-8")
    return str(folder)


def test_an_altogether_different_world(tmp_path):
    world = build_bios(6, lists=write(tmp_path))
    assert world.name_space == 6
    assert [column.name for column in world.name_columns] == ["catalogue", "number"]
    assert [a.name for a in world.attributes] == ["orbit", "star"]
    assert world.sentences == ("orbit", "star", "color")
    assert [c.name for c in world.columns] == ["days", "tilt", "star"]
    assert world.counts.value_bits == pytest.approx(np.log2(3 * 2 * 3))
    follows = {"Sol": ("yellow", "G"), "Vega": ("white", "A"), "Antares": ("red", "M")}
    corpus = corpora.Biographies(world, shuffled=False)
    for person, row in enumerate(corpus.plan(np.arange(6), np.arange(6))):
        facts = world.person(person)
        assert (facts["color"], facts["class"]) == follows[facts["star"]]
        assert re.fullmatch("[123]0 days at [56]", facts["orbit"])
        text = "".join(span.text for span in corpora.compose_document(corpus, row))
        assert text == (
            f" {facts['name']} takes {facts['orbit']} degrees."
            f" {facts['name']} circles {facts['star']}."
            f" {facts['name']} sees {facts['color']} light."
        )


def test_files_are_utf8_with_or_without_a_byte_order_mark(tmp_path):
    stars = "\ufeffRigel Ä;blau;B\nÉta;weiß;A"
    folder = write(tmp_path, **{"values/star+color+class.txt": stars})
    world = build_bios(2, lists=folder)
    assert world.attributes[1].columns[0].strings == ("Rigel Ä", "Éta")
    (tmp_path / "names/1_catalogue.txt").write_bytes("Ada\nRenée\n".encode("latin-1"))
    message = r"1_catalogue\.txt, line 2: the byte 0xe9 is not UTF-8; save the file as"
    with pytest.raises(ValueError, match=message):
        build_bios(2, lists=folder)


def test_hidden_and_backup_files_are_passed_over(tmp_path):
    world = build_bios(2, lists=write(tmp_path))
    for inner in ("names", "values", "values/orbit"):
        for name in (
            *(".DS_Store", ".#star.txt", "._star.txt", "star.txt~", "#star.txt#"),
            *("star.txt.bak", ".star.txt.swp", "star.swp", "Thumbs.db", "desktop.ini"),
        ):
            (tmp_path / inner / name).write_bytes(b"\xff\x00")
        (tmp_path / inner / "__MACOSX").mkdir()
    for inner in ("values/.git", ".names", ".values"):
        (tmp_path / inner).mkdir()
    assert build_bios(2, lists=str(tmp_path)) == world


def test_lines_end_as_on_windows_or_unix(tmp_path):
    folder = write(tmp_path)
    (tmp_path / "names/1_catalogue.txt").write_bytes(b"Kepler\r\nGliese\r\n")
    other = "नमस्\u200dते\n東京\u3000太郎\nx\U000e1000\u0378"  # and unassigned ones
    (tmp_path / "names/2_number.txt").write_bytes(f"1\n2\n{other}".encode())
    names = build_bios(2, lists=folder).name_columns
    assert names[0].strings == ("Kepler", "Gliese")
    assert names[1].strings == ("1", "2", *other.split("\n"))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("A\nB\u2028C", r"line 2: 'B\\u2028C' holds U\+2028 \(LINE SEPARATOR\)"),
        ("A\x85B", r"line 1: .* holds U\+0085 \(a control character\), which is not"),
        ("A\x0cB\nC", r"line 1: .* holds U\+000C"),
        ("A\rB", r"line 1: .* holds U\+000D"),
        ("A\0B", r"line 1: .* holds U\+0000"),
        ("A\nA\u200b", r"line 2: .* holds U\+200B \(ZERO WIDTH SPACE\)"),
        ("A\nA\u200d", r"line 2: .* holds U\+200D"),
        (
            "A B\nA\xa0B",
            r"line 2: .* U\+00A0 .*: remove it, or write an ordinary s",
        ),
        ("A\n{B", "line 2: '{B' has a brace, which only templates have"),
        ("é\ne\u0301", "line 2: .* is there already, in line 1"),
    ],
)
def test_what_is_not_seen_is_refused(tmp_path, text, what):
    folder = write(tmp_path)
    (tmp_path / "names/1_catalogue.txt").write_bytes(text.encode())
    with pytest.raises(ValueError, match=rf"names/1_catalogue\.txt, {what}"):
        build_bios(1, lists=folder)


def test_edited_lists_are_read_again(tmp_path):
    assert build_bios(2, lists=write(tmp_path)).name_space == 6
    write(tmp_path, **{"names/2_number.txt": "1\n2\n4"})  # as long as before
    assert build_bios(2, lists=str(tmp_path)).name_columns[1].strings == ("1", "2", "4")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values/star+color+class.txt": ""}, r"class\.txt is empty"),
        ({"order.txt": None}, r"order\.txt does not exist"),
        ({"values/orbit/join.txt": None}, r"join\.txt does not exist"),
        ({"names/1_catalogue.txt": "A\n\nB"}, r"line 2: '' is blank"),
        ({"names/1_catalogue.txt": "A \nB"}, "line 1: 'A ' is blank or has spaces"),
        (
            {"names/1_catalogue.txt": "A\nA"},
            r"gue\.txt, line 2: 'A' is there already",
        ),
        (
            {"values/star+color+class.txt": "S;y;G\nS;z;G"},
            "2: 'S' is there already",
        ),
        (
            {"names/1_catalogue copy.txt": "A"},
            "copy.txt: the name of a list has",
        ),
        (
            {"values/star (1).txt": "A"},
            r"star \(1\)\.txt: .* remove it if it is a c",
        ),
        ({"question/star.txt": "X"}, r"question is never used: did you mean questions"),
        ({"values2/a.txt": "X"}, "values2 is never used.* rename it, or move it else"),
        ({"values/x/join.txt": "{x}"}, r"values/x holds no \.txt list of a column"),
        ({"values/orbit/join.txt": "{days} {tilt}\nx"}, "line 2: 'x' is never used"),
        ({"values/orbit/join.txt": "{days} { {tilt}"}, "must name the columns"),
        ({"values/star+color+class.txt": "Sol;G"}, "line 1: 'Sol;G' has 2 columns"),
        ({"values/star+color+class.txt": "Sol;;G"}, "its name promises 3"),
        ({"values/orbit/join.txt": "{tilt} {days}"}, "must name the columns"),
        ({"values/orbit/join.txt": "{days} {tilt}!"}, "end with the last"),
        ({"values/orbit/join.txt": "{days}"}, r"\['days', 'tilt'\] once"),
        ({"order.txt": "orbit\nmoon"}, "'moon' must name a file of values/, once"),
        ({"order.txt": "orbit\norbit"}, "'orbit' must name"),
        ({"values/orbit.txt": "far"}, "the name 'orbit' is taken"),
        ({"values/moon+color.txt": "Io;grey"}, "the name 'color' is taken"),
        ({"values/name.txt": "X"}, "the name 'name' is taken"),
        ({"values/notes.md": "X"}, r"neither a \.txt list nor a folder"),
        ({"names/notes.md": "X"}, r"notes\.md is no \.txt list: rename it or move"),
        ({"values/orbit/3_x.csv": "X"}, r"3_x\.csv is no \.txt list"),
        (
            {"names/1_catalogue.txt": "K\nK 1", "names/2_number.txt": "2\n1 2"},
            r"names: name 'K 1 2' can be read as \['K', '1 2'\] and as \['K 1', '2'\]",
        ),
        (
            {
                "values/orbit/1_days.txt": "1\n11",
                "values/orbit/2_tilt.txt": "1\n11",
                "values/orbit/join.txt": "{days}{tilt}",
            },
            r"orbit/join\.txt: orbit '111' can be read as \['1', '11'\] and as",
        ),
    ],
)
def test_folder_errors(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        build_bios(2, lists=write(tmp_path, **changes))


def test_no_such_folder(tmp_path):
    with pytest.raises(ValueError, match=r"world\.lists=.* one of bios, mini, tiny or"):
        build_bios(1, lists=str(tmp_path))
    (tmp_path / "names").mkdir()
    (tmp_path / "values").mkdir()
    with pytest.raises(ValueError, match=r"holds no \.txt file"):
        build_bios(1, lists=str(tmp_path))
