"""A wheel works outside the checkout, with its lists and phrases inside."""

import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")

USE = """
import kscale, pathlib
assert pathlib.Path(kscale.__file__).is_relative_to({target!r}), kscale.__file__
world = kscale.worlds.build_bios(100)
assert world.person(3)["employer_city"]
assert len(kscale.corpora.Biographies(world).pieces) > 1000
assert len(kscale.corpora.Questions(world).pieces) > 1000
assert kscale.corpora.standin.write_biographies(world, 3, texts=2)
"""


@pytest.mark.slow
def test_a_wheel_works_outside_the_checkout(tmp_path):
    source, wheels, target = (tmp_path / name for name in ("src", "wheels", "target"))
    # A copy: building leaves files beside the sources.
    shutil.copytree(ROOT / "kscale", source / "kscale")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    make = (*PIP, "wheel", "--no-deps", "--wheel-dir", wheels, source)
    subprocess.run(make, check=True, cwd=tmp_path)
    (wheel,) = wheels.glob("kscale-*.whl")
    install = (*PIP, "install", "--no-deps", "--target", target, wheel)
    subprocess.run(install, check=True, cwd=tmp_path)
    use = USE.format(target=str(target))
    environment = {"PYTHONPATH": str(target), "PATH": ""}
    used = subprocess.run(
        (sys.executable, "-c", use), cwd=tmp_path, env=environment, check=False
    )
    assert used.returncode == 0
