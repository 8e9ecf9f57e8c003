"""Going on from a finished run: what is taken over, what is new, what is refused."""

import dataclasses
import json
import shutil

import jax
import numpy as np
import pytest

from kscale import configs, models, tokenizers, train
from kscale.configs import base, fields
from kscale.configs.base import PartConfig
from kscale.runs import run
from kscale.runs.task import prepare

ASKED = PartConfig("asked", "questions", people=6, exposures=2)


def going_on(config, folder):
    """The task of a run that goes on from a folder, and its first parameters."""
    task = prepare(config, start=folder)
    return task, task.start.make_params(task)


def fake(folder, settings, params=None, seed=7):
    """The folder of a run that never took place, and its parameters."""
    task = prepare(settings)
    params = params or models.init(task.config.model, jax.random.key(seed))
    folder.mkdir()
    base.save_config(settings, folder / "config.json")
    train.save_params(folder / "params.npz", params)
    return task, params


@pytest.fixture(scope="module")
def before(little, tmp_path_factory):
    """A finished run, trained: folder and row."""
    folder = tmp_path_factory.mktemp("before") / "run"
    (row,) = run.run(little(), folder)
    return folder, row


@pytest.mark.parametrize("tied", [True, False])
def test_old_rows_and_matrices_are_taken_and_new_rows_are_fresh(little, tmp_path, tied):
    old, was = fake(tmp_path / "old", little(model__tied=tied))
    changed = little([ASKED], model__tied=tied, train__seed=3)
    task, now = going_on(changed, tmp_path / "old")
    fresh = models.init(task.config.model, jax.random.key(3))
    ids, kept = task.pool.vocabulary.original_ids, old.pool.vocabulary.original_ids
    known = np.isin(ids, kept)
    assert 0 < known.sum() == len(kept) < len(ids)
    tables = ["embed"] if tied else ["embed", "head"]
    assert sum("table" in str(p) for p, _ in jax.tree.leaves_with_path(now)) == len(
        tables
    )
    for name in tables:
        table = now[name]["table"]
        np.testing.assert_array_equal(table[known], was[name]["table"])
        np.testing.assert_array_equal(table[~known], fresh[name]["table"][~known])
        assert (table[known] != fresh[name]["table"][known]).any(axis=1).all()
        now[name].pop("table"), was[name].pop("table")
    assert jax.tree.all(jax.tree.map(np.array_equal, now, was))


def test_a_token_keeps_its_row_wherever_it_now_stands(little, tmp_path):
    old, was = fake(tmp_path / "old", little())
    task, now = going_on(little([ASKED]), tmp_path / "old")
    encode = tokenizers.load_gpt2().encode
    for word in (" Boston", " History", " He", "."):
        rows = [
            int(s.pool.vocabulary.to_dense(np.array(encode(word), np.int32))[0])
            for s in (old, task)
        ]
        np.testing.assert_array_equal(
            now["embed"]["table"][rows[1]], was["embed"]["table"][rows[0]]
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model__layers": 3}, "another model: layers was 1, is 3; take its values"),
        ({"model__activation": "silu"}, "activation was 'gelu', is 'silu'; take its"),
        (
            {"corpus__tokenizer": "sentencepiece", "corpus__tokenizer_vocab": 500},
            r"corpus.tokenizer='gpt2', this run 'sentencepiece': both must be the same",
        ),
    ],
)
def test_what_cannot_go_on_is_refused(little, tmp_path, changes, message):
    fake(tmp_path / "old", little())
    with pytest.raises(ValueError, match=message):
        prepare(little(**changes), start=tmp_path / "old")


def test_rounding_may_begin_and_change_but_not_be_dropped(little, tmp_path):
    fake(tmp_path / "old", little(qat__bits=3))
    with pytest.raises(ValueError, match=r"rounded to 3 bits, .* set qat.bits=3, or"):
        prepare(little(), start=tmp_path / "old")
    fake(tmp_path / "plain", little())
    for folder, bits in (("old", 3), ("old", 4), ("plain", 4)):
        _, now = going_on(little(qat__bits=bits), tmp_path / folder)
        assert now.keys() == {"embed", "layer_0", "final_norm"}


