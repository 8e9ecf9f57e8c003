"""The campaign: what it counts, what it compares, that it finds what is wrong."""

import io
import json
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

from tools.campaign import damage, jobs, words
from tools.campaign.cases import Campaign, Outcome, claim_folder, run_campaign
from tools.campaign.inputs import _judge
from tools.campaign.processes import Ended
from tools.campaign.workers import Answer

HOME = pathlib.Path(__file__).parents[2]


def test_attacks_are_drawn_from_their_number_and_those_that_go_wrong_are_told(tmp_path):
    drawn = []

    def prepare(shared):
        (shared / "made").touch()

        def attack(case):
            drawn.append(case.rng.integers(100))
            if len(drawn) == 3:
                raise KeyError("its own mistake")
            wrong = "it broke" if len(drawn) == 2 else ""
            return Outcome("odd", wrong, "kscale train" if wrong else "")

        return attack

    out, campaign = io.StringIO(), Campaign("kills", "", 3, prepare)
    tally = run_campaign(campaign, 3, tmp_path, out, seed=7)
    assert re.fullmatch(r"kills +1 of 3 held in 0 s \(broken 1, odd 2\)", tally.line)
    second, again, command, *rest = out.getvalue().splitlines()
    assert (second, command) == ("kills 1 (odd): it broke", "  kscale train")
    assert again == "  python -m tools.campaign --kills=1 --first=1 --seed=7"
    assert "KeyError: 'its own mistake'" in rest
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {"shared", "kills_1", "kills_2"}
    run_campaign(campaign, 1, tmp_path, out, seed=7, first=1)
    assert drawn[3] == drawn[1] != drawn[0]

    def stop(case):
        raise KeyboardInterrupt

    stopped = Campaign("kills", "", 3, lambda shared: stop)
    assert run_campaign(stopped, 3, tmp_path, out).count == 0


def test_a_folder_that_no_campaign_made_is_left_as_it_is(tmp_path):
    (tmp_path / "shared").mkdir()
    with pytest.raises(ValueError, match="is not empty and no campaign's"):
        claim_folder(tmp_path)
    for _ in range(2):
        claim_folder(tmp_path / "new")
        (tmp_path / "new/shared").mkdir()
    assert (tmp_path / "shared").exists()


def test_what_a_job_leaves_is_compared_but_for_its_times(tmp_path):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    row = {"loss": 1.5, "seconds": 2.0, "at": [{"time": 3}]}
    for folder, seconds in ((ours, 2.0), (theirs, 9.0)):
        (folder / "checkpoints" / "10").mkdir(parents=True)
        (folder / "params.npz").write_bytes(b"same")
        text = json.dumps(row | {"seconds": seconds})
        (folder / "metrics.jsonl").write_text(f"{text}\n{text}\n")
    (ours / "checkpoints" / "10" / "d").touch()
    (ours / ".kscale.lock").touch()  # of a process that was killed
    assert jobs.compare(ours, theirs) == ""
    (ours / "params.npz.7.partial").touch()
    expected = r"has \['params.npz.7.partial'\] that should not be, and lacks \[\]"
    assert re.search(expected, jobs.compare(ours, theirs))
    (ours / "params.npz.7.partial").rename(ours / "params.npz")
    assert "params.npz differs" in jobs.compare(ours, theirs)


def test_every_command_line_can_be_drawn_and_typed(tmp_path):
    finished = tmp_path / "finished"
    finished.mkdir()
    for name in ("checksums.json", "result.json", "params.npz"):
        (finished / name).write_text('{"a": {"b": 1}}')
    kinds = set()
    for number in range(150):
        place = tmp_path / str(number)
        place.mkdir()
        kind, drawn = words.draw_words(np.random.default_rng(number), place, finished)
        json.dumps(drawn)
        kinds.add(kind)
    assert len(kinds) == 8


def test_damage_changes_a_file(tmp_path):
    path, whole = tmp_path / "file", bytes(range(200))
    changed = 0
    for seed in range(50):
        path.write_bytes(whole)
        damage._damage(np.random.default_rng(seed), path, whole)
        changed += not path.exists() or path.read_bytes() != whole
    assert changed > 40  # a byte may be drawn that was there


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        ((0, "x", "", 1, 1), ""),
        ((2, "", "kscale: no\n", 1, 1), ""),
        ((2, "", "", 1, 1), "refused without a word"),
        ((2, "", "a\nb\nc\nd", 1, 1), "4 lines: a / b / c / d"),
        ((None, "", "a\nKeyError: 1", 1, 1), "traceback: KeyError: 1"),
        ((5, "", "x", 1, 1), "exit code 5: x"),
        ((None, "", "", 61, 1), "hangs: 61 s; no word"),
        ((0, "", "", 1, 3e9), "takes 3.0 GB of 1.0; no word"),
    ],
)
def test_an_answer_is_judged(answer, wrong):
    assert _judge(Answer(*answer), 1e9) == wrong


def test_an_end_is_judged():
    traced = "Traceback (most recent call last):\nKeyError: 3"
    assert Ended(2, "", "kscale: no").expect(0, 2) == ""
    assert Ended(1, "", "kscale: no").expect(0, 2) == "exit code 1: kscale: no"
    assert Ended(0, "", traced).expect(0) == "exit code 0: KeyError: 3"
    assert Ended(None, "", "step 3").expect(0) == "it hangs; step 3"


@pytest.mark.slow
def test_a_few_attacks_of_each_kind_hold():
    counts = {"kills": 1, "signals": 1, "races": 1, "resumes": 1, "sweeps": 1}
    counts |= {"surroundings": 1, "inputs": 10, "damage": 50}
    flags = [f"--{name}={count}" for name, count in counts.items()]
    found = subprocess.run(
        [sys.executable, "-m", "tools.campaign", *flags],
        cwd=HOME,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(HOME)},
    )
    assert found.returncode == 0, found.stdout + found.stderr[-2000:]
    lines = found.stdout.splitlines()
    for line, (name, count) in zip(lines, counts.items(), strict=True):
        assert re.match(rf"{name} +{count} of {count} held", line)
