"""The tool that writes the stand-in for bioR."""

import json

from kscale import corpora, files, worlds
from tools import write_standin


def test_a_file_that_rewrites_accepts(tmp_path, capsys):
    file = tmp_path / "standin.jsonl"
    words = ("--lists=mini", "--people=7", "--texts=5", f"--output={file}")
    assert write_standin.main(words) == 0
    assert capsys.readouterr().out == (
        f"{file}: 35 texts of 7 people, 0.0 MB, a stand-in for bioR\n"
    )
    world = worlds.build_bios(7, lists="mini")
    rows = files.read_rows(file)
    assert [row["id"] for row in rows] == [p for p in range(7) for _ in range(5)]
    texts = [row["text"] for row in rows]
    assert texts[10:15] == corpora.standin.write_biographies(world, 2, 5)
    assert corpora.Rewrites(world, file).num_people == 7
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_seeds(tmp_path):
    written = {}
    for name in ("--seed=0", "--wording_seed=0", "--wording_seed=1", "--seed=1"):
        file = tmp_path / name
        base = ("--lists=tiny", "--people=2", "--texts=2", f"--output={file}")
        assert write_standin.main([*base, name]) == 0
        written[name] = file.read_text()
    assert written["--seed=0"] == written["--wording_seed=0"]
    assert len(set(written.values())) == 3


def test_a_file_is_kept_unless_told(tmp_path, capsys):
    file = tmp_path / "standin.jsonl"
    file.write_text("precious")
    words = ("--lists=tiny", "--people=1", "--texts=1", f"--output={file}")
    assert write_standin.main(words) == 2
    assert "exists already: pass --overwrite" in capsys.readouterr().err
    assert file.read_text() == "precious"
    assert write_standin.main([*words, "--overwrite"]) == 0
    assert json.loads(file.read_text())["id"] == 0


def test_what_fails_leaves_no_file(tmp_path, monkeypatch, capsys):
    """Neither the half nor the old one replaced."""
    file = tmp_path / "standin.jsonl"
    file.write_text("precious")
    real = corpora.standin.write_biographies

    def failing(world, person, *rest):
        if person == 3:
            raise ValueError("no words left")
        return real(world, person, *rest)

    monkeypatch.setattr(corpora.standin, "write_biographies", failing)
    words = ("--lists=tiny", "--people=5", f"--output={file}", "--overwrite")
    assert write_standin.main(words) == 2
    assert capsys.readouterr().err == "write_standin: no words left\n"
    assert [path.read_text() for path in tmp_path.iterdir()] == ["precious"]
