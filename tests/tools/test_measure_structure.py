"""Counts of a small checkout, each of which can be seen in its five files."""

from tools import measure_structure

FILES = {
    "kscale/__init__.py": "from kscale import high\n",
    "kscale/low.py": "from kscale import high\n\n\ndef same():\n    return 1\n",
    "kscale/middle.py": "import kscale.low\nfrom kscale.low import same\n",
    "kscale/high/__init__.py": "from kscale import low, middle\n",
    "kscale/high/one.py": (
        '"""A docstring."""\n\n# A comment.\ndef same(learning_rate):\n'
        "    return _once(_twice(_twice(learning_rate)))\n\n\n"
        "def _once(x):\n    return x\n\n\ndef _twice(x):\n    return x\n"
    ),
    "tests/test_low.py": "assert True\n",
}


def test_counts_by_hand(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = measure_structure.measure(tmp_path)
    assert found["modules at the top"] == 2
    assert (found["entries"], found["floors"]) == (3, 3)
    # high -> low, high -> middle, middle -> low, and low -> high, which runs upward
    assert (found["imports between entries"], found["imports upward"]) == (4, 1)
    assert found["files below 60 lines"] == 3
    assert (found["lines of source"], found["lines of tests"]) == (22, 1)
    assert found["helpers with one caller per 1,000 code lines"] == 1000 * 1 / 13
    assert found["files that name learning_rate"] == 1
    assert found["files that name exposures"] == 0
    assert found["public names defined twice"] == 1
