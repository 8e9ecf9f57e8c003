"""Runs that go on from runs, by the flags of the command line alone."""

import dataclasses
import json
import pathlib
import shutil

import numpy as np
import pytest

from kscale import cli, configs
from kscale.configs import base, finetuning
from kscale.configs.base import PartConfig, place_parts
from kscale.runs import run
from kscale.runs.finetune import require_start
from kscale.runs.folder import RunFolder
from kscale.runs.task import open_run, prepare
from kscale.tokenizers.vocabulary import NO_VOCABULARY

SMALL = (
    "--config.model.layers=1",
    "--config.train.steps_per_dispatch=4",
    "--config.train.checkpoint_every=4",
)


def train(spec, folder, *words):
    """The exit code of a run by flags."""
    words = (f"--config={spec}", f"--workdir={folder}", *words)
    return cli.main(["train", *words])


def tune(start, folder, *words, **arguments):
    """As `train`, of the config that goes on from a folder."""
    arguments = {"people": 6, "exposures": 3, "share": 0.5} | arguments
    named = ",".join(f"{name}={value}" for name, value in arguments.items())
    return train(f"tune:start={start},{named}", folder, *words)


def result(folder):
    return json.loads((folder / "result.json").read_text())


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A finished run of biographies."""
    folder = tmp_path_factory.mktemp("first") / "run"
    assert train("tiny:people=16,exposures=6,width=8", folder, *SMALL) == 0
    return folder


@pytest.fixture(scope="module")
def asked(first, tmp_path_factory):
    """That run, taught to answer questions."""
    folder = tmp_path_factory.mktemp("asked") / "run"
    assert tune(first, folder, kind="questions") == 0
    return folder


@pytest.mark.parametrize("kind", ["biographies", "questions"])
def test_a_run_taught_questions_goes_on_to_either(first, asked, tmp_path, kind):
    assert tune(asked, tmp_path / "run", kind=kind) == 0
    rows = result(tmp_path / "run"), result(asked), result(first)
    sizes = [row["parameters"] for row in rows]
    assert sizes[0] == sizes[1] > sizes[2]
    firsts = [row["config"]["parts"][0]["first"] for row in rows[:2]]
    assert firsts == [22, -1]  # people after those of the start's part


def test_questions_after_new_biographies_keep_their_tokens(first, tmp_path):
    assert tune(first, tmp_path / "more", kind="biographies") == 0
    assert tune(tmp_path / "more", tmp_path / "run", kind="questions") == 0
    pools = [open_run(x)[0].pool for x in (first, tmp_path / "run")]
    before, after = (set(p.vocabulary.original_ids.tolist()) for p in pools)
    assert before < after


@pytest.mark.slow
def test_a_run_of_junk_with_domains_goes_on(tmp_path):
    junk = (
        "--config.world.lists=tiny",
        "--config.data.context=64",
        "--config.data.batch=8",
        "--config.model.head_size=8",
        "--config.parts.0.domain=web",
        "--config.parts.0.weight=0.5",
        *SMALL,
    )
    spec = "junk:people=16,model=GPT2-1-1,exposures=4,kind=repeated,domain=true"
    assert train(spec, tmp_path / "junk", *junk) == 0
    assert tune(tmp_path / "junk", tmp_path / "run") == 0
    task, _ = open_run(tmp_path / "run")
    assert task.domains == ("useful", "web")
    assert task.pool.prefix[1] == task.config.model.vocab - 2
    assert result(tmp_path / "run")["parameters"] == task.parameters.total


def test_a_run_is_opened_and_scored_when_its_start_is_gone(first, tmp_path, capsys):
    old, new = tmp_path / "old", tmp_path / "new"
    assert tune(first, old, kind="questions") == 0
    assert tune(old, new) == 0
    shutil.rmtree(old)
    capsys.readouterr()
    assert cli.main(["score", f"--workdir={new}", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    for name in ("bits", "parameters", "content", "parts"):
        assert again[name] == result(new)[name]
    listed = RunFolder(new).read_vocabulary()
    assert set(listed.tokens) == set(
        open_run(new)[0].pool.vocabulary.original_ids.tolist()
    )
    (new / "vocabulary.json").write_text('{"tokens": 3}')
    with pytest.raises(ValueError, match=r"vocabulary.json is no readable vocabulary"):
        open_run(new)


def test_a_run_without_a_start_lists_no_vocabulary(first):
    assert RunFolder(first).read_vocabulary() == NO_VOCABULARY
    assert not (first / "vocabulary.json").exists()


def test_a_dry_run_counts_the_tokens_of_the_start(asked, tmp_path, capsys):
    assert tune(asked, tmp_path / "run", "--dry_run", "--json") == 0
    row = json.loads(capsys.readouterr().out)
    task, _ = open_run(asked)
    assert row["vocabulary"] == task.pool.vocabulary.size
    assert row["parameters"]["total"] == task.parameters.total
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("dry", [(), ("--dry_run",)])
def test_a_start_is_checked_in_a_dry_run_too(first, tmp_path, capsys, dry):
    words = {
        f"--config.start={tmp_path}": "holds no run: there is no config.json in it",
        "--config.model.layers=2": "has another model: layers was 1, is 2",
    }
    for word, message in words.items():
        assert tune(first, tmp_path / "run", word, *dry) == 2
        assert message in capsys.readouterr().err
    part = shutil.copytree(first, tmp_path / "part")
    (part / "params.npz").unlink()
    assert tune(part, tmp_path / "run", *dry) == 2
    assert capsys.readouterr().err == (
        f"kscale train: config.start={str(part)!r} holds no finished run: finish it"
        f" with --resume\n"
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("dry", [(), ("--dry_run",)])
def test_a_run_does_not_overwrite_its_start(first, tmp_path, capsys, dry):
    own = shutil.copytree(first, tmp_path / "own")
    before = (own / "params.npz").read_bytes()
    for start_, workdir in ((own, own), (own, tmp_path / "x" / ".." / "own")):
        assert tune(start_, workdir, "--overwrite", *dry) == 2
        assert "is the run's own folder, and would be overwritten" in (
            capsys.readouterr().err
        )
    assert (own / "params.npz").read_bytes() == before


def test_a_start_in_the_home_folder(first, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(first.parent))
    assert tune(f"~/{first.name}", tmp_path / "run", "--dry_run", "--json") == 0
    assert json.loads(capsys.readouterr().out)["config"]["start"] == "~/run"
    assert require_start(pathlib.Path("~/run")) == first


def test_a_run_is_not_resumed_from_other_weights(first, tmp_path, capsys):
    old, new = shutil.copytree(first, tmp_path / "old"), tmp_path / "new"
    assert tune(old, new) == 0
    row = result(new)
    (new / "result.json").unlink()
    assert tune(old, new, "--resume") == 0
    assert result(new)["bits"] == row["bits"]
    with np.load(old / "params.npz") as file:
        arrays = {name: 2 * file[name] for name in file}
    np.savez(old / "params.npz", **arrays)
    capsys.readouterr()
    assert tune(old, new, "--resume") == 2
    assert "start.params was '" in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"belongs to another run.*start\.params was"):
        run.run(base.load_config(new / "config.json"), new, resume=True)


@pytest.fixture
def before(little, tmp_path):
    """The config of a finished run, and its folder."""
    settings = little(world__first=50, data__epochs=2, train__seed=4)
    base.save_config(settings, tmp_path / "config.json")
    return settings, tmp_path


def test_tuning_takes_over_what_the_run_was(before):
    settings, folder = before
    made = configs.load(f"tune:start={folder},people=5,exposures=9,kind=questions")
    assert made == finetuning.tuned(settings, str(folder), 5, "questions", 9)
    assert (made.name, made.start) == ("tune", str(folder))
    assert (made.model, made.world, made.corpus) == (
        settings.model,
        settings.world,
        settings.corpus,
    )
    assert (made.data.exposures, made.data.share, made.data.epochs) == (9, 0.8, 1)
    assert (made.train.learning_rate, made.train.warmup_steps) == (3e-5, 0)
    part = PartConfig("new", "questions", people=5, exposures=9)
    assert made.parts == (part,)
    task = prepare(dataclasses.replace(made, start=""))
    assert (task.parts[0].config.first, task.order.visits().sum()) == (66, 115)
    assert task.order.exposures == pytest.approx(7.2)


def test_what_was_new_or_junk_before_is_not_new_again(before):
    settings, folder = before
    once = finetuning.tuned(settings, str(folder), 5, "biographies", 9)
    twice = finetuning.tuned(once, str(folder), 5, "biographies", 9)
    firsts = [place_parts(x.parts, x.world)[0].first for x in (once, twice)]
    assert firsts == [66, 71]
    junk = dataclasses.replace(settings, parts=(PartConfig(people=1000, weight=1.0),))
    (new,) = finetuning.tuned(junk, str(folder), 5, "biographies", 9).parts
    assert new.first == 1066
    low = dataclasses.replace(junk.parts[0], first=0, people=10)
    (new,) = finetuning.tuned(
        dataclasses.replace(junk, parts=(low,)), str(folder), 5, "biographies", 9
    ).parts
    assert new.first == 66


def test_of_a_population_one_model_is_tuned(before):
    settings, folder = before
    grid = base.MembersConfig(seeds=(1, 2), learning_rates=(1e-2, 1e-3))
    several = dataclasses.replace(settings, members=grid)
    made = finetuning.tuned(several, str(folder), 5, "questions", 9)
    assert made.members == base.MembersConfig()
    assert len(base.list_members(made)) == 1
    assert "of a population its first member" in configs.describe()


def test_no_run_to_tune_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"config.json is no readable config"):
        configs.load(f"tune:start={tmp_path}")


def test_extraction_asks_about_half_of_the_runs_own_people(before):
    settings, folder = before
    made = configs.load(f"extract:start={folder},embedding=16,attention=2,exposures=9")
    assert made == finetuning.extracted(settings, str(folder), 16, 2, 9)
    assert made.data.share == 0
    (part,) = made.parts
    assert (part.kind, part.which, part.exposures) == ("questions", "odd", 9)
    assert (part.first, part.people) == (settings.world.first, settings.world.people)
    assert dataclasses.replace(made.model, lora=settings.model.lora) == settings.model
    assert made.model.lora.rules == (
        "*/attention/query:2",
        "*/attention/value:2",
        "embed/table:16",
    )
    assert (made.train.trainable, made.train.schedule) == (("lora/*",), "linear")
    then = finetuning.tuned(made, str(folder), 5, "biographies", 9)  # goes on so
    assert (then.train.trainable, then.model) == (("lora/*",), made.model)
    task = prepare(dataclasses.replace(made, start=""))
    odd, even = task.parts[0].corpus, task.parts[0].held_out
    assert odd.num_people + even.num_people == settings.world.people
    whole = finetuning.extracted(settings, str(folder), 0, 0, 9)
    assert (whole.model, whole.train.trainable) == (settings.model, ("*",))


@pytest.mark.parametrize("name", ["embedding", "attention"])
def test_a_rank_that_is_none_is_named(before, name):
    with pytest.raises(ValueError, match=f"{name}=-1 must be a rank, 0 or more"):
        configs.load(f"extract:start={before[1]},{name}=-1")


def test_adapters_begin_beside_the_weights_of_the_start(first, tmp_path):
    config = base.load_config(first / "config.json")
    made = finetuning.extracted(config, str(first), 4, 2, 1)
    task = prepare(made)
    params = task.start.make_params(task)
    before = task.start.params["layer_0"]["attention"]["qkv"]["kernel"]
    assert np.array_equal(params["layer_0"]["attention"]["qkv"]["kernel"], before)
    query = params["lora"]["layer_0"]["attention"]["query"]
    assert (query["down"].shape[1], np.any(query["up"])) == (2, False)
    workdir = tmp_path / "extracted"
    (row,) = run.run(made, workdir)
    assert set(row["parts"]["questions"]) == {"trained", "held_out"}
    _, after = open_run(workdir)
    # Only adapters were trained: the weights are those of the start.
    assert np.array_equal(after["layer_0"]["attention"]["qkv"]["kernel"], before)
    assert np.any(after["lora"]["layer_0"]["attention"]["query"]["up"])
    made = finetuning.extracted(made, str(workdir), 4, 2, 1)
    again = prepare(made)
    grown = again.start.make_params(again)
    assert np.array_equal(
        grown["lora"]["embed"]["table"]["down"], after["lora"]["embed"]["table"]["down"]
    )
