"""The package itself: light to import, its rooms at hand, its lists inside."""

import importlib.resources
import subprocess
import sys

import pytest

import kscale


def test_importing_kscale_does_not_start_jax():
    code = "import kscale, sys; print('jax' in sys.modules, 'numpy' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.split() == ["False", "False"]


def test_every_name_is_imported_when_named():
    for name in kscale.__all__:
        assert getattr(kscale, name) is not None
    assert kscale.theory.model_scaling
    assert kscale.worlds.build_bios(10, lists="mini").people == 10
    assert "worlds" in dir(kscale)
    with pytest.raises(AttributeError, match="no attribute 'wrlds'"):
        _ = kscale.wrlds


@pytest.mark.parametrize("lists", ["bios", "mini"])
def test_the_lists_ship_with_the_package(lists):
    folder = importlib.resources.files("kscale.worlds") / "lists" / lists
    assert (folder / "order.txt").is_file()
    assert (folder / "names" / "1_first.txt").is_file()
