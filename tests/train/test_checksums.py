"""Seals of folders."""

from kscale.train.checksums import find_broken, seal


def sealed(folder):
    (folder / "deep").mkdir()
    (folder / "deep" / "a").write_bytes(b"abc")
    (folder / "b").write_bytes(b"")
    seal(folder)
    return folder


def test_an_intact_folder(tmp_path):
    assert find_broken(sealed(tmp_path)) == []
    assert (tmp_path / "checksums.json").read_text().count(":") == 2


def test_changed_and_missing_files_are_named(tmp_path):
    sealed(tmp_path)
    (tmp_path / "deep" / "a").write_bytes(b"abd")
    (tmp_path / "b").unlink()
    assert find_broken(tmp_path) == ["b", "deep/a"]


def test_files_that_came_later_do_not_matter(tmp_path):
    (sealed(tmp_path) / "later").write_text("")
    assert find_broken(tmp_path) == []


def test_a_damaged_seal_is_named(tmp_path):
    (sealed(tmp_path) / "checksums.json").write_text("{")
    assert find_broken(tmp_path) == ["checksums.json"]


def test_without_a_seal_nothing_is_known(tmp_path):
    (tmp_path / "b").write_bytes(b"")
    assert find_broken(tmp_path) == []
