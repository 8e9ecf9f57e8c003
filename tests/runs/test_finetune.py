"""Going on from a finished run: what is taken over, what is new, what is refused."""

import dataclasses
import pathlib
import shutil

import jax
import numpy as np
import pytest
from support.run_folders import assert_same_arrays, cut_short, read_files

from kscale import configs, models, train
from kscale.configs import base, fields
from kscale.configs.base import PartConfig
from kscale.runs.finetune import require_start
from kscale.runs.folder import RunFolder
from kscale.runs.inspect import plan_run
from kscale.runs.score import score_run
from kscale.runs.task import open_run, prepare
from kscale.runs.training import run
from kscale.tokenizers.vocabulary import NO_VOCABULARY

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
    row = {"config": fields.to_dict(base.member_config(settings, task.hypers[0]))}
    RunFolder(folder).write_result(row)
    return task, params


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
    held = [str(path) for path, _ in jax.tree.leaves_with_path(now)]
    assert sum("table" in path for path in held) == len(tables)
    for name in tables:
        table = now[name]["table"]
        np.testing.assert_array_equal(table[known], was[name]["table"])
        np.testing.assert_array_equal(table[~known], fresh[name]["table"][~known])
        assert (table[known] != fresh[name]["table"][known]).any(axis=1).all()
        now[name].pop("table"), was[name].pop("table")
    assert jax.tree.all(jax.tree.map(np.array_equal, now, was))


PIECES = {"corpus__tokenizer": "sentencepiece", "corpus__tokenizer_vocab": 500}


@pytest.mark.parametrize(
    ("was", "changes", "message"),
    [
        ({}, {"model__layers": 3}, "another model: layers was 1, is 3; take its val"),
        ({}, {"model__activation": "silu"}, "activation was 'gelu', is 'silu'; take"),
        ({}, PIECES, "'gpt2', this run 'sentencepiece': both must be the same"),
        (PIECES, PIECES, "and none trained on its corpus"),
        ({"qat__bits": 3}, {}, r"rounded to 3 bits, .* set qat.bits=3, or"),
    ],
)
def test_what_cannot_go_on_is_refused(little, tmp_path, was, changes, message):
    fake(tmp_path / "old", little(**was))
    with pytest.raises(ValueError, match=message):
        prepare(little(**changes), start=tmp_path / "old")


