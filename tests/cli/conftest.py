"""What tests of verbs share."""

import json

import pytest

from kscale import cli


@pytest.fixture
def ask(capsys):
    """Carries out a command line and gives what it prints, an object with --json."""

    def ask(*words):
        assert cli.main(list(map(str, words))) == 0
        out = capsys.readouterr().out
        return json.loads(out) if "--json" in words else out

    return ask


@pytest.fixture
def refuse(capsys):
    """Checks that a command line is refused in one line with a message; gives it."""

    def refuse(words, message):
        assert cli.main(words) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert err.startswith(f"kscale {words[0]}: ")
        assert message in err
        return err

    return refuse
