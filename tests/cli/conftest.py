"""What tests of verbs share."""

import pytest

from kscale import cli


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