def test_how_a_model_computes_may_change(little, tmp_path):
    _, was = fake(tmp_path / "old", little())
    _, now = going_on(little(model__compute="bfloat16"), tmp_path / "old")
    assert jax.tree.all(jax.tree.map(np.array_equal, now, was))


def test_a_trained_vocabulary_is_no_start(little, tmp_path):
    pieces = little(corpus__tokenizer="sentencepiece", corpus__tokenizer_vocab=500)
    fake(tmp_path / "old", pieces)
    with pytest.raises(ValueError, match="and none trained on its corpus"):
        prepare(pieces, start=tmp_path / "old")


def test_tokens_of_the_start_are_kept_though_no_text_has_them(little, tmp_path):
    old, was = fake(tmp_path / "old", little([ASKED]))
    alone = prepare(little())
    task, now = going_on(little(), tmp_path / "old")
    assert task.config.model.vocab == old.config.model.vocab
    assert task.config.model.vocab > alone.config.model.vocab
    assert task.parameters == old.parameters
    assert jax.tree.all(jax.tree.map(np.array_equal, now, was))
    # Other lists have tokens of their own; those of the old ones keep their rows.
    task, now = going_on(little(world__lists="mini"), tmp_path / "old")
    rows = task.pool.vocabulary.to_dense(old.pool.vocabulary.original_ids)
    assert task.config.model.vocab > len(rows) == old.config.model.vocab
    np.testing.assert_array_equal(now["embed"]["table"][rows], was["embed"]["table"])


def test_a_domain_token_keeps_its_name(little, tmp_path):
    old, was = fake(tmp_path / "old", little(corpus__domain="useful"))
    others = dataclasses.replace(ASKED, domain="other")
    row = old.pool.prefix[1]
    for domain in ("useful", "other", ""):
        task, now = going_on(little([others], corpus__domain=domain), tmp_path / "old")
        assert task.domains == ("useful", "other")
        size = task.config.model.vocab
        np.testing.assert_array_equal(
            now["embed"]["table"][size - 2], was["embed"]["table"][row]
        )
        prefix = [size - 2 + task.domains.index(domain)] if domain else []
        assert task.pool.prefix[1:].tolist() == prefix
        assert task.parts[0].pool.prefix[1] == size - 1


def test_symbols_must_be_the_same(tmp_path):
    demo = configs.load("demo:people=12,exposures=2")
    fake(tmp_path / "old", demo)
    more = dataclasses.replace(demo, parts=(ASKED,))
    assert going_on(more, tmp_path / "old")
    # Another seed draws the same symbols; more attributes move them.
    other = fields.override(demo, "world.attributes", 3)
    with pytest.raises(ValueError, match="bioD world with other symbols: both must"):
        prepare(other, start=tmp_path / "old")


