"""What the tools that write biographies have in common: help, refusals in one line."""

import pytest

from tools import write_rewrites, write_standin


@pytest.mark.parametrize(
    ("tool", "words", "message"),
    [
        (write_standin, "", "--output must name the file to write"),
        (write_standin, "--output=/no/such/place/x", "/no/such/place is no folder"),
        (write_standin, "--output=x --people=0", "--people=0"),
        (write_standin, "--output=x --person=1", "Unknown command line flag 'person'"),
        (write_standin, "--output=x more", "'more' is no flag"),
        (write_standin, "--output=x --lists=maxi", "lists='maxi' must be one of"),
        (
            write_standin,
            "--output=x --lists=mini --people=999999",
            "people=999999: names are",
        ),
        (write_rewrites, "", "--output is needed"),
        (write_rewrites, "--output=r", "--model is needed"),
        (write_rewrites, "--output=r --model=gpt2", "--model=gpt2 is no folder"),
        (write_rewrites, "--output=no/r --model=.", "no is no folder: make it first"),
        (write_rewrites, "--output=r --model=. --lists=maxi", "lists='maxi' must"),
    ],
)
def test_bad_input_is_one_line(tool, words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert tool.main(words.split()) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("tool", "flag"), [(write_standin, "--wording_seed="), (write_rewrites, "--model=")]
)
def test_help_says_first_what_it_does(tool, flag, capsys):
    assert tool.main(["--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(tool.__doc__.strip().splitlines()[0])
    assert flag in out
    assert "flagfile" not in out
