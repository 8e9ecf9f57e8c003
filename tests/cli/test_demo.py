"""`kscale demo`: the four facts, the plan, and how it is stopped."""

import os
import signal
import threading

import pytest

from kscale import cli, report
from kscale.cli import demo
from kscale.runs import launch


def row(name, exposures, bits, most):
    return {
        "name": name,
        "model": "2-3x16",
        "people": 1450,
        "parameters": 1000,
        "exposures": float(exposures),
        "bits": {"total": 1000.0 * bits},
        "bits_max": {"total": 1000.0 * most},
        "bits_per_param": bits,
        "max_bits_per_param": most,
        "accuracy": {"name": 0.0, "ID 1": 0.25, "ID 2": 0.75},
    }


ROWS = [
    row("demo_d48", 1000, 1.85, 2.25),
    row("demo_bindings", 1000, 1.33, 1.77),
    row("demo_room", 1000, 1.22, 1.22),
    row("demo_d48_100", 100, 1.15, 2.25),
]


def test_the_answer_names_the_four_facts(tmp_path, monkeypatch, ask):
    monkeypatch.setattr(demo, "train_side_by_side", lambda *_: ROWS)
    words = ["demo", f"--workdir={tmp_path}"]
    out = ask(*words)
    assert out.splitlines()[-1] == (
        "A transformer at its limit holds 1.15 bits per parameter after 100 exposures"
        " and 1.85 after 1000, most of them which strings there are; where bits are who"
        " has what it holds 1.33 with 50% of the values right; one with room to spare"
        " holds 1.22 of 1.22."
    )
    picture = tmp_path / "demo.png"
    assert f"picture: {picture}" in out
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert all(meaning in out for meaning in demo.RUNS.values())
    assert ask(*words, "--json") == ROWS


def test_a_dry_run_lists_the_runs_and_writes_nothing(tmp_path, monkeypatch, ask):
    monkeypatch.chdir(tmp_path)
    lines = ask("demo", "--dry_run").splitlines()
    assert [line.split()[0] for line in lines] == list(demo.RUNS)
    assert ask("demo", "--dry_run", "--json").keys() == demo.RUNS.keys()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_sigterm_stops_the_runs_too_and_saves_them(tmp_path, monkeypatch, capsys):
    spec, ended = "demo:people=20,exposures=5K", threading.Event()
    log = tmp_path / spec / "metrics.jsonl"
    monkeypatch.setattr(demo, "RUNS", {spec: "long"})
    monkeypatch.setattr(launch, "_POLL_SECONDS", 0.05)

    def stop_when_it_trains():
        while not ended.wait(0.01):
            if log.exists() and log.stat().st_size:
                return os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # should it come too late
    threading.Thread(target=stop_when_it_trains).start()
    try:
        assert cli.main(["demo", f"--workdir={tmp_path}"]) == 143
    finally:
        ended.set()
        signal.signal(signal.SIGTERM, before)
    out, err = capsys.readouterr()
    assert out == ""
    assert "kscale demo: stopped by SIGTERM; the runs are saved: " in err
    log = (tmp_path / f"{spec}.log").read_text()
    assert "kscale train: stopped by SIGTERM; step " in log
    assert list((tmp_path / spec / "checkpoints").iterdir())


@pytest.mark.slow
def test_the_demo_reaches_what_it_promises(tmp_path, ask):
    """Five to six minutes on two cores."""
    found = {r["name"]: r for r in ask("demo", f"--workdir={tmp_path}", "--json")}
    assert found["demo_d48"]["bits_per_param"] >= 1.6
    assert 0.8 <= found["demo_d48_100"]["bits_per_param"] <= 1.3
    assert found["demo_bindings"]["bits_per_param"] >= 1.2
    assert report.values_right(found["demo_bindings"]) > 0.5
    room = found["demo_room"]
    assert room["bits_per_param"] >= 0.97 * room["max_bits_per_param"]