@pytest.mark.parametrize(
    ("left", "message"),
    [
        ((), "config.start='.*part' holds no run: there is no config.json in it"),
        (("config.json",), "part' holds no finished run: finish it with --resume"),
        (("config.json", "checkpoints"), "no finished run: finish it with --resume"),
    ],
)
def test_a_start_that_is_no_finished_run_is_refused(
    before, little, tmp_path, left, message
):
    (tmp_path / "part").mkdir()
    for name in left:
        copy = shutil.copytree if (before[0] / name).is_dir() else shutil.copy
        copy(before[0] / name, tmp_path / "part" / name)
    with pytest.raises(ValueError, match=message):
        run.run(little(start=str(tmp_path / "part")), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_start_whose_lists_have_changed_is_refused(before, little, tmp_path):
    copy = shutil.copytree(before[0], tmp_path / "copy")
    row = json.loads((copy / "result.json").read_text())
    (copy / "result.json").write_text(json.dumps(row | {"content": "0" * 12}))
    with pytest.raises(ValueError, match="was trained on other lists or texts"):
        run.run(little(start=str(copy)))


def test_without_learning_a_run_knows_what_its_start_knew(before, little):
    folder, was = before
    still = {"train__learning_rate": 0.0, "train__weight_decay": 0.0}
    (row,) = run.run(little(start=str(folder), data__share=0.1, **still))
    for name in ("bits", "accuracy", "pieces", "parameters"):
        assert row[name] == was[name]
    assert row["fingerprint"] != was["fingerprint"]
    assert row["config"]["start"] == str(folder)
    (new,) = run.run(little(data__share=0.1, **still))
    assert new["bits"] != was["bits"]


def test_a_population_goes_on_from_one_model(before, little, tmp_path):
    folder, was = before
    grid = {"members__learning_rates": (0.0, 1e-2), "train__weight_decay": 0.0}
    rows = run.run(little(start=str(folder), data__share=0.3, **grid), tmp_path / "two")
    assert rows[0]["bits"]["total"] == pytest.approx(was["bits"]["total"], rel=1e-5)
    assert rows[1]["bits"]["total"] != pytest.approx(was["bits"]["total"], rel=1e-3)
    # A population as a start gives its first member.
    _, again = going_on(little(), tmp_path / "two")
    first = train.load_params(folder / "params.npz")
    assert jax.tree.all(jax.tree.map(np.array_equal, again, first))


@pytest.mark.slow
def test_members_draw_new_rows_from_their_own_seeds(before, little, tmp_path):
    still = {"train__learning_rate": 0.0, "train__weight_decay": 0.0}
    still |= {"start": str(before[0]), "data__share": 0.1}
    run.run(little([ASKED], members__seeds=(3, 4), **still), tmp_path / "two")
    for member, seed in enumerate((3, 4)):
        run.run(little([ASKED], train__seed=seed, **still), tmp_path / str(seed))
        together, alone = (
            train.load_params(tmp_path / path)
            for path in (f"two/params_{member}.npz", f"{seed}/params.npz")
        )
        assert jax.tree.all(jax.tree.map(np.array_equal, together, alone))


def test_a_folder_given_apart_takes_the_place_of_the_fingerprint(before, little):
    mark = base.fingerprint(little())
    still = {"train__learning_rate": 0.0, "train__weight_decay": 0.0}
    moved = little(start=mark, data__share=0.1, **still)
    (row,) = run.run(moved, start=before[0])
    assert row["bits"] == before[1]["bits"]
    assert row["config"]["start"] == mark
    with pytest.raises(ValueError, match=f"config.start='{mark}' holds no run: there"):
        run.run(moved)


def test_new_people_are_learnt_and_a_resumed_run_ends_the_same(
    before, little, tmp_path
):
    folder, _ = before
    new = PartConfig("new", people=8, exposures=6)
    settings = little([new], start=str(folder), data__share=0.5, score__times=3)
    (row,) = run.run(settings, tmp_path / "whole")
    assert row["parts"]["new"]["people"] == 8
    cut = shutil.copytree(tmp_path / "whole", tmp_path / "cut")
    steps = sorted(int(p.name) for p in (cut / "checkpoints").iterdir())
    assert len(steps) > 1
    shutil.rmtree(cut / "checkpoints" / str(steps[-1]))  # as if killed before it
    for name in ("params.npz", "scores.npz", "result.json"):
        (cut / name).unlink()
    (again,) = run.run(settings, cut, resume=True)
    for name in ("params.npz", "scores.npz"):
        with np.load(cut / name) as ours, np.load(tmp_path / "whole" / name) as theirs:
            for leaf in theirs:
                np.testing.assert_array_equal(ours[leaf], theirs[leaf])
    for name in ("bits", "parts", "curve", "loss"):
        assert again[name] == row[name]
    whole = (tmp_path / "whole" / "curve.jsonl").read_text()
    assert (cut / "curve.jsonl").read_text() == whole
