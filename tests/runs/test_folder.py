"""A run's folder: what it holds is read, or refused by the file's name."""

import pytest

from kscale.runs.folder import RunFolder


@pytest.mark.parametrize("text", ["", '{"bits":', "[]", "5", "\xff"])
def test_a_damaged_result_is_named(tmp_path, text):
    folder = RunFolder(tmp_path)
    assert folder.read_result() == {}
    folder.result.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"result\.json is no readable .*resume"):
        folder.read_result()
    folder.write_result({"bits": 1.5})
    assert folder.read_result() == {"bits": 1.5}
