"""What a run's text costs to send."""

import json
import math

import numpy as np
import pytest

from kscale.runs import code_length
from kscale.runs.folder import RunFolder
from kscale.runs.task import open_run


def test_code_lengths_tell_what_the_score_table_tells(finished):
    task, params = open_run(finished)
    row = code_length.compare_with_score(task, params)
    for name in ("untrained", "trained", "drop"):
        kinds = row[name]
        assert kinds["knowledge"] + kinds["syntax"] == pytest.approx(kinds["total"])
    labels = row["by_label"].values()
    assert sum(label["tokens"] for label in labels) == row["tokens"]
    for name in ("untrained", "trained"):
        known = [x[name] for x in labels if x["kind"] != "text"]
        assert sum(known) == pytest.approx(row[name]["knowledge"])
    every = row["untrained"]["total"] / row["tokens"]
    assert every == pytest.approx(math.log2(task.pool.vocabulary.size), rel=0.02)
    # Of the pronoun the code pays for the wording, at most a few bits a person.
    paid = row["by_label"]["pronoun"]["trained"]
    assert abs(row["difference"]) <= paid + 0.01 * row["trained"]["knowledge"]
    few = code_length.compare_with_score(task, params, 5)
    assert few["people"] == 5


def test_a_two_part_code_and_the_prequential_one(finished):
    row = code_length.two_part_code(finished, (8, 2), sample=10)
    assert [one["weight_bits"] for one in row["rows"]] == [16, 8, 2]
    assert row["documents"] == 48  # 12 people, 4 exposures
    for one in row["rows"]:
        assert one["total"] == one["model_bits"] + one["data_bits"]
        assert one["data_error"] > 0
    sizes = [one["model_bits"] for one in row["rows"]]
    assert sizes == sorted(sizes, reverse=True)
    assert row["best"] == min(row["rows"], key=lambda one: one["total"])
    logged = map(json.loads, (finished / "metrics.jsonl").read_text().splitlines())
    nats = sum(one["tokens"] * one["loss"] for one in logged)
    assert row["prequential_bits"] == pytest.approx(nats / np.log(2))
    with pytest.raises(ValueError, match=r"sample=1 must be 2 documents or more"):
        code_length.two_part_code(finished, (8,), sample=1)


def test_a_log_that_is_not_of_the_whole_run_is_refused(finished, tmp_path):
    task = open_run(finished)[0]
    for name, content, message in [
        ("metrics.jsonl", "", r"has rows of 0 tokens, the run read 2,502:"),
        ("result.json", '{"diverged": 3}', "member 0 diverged at step 3"),
        ("vocabulary.json", "", "goes on from another"),
    ]:
        (tmp_path / name).write_text(content)
        with pytest.raises(ValueError, match=message):
            code_length.prequential_bits(task, RunFolder(tmp_path))
