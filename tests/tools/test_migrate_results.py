"""The tool that rewrites what kscale 0.1 wrote; measured numbers stay as they are."""

import json

import pytest

from kscale import configs, files
from kscale.configs import base, fields
from tools import migrate_results

START, OTHER = "0123456789ab", "ba9876543210"


def old_config(**train):
    """A config as kscale 0.1 wrote it: fields that are gone, others not there yet."""
    config = fields.to_dict(configs.load("smoke"))
    config["data"] |= {"shared_order": True, "steps_rule": "exact"}
    config["model"]["scan_layers"] = False
    config["train"] |= {"keep_every": 0, "trained": ["*"]} | train
    for room in ("qat", "start", "parts"):
        del config[room]
    del config["world"]["law"], config["model"]["lora"], config["train"]["trainable"]
    return config


def old_rows():
    """A trained run, one that goes on from it, and a setting computed from it."""
    part = fields.to_dict(base.PartConfig())
    part["told"] = part.pop("kind")
    after = old_config(seed=1) | {"start": START, "parts": [part]}
    setting = {"start": START, "bits": 4}
    rows = [
        (after, OTHER, "after", {"bits": {"total": 2.5}}),
        (old_config(), START, "p002_x", {"loss": [1, 0.5]}),
        (setting, "a" * 12, "p002_figure6", {"kept": 3}),
    ]
    names = "config", "fingerprint", "name"
    return [dict(zip(names, row, strict=False)) | row[3] for row in rows]


@pytest.fixture
def results(tmp_path):
    rows = [row | {"experiment": "p002_figure6"} for row in old_rows()]
    path = tmp_path / "results" / "figure6_small.jsonl"
    for row in rows:
        files.append_row(path, row)
    folder = tmp_path / "results" / "runs" / "p002_figure6_0123456789ab"
    folder.mkdir(parents=True)
    files.write_json(folder / "config.json", old_config())
    files.write_json(folder / "result.json", rows[1] | {"members": [rows[1]]})
    files.append_row(folder / "metrics.jsonl", {"step": 1, "loss": 2.0})
    return tmp_path / "results"


def test_rows_of_an_older_version_are_read_by_this_one(results, capsys):
    assert migrate_results.main([str(results)]) == 0
    assert (
        "5 rows, 3 runs: 8 measured numbers are as they were" in capsys.readouterr().out
    )
    rows = files.read_rows(results / "figure6_small.jsonl")
    after, first, setting = rows
    wanted = fields.override_all(
        configs.load("smoke"),
        {"train.seed": 1, "start": first["fingerprint"], "parts": (base.PartConfig(),)},
    )
    loaded = [fields.from_dict(base.Config, row["config"]) for row in (first, after)]
    assert loaded == [configs.load("smoke"), wanted]
    assert [row["fingerprint"] for row in (first, after)] == [
        base.fingerprint(config) for config in loaded
    ]
    assert setting["config"] == {"start": first["fingerprint"], "bits": 4}
    assert [row["name"] for row in rows] == ["after", "capacity/x", "capacity/figure6"]
    assert {row["experiment"] for row in rows} == {"capacity/figure6"}
    measured = [after["bits"], first["loss"], setting["kept"]]
    assert measured == [{"total": 2.5}, [1, 0.5], 3]


def test_run_folders_get_the_name_that_a_sweep_looks_for(results):
    assert migrate_results.main([str(results)]) == 0
    (folder,) = results.glob("runs/capacity/figure6_*")
    config = base.load_config(folder / "config.json")
    assert config == configs.load("smoke")
    row = json.loads((folder / "result.json").read_text())
    assert row["fingerprint"] == base.fingerprint(config)
    assert row["members"][0]["config"] == fields.to_dict(config)
    assert files.read_rows(folder / "metrics.jsonl") == [{"step": 1, "loss": 2.0}]


def test_what_is_new_already_stays_as_it_is(results):
    migrate_results.main([str(results)])
    before = {path: path.read_bytes() for path in results.rglob("*.json*")}
    assert migrate_results.main([str(results)]) == 0
    assert {path: path.read_bytes() for path in results.rglob("*.json*")} == before


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"data": {"steps_rule": "published"}},
            "steps_rule='published' must be 'exact'",
        ),
        ({"start": "f" * 12}, "start='ffffffffffff' is the fingerprint of no row"),
        ({"modl": {}}, "did you mean 'model'"),
        ({"train": {"seed": 1}}, "is that of two configs"),
    ],
)
def test_what_cannot_be_rewritten_is_refused_and_nothing_is_written(
    changed, message, results, capsys
):
    path = results / "figure6_small.jsonl"
    row = files.read_rows(path)[1]
    for room, value in changed.items():
        new = row["config"].get(room, {}) | value if isinstance(value, dict) else value
        row["config"] |= {room: new}
    files.append_row(path, row)
    before = path.read_bytes()
    assert migrate_results.main([str(results)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert path.read_bytes() == before


def test_help_is_what_no_words_give(capsys):
    assert migrate_results.main([]) == 2
    assert "python -m tools.migrate_results" in capsys.readouterr().out