@pytest.mark.parametrize(("was", "bits"), [(3, 3), (3, 4), (0, 4)])
def test_how_a_model_computes_and_is_rounded_may_change(little, tmp_path, was, bits):
    _, old = fake(tmp_path / "old", little(qat__bits=was))
    changed = little(qat__bits=bits, model__compute="bfloat16")
    _, now = going_on(changed, tmp_path / "old")
    assert jax.tree.all(jax.tree.map(np.array_equal, now, old))


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
    learned, little, tmp_path, left, message
):
    (tmp_path / "part").mkdir()
    for name in left:
        copy = shutil.copytree if (learned[0] / name).is_dir() else shutil.copy
        copy(learned[0] / name, tmp_path / "part" / name)
    with pytest.raises(ValueError, match=message):
        run(little(start=str(tmp_path / "part")), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_start_whose_lists_have_changed_is_refused(learned, little, tmp_path):
    copy = RunFolder(shutil.copytree(learned[0], tmp_path / "copy"))
    with copy.renew(copy.result):
        copy.write_result(copy.read_result() | {"content": "0" * 12})
    with pytest.raises(ValueError, match="was trained on other lists or texts"):
        run(little(start=str(copy.path)))


STILL = {"train__learning_rate": 0.0, "train__weight_decay": 0.0, "data__share": 0.1}


def test_without_learning_a_run_knows_what_its_start_knew(learned, little):
    folder, was = learned
    mark = base.fingerprint(little())  # as sweeps name a start
    config = little(start=mark, **STILL)
    (row,) = run(config, start=folder)
    for name in ("bits", "accuracy", "pieces", "parameters"):
        assert row[name] == was[name]
    assert row["fingerprint"] != was["fingerprint"]
    assert row["config"]["start"] == mark
    with pytest.raises(ValueError, match=f"config.start='{mark}' holds no run: there"):
        run(config)


@pytest.mark.slow
def test_a_population_goes_on_from_one_model(learned, little, tmp_path):
    folder, was = learned
    grid = {"members__learning_rates": (0.0, 1e-2), "train__weight_decay": 0.0}
    rows = run(little(start=str(folder), data__share=0.3, **grid), tmp_path / "two")
    assert rows[0]["bits"]["total"] == pytest.approx(was["bits"]["total"], rel=1e-5)
    assert rows[1]["bits"]["total"] != pytest.approx(was["bits"]["total"], rel=1e-3)
    # A population as a start gives its first member.
    _, again = going_on(little(), tmp_path / "two")
    first = train.load_params(folder / "params.npz")
    assert jax.tree.all(jax.tree.map(np.array_equal, again, first))


@pytest.mark.slow
def test_members_draw_new_rows_from_their_own_seeds(learned, little, tmp_path):
    still = STILL | {"start": str(learned[0])}
    run(little([ASKED], members__seeds=(3, 4), **still), tmp_path / "two")
    for member, seed in enumerate((3, 4)):
        run(little([ASKED], train__seed=seed, **still), tmp_path / str(seed))
        together, alone = (
            train.load_params(tmp_path / path)
            for path in (f"two/params_{member}.npz", f"{seed}/params.npz")
        )
        assert jax.tree.all(jax.tree.map(np.array_equal, together, alone))


@pytest.mark.slow
def test_new_people_are_learnt_and_a_resumed_run_ends_the_same(
    learned, little, tmp_path
):
    folder, _ = learned
    new = PartConfig("new", people=8, exposures=6)
    settings = little([new], start=str(folder), data__share=0.5, score__times=3)
    (row,) = run(settings, tmp_path / "whole")
    assert row["parts"]["new"]["people"] == 8
    cut = cut_short(tmp_path / "whole", tmp_path / "cut")
    (again,) = run(settings, cut, resume=True)
    for name in ("params.npz", "scores.npz"):
        assert_same_arrays(cut, tmp_path / "whole", name)
    for name in ("bits", "parts", "curve", "loss"):
        assert again[name] == row[name]
    whole = (tmp_path / "whole" / "curve.jsonl").read_text()
    assert (cut / "curve.jsonl").read_text() == whole


def tune(start, kind="biographies"):
    """The config of a run that is taught six new people."""
    return configs.load(
        f"tune:start={start},people=6,exposures=3,share=0.5,kind={kind}"
    )


@pytest.fixture(scope="module")
def asked(learned, tmp_path_factory):
    """A copy of that run taught to answer questions: folder and row."""
    folder = tmp_path_factory.mktemp("asked")
    before = shutil.copytree(learned[0], folder / "before")
    (row,) = run(tune(before, "questions"), folder / "run")
    return folder / "run", row


def test_a_run_is_opened_and_scored_when_its_start_is_gone(learned, asked, tmp_path):
    old, new = shutil.copytree(asked[0], tmp_path / "old"), tmp_path / "new"
    (row,) = run(tune(old), new)
    planned = plan_run(tune(old), tmp_path / "planned")["parameters"]["total"]
    sizes = [planned, *(each["parameters"] for each in (row, asked[1], learned[1]))]
    assert sizes[0] == sizes[1] == sizes[2] > sizes[3]  # what questions need stays
    assert not (tmp_path / "planned").exists()
    firsts = [each["config"]["parts"][0]["first"] for each in (row, asked[1])]
    assert firsts == [22, -1]  # people after those of the start's part
    shutil.rmtree(old)
    again = score_run(new)
    for name in ("bits", "parameters", "content", "parts"):
        assert again[name] == row[name]
    task, _ = open_run(new)
    listed = RunFolder(new).read_vocabulary()
    assert set(listed.tokens) == set(task.pool.vocabulary.original_ids.tolist())
    (new / "vocabulary.json").write_text('{"tokens": 3}')
    with pytest.raises(ValueError, match=r"vocabulary.json cannot be read: it was ch"):
        open_run(new)
    assert RunFolder(learned[0]).read_vocabulary() == NO_VOCABULARY
    assert not (learned[0] / "vocabulary.json").exists()


def test_a_run_is_not_resumed_from_other_weights(asked, tmp_path):
    new, row = shutil.copytree(asked[0], tmp_path / "new"), asked[1]
    (new / "result.json").unlink()
    made = ("params.npz", "scores.npz", "visits.npy", "vocabulary.json")
    sound = {name: (new / name).read_bytes() for name in made}
    for name in made:
        (new / name).write_bytes(sound[name][:-1])
    config = base.load_config(new)
    (again,) = run(config, new, resume=True)
    assert again["bits"] == row["bits"]
    assert {name: (new / name).read_bytes() for name in made} == sound
    assert not RunFolder(new).find_broken()
    weights = pathlib.Path(config.start) / "params.npz"
    before = weights.read_bytes()
    weights.with_name("checksums.json").unlink()
    other = jax.tree.map(lambda leaf: 2 * leaf, train.load_params(weights))
    train.save_params(weights, other)
    with pytest.raises(ValueError, match=r"belongs to another run.*start\.params was"):
        run(config, new, resume=True)
    weights.write_bytes(before)


@pytest.mark.parametrize("do", [run, plan_run])
def test_a_run_does_not_overwrite_its_start(learned, tmp_path, do):
    own = shutil.copytree(learned[0], tmp_path / "own")
    before = read_files(own)
    for workdir in (own, tmp_path / "x" / ".." / "own"):
        with pytest.raises(ValueError, match="is the run's own folder, and would be"):
            do(tune(own), workdir)
    assert read_files(own) == before


def test_a_start_in_the_home_folder(learned, monkeypatch):
    monkeypatch.setenv("HOME", str(learned[0].parent))
    assert require_start(pathlib.Path("~/run")) == learned[0]


@pytest.mark.slow
def test_a_run_of_junk_with_domains_goes_on(tmp_path):
    spec = "junk:people=16,model=GPT2-1-1,exposures=4,kind=repeated,domain=true"
    junk = configs.load(spec)
    values = {"world.lists": "tiny", "data.context": 64, "data.batch": 8}
    values |= {"model.head_size": 8, "parts.0.domain": "web", "parts.0.weight": 0.5}
    run(fields.override_all(junk, values), tmp_path / "junk")
    (row,) = run(tune(tmp_path / "junk"), tmp_path / "run")
    task, _ = open_run(tmp_path / "run")
    assert task.domains == ("useful", "web")
    assert task.pool.prefix[1] == task.config.model.vocab - 2
    assert row["parameters"] == task.parameters.total
