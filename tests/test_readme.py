"""What the README shows happens: its Python runs, its commands are understood."""

import pathlib
import re
import shlex

import pytest

from kscale import cli
from kscale.cli import flags

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = ("README.md", "CONTRIBUTING.md", "experiments/README.md")


def blocks(language):
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def commands():
    """Every `kscale ...` line of the shell blocks, without its comment."""
    lines = "\n".join(blocks("sh")).replace("\\\n", " ").splitlines()
    return [line.partition(" #")[0].strip() for line in lines if "kscale " in line]


def test_it_has_python_and_commands():
    assert blocks("python")
    assert {line.split()[1] for line in commands()} >= {"train", "show", "sweep"}


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_its_python_runs(number, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(blocks("python")[number], f"README, block {number}", "exec"), {})
    assert capsys.readouterr().out


@pytest.mark.parametrize("line", commands())
def test_its_commands_are_understood(line, tmp_path, monkeypatch, capsys):
    program, verb, *words = shlex.split(line)
    assert program == "kscale"
    parsed = []

    def parse(known, argv):
        found = known.adapt(argv) if known.adapt else known
        if "--help" not in argv:
            switches = dict.fromkeys(("dry_run", "json"), flags.Flag(False, ""))
            flags.parse({**found.flags, **switches}, argv, words=found.words)
        parsed.append(argv)
        return 0

    with monkeypatch.context() as patched:
        patched.setattr("kscale.cli.verb.carry_out", parse)
        assert cli.main([verb, *words]) == 0
    assert len(parsed) == 1
    if any(word.startswith("--workdir") for word in words) and verb != "train":
        return  # it speaks of a run that a reader has made
    if verb == "train" and "--help" not in words:
        words.append("--config.data.exposures=2")  # counting a stream takes its time
    monkeypatch.chdir(ROOT)
    before = sorted(ROOT.iterdir())
    assert cli.main([verb, *words, "--dry_run"]) == 0
    assert capsys.readouterr().out
    assert sorted(ROOT.iterdir()) == before


def test_its_make_targets_exist():
    known = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    said = re.findall(r"(?:`|^    |^)make ([a-z-]+)", README, re.MULTILINE)
    assert said
    assert set(said) <= set(known)


@pytest.mark.parametrize("page", PAGES)
def test_links_to_files_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", text)
    paths = [(ROOT / page).parent / link for link in links if "://" not in link]
    assert [path for path in paths if not path.exists()] == []
