"""Runs: what a folder holds, populations, kills and resumes, what nobody loses."""

import json
import os
import random
import shutil
import signal
import time

import numpy as np
import pytest

from kscale import build, cli, configs, fields, run, scores, trained, worlds
from kscale import config as config_module
from kscale.sources import PartConfig

PROMISED = {
    "bits": {"name", "value", "diversity", "total"},
    "bits_max": {"name", "value", "diversity", "total"},
    "parameters_by_base": {"total", "embedding", "non_embedding"},
    "versions": {"python", "kscale", "jax", "flax", "orbax-checkpoint"},
    "accuracy": {"name", "employer", "employer_city"},
}
NUMBERS = (
    "bits_per_param",
    "max_bits_per_param",
    "parameters",
    "exposures",
    "seconds",
    "tokens_per_second",
    "steps",
    "seed",
)
# Long enough to be killed in its middle: 13 dispatches, a checkpoint after each.
LONG = (
    "--config.data.exposures=100",
    "--config.train.steps_per_dispatch=10",
    "--config.train.checkpoint_every=10",
)


def tree(folder):
    """Every file of a folder with its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def metrics(folder):
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def assert_same_arrays(one, other, name):
    """Bit for bit."""
    with np.load(one / name) as ours, np.load(other / name) as theirs:
        assert set(ours) == set(theirs)
        for leaf in ours:
            np.testing.assert_array_equal(ours[leaf], theirs[leaf])


def config_of(flags, **changes):
    values = dict(flag.removeprefix("--config.").split("=") for flag in flags[1:])
    values |= {path.replace("__", "."): value for path, value in changes.items()}
    return fields.override_all(configs.load("smoke"), values)


def test_a_run_folder_holds_exactly_what_is_promised(finished):
    assert {path.name for path in finished.iterdir()} == {
        "config.json",
        "metrics.jsonl",
        "result.json",
        "scores.npz",
        "params.npz",
        "visits.npy",
        "checkpoints",
        "tensorboard",
    }
    assert np.load(finished / "visits.npy").tolist() == [4] * 12
    assert any((finished / "checkpoints").iterdir())
    assert list((finished / "tensorboard").glob("events.out.tfevents.*"))


def test_the_result_says_what_was_found_and_how(finished, tiny):
    result = json.loads((finished / "result.json").read_text())
    for name, parts in PROMISED.items():
        assert parts <= result[name].keys()
    for name in NUMBERS:
        assert isinstance(result[name], int | float)
    assert result["device"]
    assert result["commit"]
    assert result["parameters"] == result["parameters_by_base"]["total"]
    assert result["bits_per_param"] == result["bits"]["total"] / result["parameters"]
    config = config_of(tiny)
    assert result["fingerprint"] == config_module.fingerprint(config)
    assert config_module.load(finished / "config.json") == config
    assert fields.from_dict(config_module.Config, result["config"]) == config


def test_the_result_follows_from_the_scores(finished):
    result = json.loads((finished / "result.json").read_text())
    table = scores.ScoreTable.load(finished / "scores.npz")
    setup, params = trained.load(finished)
    again = run.score_params(setup, params)
    np.testing.assert_allclose(again.nats, table.nats, rtol=1e-5)
    known = scores.capacity(
        setup.world.counts, setup.corpus.labels, table, setup.parameters.total
    )
    assert known.bits.total == pytest.approx(result["bits"]["total"])


def test_the_log_covers_every_token(finished):
    rows = metrics(finished)
    result = json.loads((finished / "result.json").read_text())
    setup, _ = trained.load(finished)
    assert rows[-1]["step"] == result["steps"] == setup.total_steps
    assert sum(row["tokens"] for row in rows) == setup.streams[0].total_tokens - 1
    assert result["seconds"] == pytest.approx(sum(row["seconds"] for row in rows))


def test_members_equal_their_solo_runs(tiny, tmp_path):
    grid = {"members__seeds": "0,1", "members__learning_rates": "1e-3,4e-3"}
    rows = run.run(config_of(tiny, **grid), tmp_path / "four")
    result = json.loads((tmp_path / "four" / "result.json").read_text())
    members = result["members"]
    assert len(rows) == len(members) == 4
    best = max(members, key=lambda row: row["bits"]["total"])
    assert result["bits"] == best["bits"]
    for i, (rate, seed) in enumerate([(1e-3, 0), (1e-3, 1), (4e-3, 0), (4e-3, 1)]):
        assert members[i]["config"]["train"]["learning_rate"] == rate
        assert members[i]["seed"] == seed
        if i in (0, 3):  # two of them tell
            alone = config_of(tiny, train__learning_rate=rate, train__seed=seed)
            (row,) = run.run(alone, tmp_path / str(i))
            assert row["fingerprint"] == members[i]["fingerprint"]
            together, solo = (
                scores.ScoreTable.load(tmp_path / path / name)
                for path, name in (
                    ("four", f"scores_{i}.npz"),
                    (str(i), "scores.npz"),
                )
            )
            np.testing.assert_allclose(together.nats, solo.nats, rtol=1e-5)
            assert row["bits"]["total"] == pytest.approx(
                members[i]["bits"]["total"], rel=1e-5
            )
    assert not (tmp_path / "four" / "params.npz").exists()
    setup, _ = trained.load(tmp_path / "four", member=3)
    assert len(setup.hypers) == 4
    with pytest.raises(ValueError, match="has 4 members"):
        trained.load(tmp_path / "four", member=4)


def test_members_with_orders_of_their_own_equal_their_solo_runs(tiny):
    own = {"data__shared_order": "false", "members__seeds": "3,4"}
    rows = run.run(config_of(tiny, **own))
    own |= {"members__seeds": "4"}
    (alone,) = run.run(config_of(tiny, **own))
    assert alone["bits"]["total"] == pytest.approx(rows[1]["bits"]["total"], rel=1e-5)


def checkpoints(folder):
    """The steps of the complete checkpoints."""
    names = [p.name for p in (folder / "checkpoints").glob("*")]
    return sorted(int(name) for name in names if name.isdecimal())


def stop(process, folder, number, step=0):
    """Sends a signal once a checkpoint beyond a step is there; the exit code."""
    while process.poll() is None and max(checkpoints(folder), default=0) <= step:
        time.sleep(0.005)
    os.kill(process.pid, number) if process.poll() is None else None
    out, err = process.communicate()
    return process.returncode, out, err


def test_killed_and_stopped_runs_go_on_as_if_nothing_had_been(tiny, start, tmp_path):
    whole = run.run(config_of((*tiny, *LONG)), tmp_path / "whole")[0]
    words = ["train", *tiny, *LONG, f"--workdir={tmp_path / 'cut'}"]
    cut = tmp_path / "cut"
    code, out, _ = stop(start(*words), cut, signal.SIGKILL)
    assert (code, out) == (-signal.SIGKILL, "")
    killed_at = max(checkpoints(cut))
    code, out, err = stop(start(*words, "--resume"), cut, signal.SIGTERM, killed_at)
    stopped_at = max(checkpoints(cut))
    assert killed_at < stopped_at < whole["steps"]
    assert (code, out) == (0, "")
    assert f"stopped after step {stopped_at}" in err
    assert "--resume" in err
    assert not (cut / "result.json").exists()
    (row,) = run.run(config_of((*tiny, *LONG)), cut, resume=True)
    assert_same_arrays(cut, tmp_path / "whole", "params.npz")
    assert_same_arrays(cut, tmp_path / "whole", "scores.npz")
    assert row["bits"] == whole["bits"]
    ours, theirs = metrics(cut), metrics(tmp_path / "whole")
    assert [x["step"] for x in ours] == [x["step"] for x in theirs]
    assert [x["loss"] for x in ours] == [x["loss"] for x in theirs]
    # The whole run's time is told, not that of its last part.
    assert row["seconds"] == pytest.approx(sum(x["seconds"] for x in ours))


@pytest.mark.slow
def test_ten_kills_at_random_moments(tiny, start, call, tmp_path):
    words = ["train", *tiny, *LONG, "--config.data.exposures=1000"]
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    assert call(*words, f"--workdir={whole}")[0] == 0
    moments = random.Random(0)
    for _ in range(10):
        process = start(*words, f"--workdir={cut}", "--resume")
        while process.poll() is None and not (cut / "checkpoints").exists():
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 6))
        process.kill()
        process.communicate()
    assert call(*words, f"--workdir={cut}", "--resume")[0] == 0
    assert_same_arrays(cut, whole, "params.npz")


def test_a_finished_run_that_is_resumed_says_the_same(finished, tiny, tmp_path, capsys):
    copy = shutil.copytree(finished, tmp_path / "run")
    before = json.loads((copy / "result.json").read_text())
    assert cli.main(["train", *tiny, f"--workdir={copy}", "--resume", "--json"]) == 0
    after = json.loads(capsys.readouterr().out)
    assert after == json.loads((copy / "result.json").read_text())
    changing = ("time", "commit")
    assert {k: v for k, v in after.items() if k not in changing} == {
        k: v for k, v in before.items() if k not in changing
    }


@pytest.mark.parametrize("mode", ["resume", "overwrite", "both", None])
def test_nothing_is_lost_where_it_was_not_said_what_to_do(
    finished, tiny, tmp_path, mode
):
    copy = shutil.copytree(finished, tmp_path / "run")
    before = tree(copy)
    message, flags, changes = {
        None: ("run holds a run: pass --resume to go on, --overwrite", {}, {}),
        "both": (
            "--resume and --overwrite exclude each other",
            {"resume": True, "overwrite": True},
            {},
        ),
        "resume": (
            "another config: model.heads was 1, is 2; train.seed was 0, is 7",
            {"resume": True},
            {"model__heads": 2, "train__seed": 7},
        ),
        # A batch that the devices cannot share is found before anything is removed.
        "overwrite": (
            "data.batch=5 must be divisible by 2,",
            {"overwrite": True},
            {"data__batch": 5, "train__rows_per_gradient": 2},
        ),
    }[mode]
    with pytest.raises(ValueError, match=message):
        run.run(config_of(tiny, **changes), copy, **flags)
    assert tree(copy) == before


def test_a_run_may_be_resumed_under_another_name_and_rhythm(finished, tiny, tmp_path):
    copy = shutil.copytree(finished, tmp_path / "run")
    config = config_of(tiny, name="other", train__log_every=1, data__prefetch=1)
    assert run.run(config, copy, resume=True)


def test_only_a_run_is_overwritten(finished, tiny, tmp_path):
    copy = shutil.copytree(finished, tmp_path / "run")
    own = {"notes.txt": b"mine", "table.npz": b"mine too", "plots/a.png": b"and this"}
    for name, text in own.items():
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_bytes(text)
    (copy / "params_7.npz").write_bytes(b"of a run with more members")
    run.run(config_of(tiny, train__seed=1), copy, overwrite=True)
    after = tree(copy)
    assert {name: after[name] for name in own} == own
    assert "params_7.npz" not in after
    assert config_module.load(copy / "config.json").train.seed == 1
    assert json.loads(after["result.json"])["seed"] == 1


@pytest.mark.parametrize("flags", [{"overwrite": True}, {"resume": True}, {}])
def test_a_folder_that_is_no_run_is_left_alone(tiny, tmp_path, flags):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ValueError, match=r"holds thesis.tex and no config.json"):
        run.run(config_of(tiny), tmp_path, **flags)
    assert tree(tmp_path) == {"thesis.tex": b"years of work"}


def test_a_file_is_no_folder(tiny, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match="is a file: choose another --workdir"):
        run.run(config_of(tiny), tmp_path / "file")


def test_what_cannot_be_trained_leaves_no_folder(tiny, tmp_path):
    for changes in (
        {"data__batch": 3, "train__rows_per_gradient": 2},
        {"mesh__data": 2},
        {"data__context": 1},
        {"members__seeds": "0,1,2", "mesh__population": 2},
    ):
        with pytest.raises(ValueError, match="must be"):
            run.run(config_of(tiny, **changes), tmp_path / "run")
        assert not (tmp_path / "run").exists()


def test_parameters_of_another_model_are_refused(finished, tmp_path):
    copy = shutil.copytree(finished, tmp_path / "run")
    config = json.loads((copy / "config.json").read_text())
    config["model"]["head_size"] = 32
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"params.npz is of another model: .*shape"):
        trained.load(copy)


def test_the_answer_is_one_sentence(finished):
    row = json.loads((finished / "result.json").read_text())
    said = run.answer([row])
    assert f"{row['parameters']:,} parameters" in said
    assert f"{row['bits_per_param']:.3f} bits per parameter" in said
    assert said.count("\n") == 0
    assert "the best of 2" in run.answer([row, row])


NEW = PartConfig("new", people=5, exposures=2)
ASKED = PartConfig("asked", "questions", people=5, which="even", exposures=2)


@pytest.fixture(scope="module")
def mixed(little, tmp_path_factory):
    """A run of a skewed mixture, scored on its way: config, folder, row."""
    law = worlds.Law("zipf", bias=1.0)
    config = little([NEW, ASKED], world__law=law, score__times=4, train__keep=99)
    folder = tmp_path_factory.mktemp("mixed") / "run"
    (row,) = run.run(config, folder)
    return config, folder, row


def test_a_mixture_is_logged_by_part_and_scored_by_part(mixed):
    config, folder, row = mixed
    json.dumps(row, allow_nan=False)
    rows, setup = metrics(folder), build.build(config)
    assert sum(x["tokens"] for x in rows) == setup.exact_tokens
    seen = set().union(*(x["loss_by_label"] for x in rows))
    own = {name for name in seen if "/" not in name}
    assert {"text", "name", "employer", "birth_year"} <= own
    assert {name for name in seen if "new/" in name} == {f"new/{x}" for x in own}
    asked = {"text", *setup.world.sentences}
    assert {name for name in seen if "asked/" in name} == {f"asked/{x}" for x in asked}
    assert set(row["parts"]) == {"new", "asked"}
    assert set(row["parts"]["asked"]) == {"trained", "held_out"}
    assert len(row["classes"]) == 4
    assert row["loss"]["visits"] == pytest.approx(6)
    assert row == json.loads((folder / "result.json").read_text())


def test_a_curve_rises_in_steps_and_is_the_same_in_memory(mixed):
    config, folder, row = mixed
    steps = [x["step"] for x in row["curve"]]
    assert 2 <= len(steps) <= 4
    assert steps == sorted(set(steps))
    assert all(step % 4 == 0 and 0 < step < row["steps"] for step in steps)
    kept = [json.loads(x) for x in (folder / "curve.jsonl").read_text().splitlines()]
    assert [x["step"] for x in kept] == steps
    assert [x["members"][0] for x in kept] == [
        {name: value for name, value in x.items() if name != "step"}
        for x in row["curve"]
    ]
    losses = [x["loss"]["loss_bits"] for x in row["curve"]]
    assert len(set(losses)) == len(losses)
    assert set(row["curve"][0]) == {"step", "loss", "classes", "pieces", "parts"} | {
        "by_count"
    }
    logged = metrics(folder)
    assert row["training"]["loss"] == [x["loss"] for x in logged]
    (again,) = run.run(config)
    for name in ("bits", "curve", "parts", "classes", "by_count"):
        assert again[name] == row[name]


def test_scoring_on_the_way_changes_nothing(mixed, tmp_path):
    config, folder, row = mixed
    (alone,) = run.run(fields.override(config, "score.times", 0), tmp_path / "run")
    assert_same_arrays(tmp_path / "run", folder, "params.npz")
    assert_same_arrays(tmp_path / "run", folder, "scores.npz")
    assert "curve" not in alone
    assert not (tmp_path / "run" / "curve.jsonl").exists()
    assert alone["bits"] == row["bits"]
    assert alone["fingerprint"] != row["fingerprint"]


def test_a_curve_is_the_same_after_a_kill(mixed, tmp_path):
    config, folder, row = mixed
    cut = shutil.copytree(folder, tmp_path / "cut")
    first, *rest = checkpoints(cut)
    assert first < row["curve"][-1]["step"]
    for step in rest:  # as if killed before the second one
        shutil.rmtree(cut / "checkpoints" / str(step))
    for name in ("params.npz", "scores.npz", "result.json"):
        (cut / name).unlink()
    (again,) = run.run(config, cut, resume=True)
    assert_same_arrays(cut, folder, "params.npz")
    assert (cut / "curve.jsonl").read_text() == (folder / "curve.jsonl").read_text()
    assert again["curve"] == row["curve"]
    assert again["training"] == row["training"]


def test_a_run_that_is_thrown_away_takes_its_curve_along(mixed, tmp_path):
    config, folder, _ = mixed
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "curve.jsonl.tmp").write_text("")
    (row,) = run.run(
        fields.override_all(config, {"score.times": 0}), copy, overwrite=True
    )
    assert not list(copy.glob("curve*"))
    assert "curve" not in row


def test_another_mixture_is_not_resumed(mixed, tmp_path):
    config, folder, _ = mixed
    before = tree(folder)
    for path, value, message in (
        ("parts.0.people", 6, "config: parts.0.people was 5, is 6; resume"),
        ("world.law.bias", 2.0, "world.law.bias was 1.0, is 2.0"),
        ("score.times", 3, "score.times was 4, is 3"),
    ):
        with pytest.raises(ValueError, match=message):
            run.run(fields.override(config, path, value), folder, resume=True)
    assert tree(folder) == before


def test_members_with_orders_of_their_own_read_a_skewed_mixture(little):
    law = worlds.Law("zipf", bias=1.0)
    own = {"world__law": law, "data__shared_order": False, "score__times": 2}
    rows = run.run(little([NEW], members__seeds=(3, 4), **own))
    (alone,) = run.run(little([NEW], members__seeds=(4,), **own))
    assert alone["bits"]["total"] == pytest.approx(rows[1]["bits"]["total"], rel=1e-5)
    assert rows[0]["bits"]["total"] != rows[1]["bits"]["total"]
    one, other = (
        [x["loss"]["loss_bits"] for x in row["curve"]] for row in (alone, rows[1])
    )
    assert one == pytest.approx(other, rel=1e-4)
    steps = {row["steps"] for row in (alone, *rows)}
    assert len(steps) == 1
