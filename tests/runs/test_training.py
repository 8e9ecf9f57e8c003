"""Runs: what a folder holds, populations, kills and resumes, what nobody loses."""

import io
import json
import random
import shutil
import signal
import time

import numpy as np
import pytest
from support.run_folders import (
    assert_same_arrays,
    list_checkpoints,
    read_files,
    read_metrics,
    result_of,
    tiny_config,
)

from kscale import cli, scores, train
from kscale.configs import fields
from kscale.configs.base import Config, fingerprint, load_config
from kscale.runs.evaluate import score
from kscale.runs.rows import answer
from kscale.runs.task import open_run
from kscale.runs.training import run
from kscale.train import logs

PROMISED = {
    "bits": "name value diversity total",
    "bits_max": "name value diversity total",
    "parameters_by_base": "total embedding non_embedding",
    "versions": "python kscale jax flax orbax-checkpoint",
    "accuracy": "name employer employer_city",
}
NUMBERS = (
    "bits_per_param max_bits_per_param parameters exposures seconds tokens_per_second"
    " steps seed"
)
FILES = (
    "checkpoints checksums.json config.json metrics.jsonl params.npz result.json"
    " scores.npz tensorboard visits.npy"
)


@pytest.fixture
def copy(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


def test_a_run_folder_holds_exactly_what_is_promised(finished):
    assert sorted(path.name for path in finished.iterdir()) == FILES.split()
    assert np.load(finished / "visits.npy").tolist() == [4] * 12
    assert any((finished / "checkpoints").iterdir())
    assert list((finished / "tensorboard").glob("events.out.tfevents.*"))


def test_the_result_says_what_was_found_and_how(finished, tiny):
    result = result_of(finished)
    for name, parts in PROMISED.items():
        assert set(parts.split()) <= result[name].keys()
    for name in NUMBERS.split():
        assert isinstance(result[name], int | float)
    assert result["device"]
    assert result["commit"]
    assert result["parameters"] == result["parameters_by_base"]["total"]
    assert result["bits_per_param"] == result["bits"]["total"] / result["parameters"]
    config = tiny_config(tiny)
    assert result["fingerprint"] == fingerprint(config)
    assert load_config(finished) == config
    assert fields.from_dict(Config, result["config"]) == config


def test_the_result_follows_from_the_scores(finished):
    result = result_of(finished)
    table = scores.ScoreTable.load(finished / "scores.npz")
    task, params = open_run(finished)
    again = score(task, params).table
    np.testing.assert_allclose(again.nats, table.nats, rtol=1e-5)
    known = scores.measure_capacity(
        task.world.counts, task.corpus.labels, table, task.parameters.total
    )
    assert known.bits.total == pytest.approx(result["bits"]["total"])


def test_the_log_covers_every_token(finished):
    rows = read_metrics(finished)
    result = result_of(finished)
    task, _ = open_run(finished)
    assert rows[-1]["step"] == result["steps"] == task.order.steps
    assert sum(row["tokens"] for row in rows) == task.order.stream.total_tokens - 1
    assert result["seconds"] == pytest.approx(sum(row["seconds"] for row in rows))


def test_members_equal_their_solo_runs(finished, tiny, tmp_path):
    grid = {"members__seeds": "0,1", "members__learning_rates": "3e-3,4e-3"}
    rows = run(tiny_config(tiny, **grid), tmp_path / "four")
    result = result_of(tmp_path / "four")
    members = result["members"]
    assert len(rows) == len(members) == 4
    best = max(members, key=lambda row: row["bits"]["total"])
    assert result["bits"] == best["bits"]
    for i, (rate, seed) in enumerate([(3e-3, 0), (3e-3, 1), (4e-3, 0), (4e-3, 1)]):
        assert members[i]["config"]["train"]["learning_rate"] == rate
        assert members[i]["seed"] == seed
    run(tiny_config(tiny, train__learning_rate=4e-3, train__seed=1), tmp_path / "3")
    for i, alone in {0: finished, 3: tmp_path / "3"}.items():  # two of them tell
        row = result_of(alone)
        assert row["fingerprint"] == members[i]["fingerprint"]
        together = scores.ScoreTable.load(tmp_path / "four" / f"scores_{i}.npz")
        solo = scores.ScoreTable.load(alone / "scores.npz")
        np.testing.assert_allclose(together.nats, solo.nats, rtol=1e-5)
        total = members[i]["bits"]["total"]
        assert row["bits"]["total"] == pytest.approx(total, rel=1e-5)
    assert not (tmp_path / "four" / "params.npz").exists()
    task, _ = open_run(tmp_path / "four", member=3)
    assert len(task.hypers) == 4
    with pytest.raises(ValueError, match="has 4 members"):
        open_run(tmp_path / "four", member=4)


def test_a_finished_run_that_is_resumed_says_the_same(copy, tiny, capsys):
    before = result_of(copy)
    flags = ["--config.name=other", "--config.train.log_every=1"]  # may change
    words = ["train", *tiny, *flags, f"--workdir={copy}", "--resume", "--json"]
    assert cli.main(words) == 0
    after = json.loads(capsys.readouterr().out)
    assert after == result_of(copy)
    for name in before.keys() - {"time", "commit", "name", "config"}:
        assert after[name] == before[name]


# A batch that the devices cannot share is found before anything is removed.
@pytest.mark.parametrize(
    ("flags", "changes", "message"),
    [
        ((), {}, "run holds a run: pass --resume to go on, --overwrite"),
        (("resume", "overwrite"), {}, "--resume and --overwrite exclude each other"),
        (
            ("resume",),
            {"model__heads": 2, "train__seed": 7},
            "another config: model.heads was 1, is 2; train.seed was 0, is 7",
        ),
        (
            ("overwrite",),
            {"data__batch": 5, "train__rows_per_gradient": 2},
            "data.batch=5 must be divisible by 2,",
        ),
    ],
)
def test_nothing_is_lost_where_it_was_not_said_what_to_do(
    finished, tiny, flags, changes, message
):
    before = read_files(finished)
    with pytest.raises(ValueError, match=message):
        run(tiny_config(tiny, **changes), finished, **dict.fromkeys(flags, True))
    assert read_files(finished) == before


def test_only_a_run_is_overwritten(copy, tiny):
    own = {"notes.txt": b"mine", "table.npz": b"mine too", "plots/a.png": b"and this"}
    own |= {"quantized_by_hand.npz": b"and that"}
    for name, text in own.items():
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_bytes(text)
    runs = ("params_7.npz", "adapters.npz", "adapters_1.npz", "quantized_gptq_4.npz")
    for name in runs:
        (copy / name).write_bytes(b"of a run with more members or rounded weights")
    run(tiny_config(tiny, train__seed=1), copy, overwrite=True)
    after = read_files(copy)
    assert {name: after[name] for name in own} == own
    assert not after.keys() & set(runs)
    assert load_config(copy).train.seed == result_of(copy)["seed"] == 1


def test_what_is_no_run_folder_is_left_alone(tiny, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    for flags in ({"overwrite": True}, {"resume": True}, {}):
        with pytest.raises(ValueError, match=r"holds thesis.tex and no config.json"):
            run(tiny_config(tiny), tmp_path, **flags)
    with pytest.raises(ValueError, match="is a file: choose another --workdir"):
        run(tiny_config(tiny), tmp_path / "thesis.tex")
    assert read_files(tmp_path) == {"thesis.tex": b"years of work"}


def test_what_cannot_be_trained_leaves_no_folder(tiny, tmp_path):
    for changes in (
        {"data__batch": 3, "train__rows_per_gradient": 2},
        {"mesh__data": 2},
        {"data__context": 1},
        {"members__seeds": "0,1,2", "mesh__population": 2},
    ):
        with pytest.raises(ValueError, match="must be"):
            run(tiny_config(tiny, **changes), tmp_path / "run")
        assert not (tmp_path / "run").exists()


def test_parameters_of_another_model_are_refused(copy):
    (copy / "checksums.json").unlink()
    params = train.load_params(copy / "params.npz")
    table = params["embed"]["table"]
    for other, found in (
        (table[1:], rf"shape \({len(table) - 1}, 16\)"),
        (table.astype(np.int32), "of int32"),
        (table.astype(">f4"), "of >f4"),
    ):
        train.save_params(copy / "params.npz", params | {"embed": {"table": other}})
        message = rf"params.npz is of another model: embed/table .*{found}.*of float32"
        with pytest.raises(ValueError, match=message):
            open_run(copy)
    params["embed"]["table"][0, 0] = np.inf
    train.save_params(copy / "params.npz", params)
    with pytest.raises(ValueError, match=r"params\.npz is broken: embed/table"):
        open_run(copy)


def test_a_config_that_is_not_that_of_the_result_is_refused(copy):
    config = json.loads((copy / "config.json").read_text())
    config["world"]["seed"] = 7
    (copy / "config.json").write_text(json.dumps(config))
    message = "is not that of .*result.json: world.seed was 0, is 7; bring the old"
    with pytest.raises(ValueError, match=message):
        open_run(copy)


@pytest.mark.parametrize("name", ["params.npz", "result.json"])
def test_a_changed_byte_is_noticed(copy, name):
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(ValueError, match=r"it was changed|is no readable"):
        open_run(copy)


def test_an_overwriting_run_that_diverges_leaves_the_one_before(
    learned, little, tmp_path
):
    copy, said = shutil.copytree(learned[0], tmp_path / "run"), io.StringIO()
    before, bad = read_files(copy), little(train__learning_rate=1e30)
    with pytest.raises(ValueError, match="must be finite"):
        run(bad, copy, overwrite=True, progress=said)
    assert said.getvalue().endswith(f"the run that was in {copy} is back\n")
    assert read_files(copy) == before


def test_the_answer_is_one_sentence(finished):
    row = result_of(finished)
    said = answer([row])
    assert f"{row['parameters']:,} parameters" in said
    assert f"{row['bits_per_param']:.3f} bits per parameter" in said
    assert said.count("\n") == 0
    assert "the best of 2" in answer([row, row])
    # Of an extraction it is what is answered.
    told = {"trained": {"accuracy": 0.5}, "held_out": {"accuracy": 0.125}}
    row |= {"name": "extract", "parts": {"questions": told}}
    assert f"(at most {row['max_bits_per_param']:.3f})" in answer([row])
    row["visits"] = row["visits"] | {"total": 0}
    assert answer([row]) == (
        f"extract (1-1x16, {row['parameters']:,} parameters) answers 12% of the"
        " questions about people held out right, 50% of those about people trained on."
    )


# Long enough to be killed in its middle: 8 dispatches, a checkpoint after each.
LONG = (
    "--config.data.exposures=60",
    "--config.train.steps_per_dispatch=10",
    "--config.train.checkpoint_every=10",
)


def test_killed_and_stopped_runs_go_on_as_if_nothing_had_been(
    tiny, start, tmp_path, monkeypatch, capsys
):
    (whole,) = run(tiny_config((*tiny, *LONG)), tmp_path / "whole")
    cut = tmp_path / "cut"
    words = ["train", *tiny, *LONG, f"--workdir={cut}"]
    process = start(*words)
    while process.poll() is None and not list_checkpoints(cut):
        time.sleep(0.005)
    process.kill()
    assert (process.communicate()[0], process.returncode) == ("", -signal.SIGKILL)
    killed_at = max(list_checkpoints(cut))

    def stop(_, row):
        return row["step"] > killed_at and signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(logs.Progress, "show", stop)
        code = cli.main([*words, "--resume"])
    out, err = capsys.readouterr()
    stopped_at = max(list_checkpoints(cut))
    assert killed_at < stopped_at < whole["steps"]
    assert (code, out) == (143, "")
    assert f"stopped by SIGTERM; step {stopped_at} is saved in {cut}" in err
    assert "--resume" in err
    assert not (cut / "result.json").exists()
    (row,) = run(tiny_config((*tiny, *LONG)), cut, resume=True)
    assert_same_arrays(cut, tmp_path / "whole", "params.npz")
    assert_same_arrays(cut, tmp_path / "whole", "scores.npz")
    assert row["bits"] == whole["bits"]
    ours, theirs = read_metrics(cut), read_metrics(tmp_path / "whole")
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


@pytest.mark.slow
@pytest.mark.parametrize("flag", [(), ("--overwrite",), ("--resume",)])
def test_of_two_at_once_one_wins(tiny, start, tmp_path, flag):
    folder = tmp_path / "run"
    long = "--config.data.exposures=400"  # the other comes before its end
    words = ["train", *tiny, *LONG, long, f"--workdir={folder}"]
    if flag:
        process = start(*words)
        while process.poll() is None and not list_checkpoints(folder):
            time.sleep(0.005)
        process.kill()
        process.communicate()
    other = [] if flag == ("--resume",) else ["--config.train.seed=1"]
    both = [start(*words, *more, *flag) for more in ([], other)]
    errors = [process.communicate()[1] for process in both]
    codes = [process.returncode for process in both]
    assert sorted(codes) == [0, 2]
    assert "is being trained by process" in errors[codes.index(2)]
    seed = load_config(folder).train.seed
    assert seed == result_of(folder)["seed"] == (codes.index(0) if other else 0)
    steps = [row["step"] for row in read_metrics(folder)]
    assert steps == sorted(set(steps))
