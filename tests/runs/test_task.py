"""From a config to sizes, words and steps; own words and own worlds end to end."""

import dataclasses
import itertools
import json
import math
import shutil

import numpy as np
import pytest
from support.sweeps import small

from kscale import configs, corpora, worlds
from kscale.configs import fields
from kscale.configs.base import PartConfig, save_config
from kscale.runs.folder import RunFolder
from kscale.runs.task import open_run, prepare
from kscale.runs.training import run

MOONS = {
    "names/1_class.txt": "Rover\nProbe\nLander",
    "names/2_number.txt": "One\nTwo\nThree\nFour",
    "values/moon+planet.txt": "Io;Jupiter\nTitan;Saturn\nEuropa;Jupiter",
    "values/metal.txt": "iron\nnickel\ncobalt\nzinc",
    "templates/moon.txt": "{name} landed on {value}.\n{name} has seen {value}.",
    "templates/planet.txt": "{name} circles {value}.",
    "templates/metal.txt": "{name} found {value}.",
    "order.txt": "moon\nplanet\nmetal",
}


def write_moons(folder):
    """Writes a folder of lists."""
    for path, text in MOONS.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text + "\n")
    return str(folder)


def check_row(row, task):
    """A row of a run that has learnt next to nothing."""
    assert row["parameters"] == task.parameters.total
    assert row["bits"]["total"] < row["bits_max"]["total"]
    assert all(math.isfinite(row["bits"][part]) for part in row["bits"])
    pieces = {x.name for x in task.corpus.labels if x.kind in ("name", "value")}
    assert pieces <= set(row["accuracy"])


@pytest.mark.parametrize(
    ("name", "parameters", "limit"),
    [
        ("demo", 28_640, 2.1591),
        ("demo_room", 28_640, 1.2214),
        ("demo_d48", 62_928, 2.2466),
        ("demo_d48_100", 62_928, 2.2466),
        ("demo_bindings", 8_784, 1.7681),
    ],
)
def test_the_demo_models_have_these_sizes(name, parameters, limit):
    task = prepare(configs.load(name))
    counts = task.parameters
    total = counts.total
    assert total == parameters == counts.embedding + counts.non_embedding
    assert (counts.active, counts.adapters) == (total, 0)
    assert task.world.bits_max().total / total == pytest.approx(limit, abs=5e-5)
    assert task.order.exposures == task.config.data.exposures


@pytest.mark.parametrize("config", ["smoke", "demo"])
def test_the_vocabulary_does_not_depend_on_how_many_people_there_are(config):
    few, many = (
        prepare(fields.override(configs.load(config), "world.people", n))
        for n in (12, 900)
    )
    assert few.config.model.vocab == many.config.model.vocab
    ids = [task.pool.vocabulary.original_ids for task in (few, many)]
    np.testing.assert_array_equal(*ids)


def test_the_vocabulary_does_not_depend_on_seeds():
    some = [prepare(small(world__seed=s, corpus__seed=s)) for s in range(3)]
    assert len({task.config.model.vocab for task in some}) == 1


def test_exact_steps_read_every_token_once():
    task = prepare(small())
    stream = task.order.stream
    read = task.order.steps * task.config.data.batch * task.config.data.context
    assert 0 <= read - (stream.total_tokens - 1) < task.config.data.batch * 128
    assert task.order.exposures == 4.0


def test_rewritten_biographies_end_to_end(tmp_path):
    world = worlds.build_bios(12, lists="mini")
    facts = [world.person(i) for i in range(12)]
    stories = (
        "{name} works for {employer}. A native of {birth_city}, born on {birth_date},"
        " {pronoun} read {major} at {university}. The office is in {employer_city}.",
        "{name}, born in {birth_city} on {birth_date}, has a degree in {major} from"
        " {university}. {pronoun} went to {employer} of {employer_city}.",
    )
    with (tmp_path / "some.jsonl").open("w") as file:
        for i, story in itertools.product(range(12), stories):
            line = {"id": i, "text": story.format(**facts[i])}
            file.write(json.dumps(line) + "\n")
    config = small(corpus__kind="bior", corpus__path=str(tmp_path))
    task = prepare(config)
    for i, row in enumerate(task.corpus.score_plan(np.arange(12))):
        spans = corpora.compose_document(task.corpus, row)
        said = {task.corpus.labels[s.label].name: s.text.strip() for s in spans}
        for name in ("name", "employer", "birth_city", "birth_date", "major"):
            assert said[name] == facts[i][name]
    (row,) = run(config)
    check_row(row, task)
    assert row["bits_max"]["total"] == world.bits_max().total
    assert row["exposures"] == 4
    # A person without a text is an error, or left out of the world that is counted.
    silent = fields.override(config, "world.people", 13)
    with pytest.raises(ValueError, match=r"person 12 .* has 0 texts"):
        prepare(silent)
    told = prepare(fields.override(silent, "corpus.skip_unfound", True))
    assert told.corpus.num_people == told.counts.people == 12


@pytest.mark.slow
def test_a_vocabulary_trained_on_the_world_end_to_end():
    config = small(corpus__tokenizer="sentencepiece", corpus__tokenizer_vocab=600)
    task, again = prepare(config), prepare(config)
    assert task.config.model.vocab <= 600
    some = task.corpus.plan(np.arange(3), np.arange(3))
    one, other = task.pool.compose(some), again.pool.compose(some)
    np.testing.assert_array_equal(one.tokens, other.tokens)
    check_row(run(config)[0], task)


def test_a_world_of_ones_own_end_to_end(tmp_path):
    lists = write_moons(tmp_path)
    config = small(world__lists=lists, data__exposures=200, data__context=50)
    task = prepare(config)
    names = [label.name for label in task.corpus.labels]
    assert names == ["text", "name", "moon", "metal", "planet"]
    most = 12 * (math.log2(3) + 2)  # every one of the 12 names is taken
    assert task.world.bits_max().total == pytest.approx(most)
    (row,) = run(config)
    check_row(row, task)
    assert row["bits_max"]["name"] == 0


@pytest.mark.parametrize("where", ["", "part 'asked': "])
def test_a_context_that_cuts_all_documents_at_one_place_is_refused(where):
    asked = (PartConfig("asked", "questions", people=5, exposures=2),)
    demo = configs.load("demo:people=20,exposures=2")
    config = dataclasses.replace(demo, parts=asked if where else ())
    task = prepare(config)
    told = task.parts[0] if where else task
    plan = told.corpus.plan(np.arange(5), np.arange(5))
    (length,) = set(told.pool.document_lengths(plan).tolist())
    message = rf"^{where}data.context={2 * length} is a multiple of the length"
    with pytest.raises(ValueError, match=message):
        prepare(fields.override(config, "data.context", 2 * length))
    prepare(fields.override(config, "data.context", 2 * length + 1))


def test_content_tells_whether_lists_are_still_the_same(tmp_path):
    content = prepare(small(world__lists=write_moons(tmp_path / "moons"))).content
    folder = RunFolder(tmp_path / "run")
    other = tmp_path / "other"  # another path, as a folder is read once per process
    shutil.copytree(tmp_path / "moons", other)
    (other / "values/metal.txt").write_text("zinc\ncobalt\nnickel\niron\n")
    config = small(world__lists=str(other))
    save_config(config, folder.config)
    folder.params().touch()
    folder.write_result({"content": content, "config": fields.to_dict(config)})
    message = rf"trained on other lists or texts than are now in {other}, or before"
    with pytest.raises(ValueError, match=message):
        open_run(folder.path)
    shutil.rmtree(other)
    message = rf"world\.lists='{other}' must be one of .*, and {other} is none"
    with pytest.raises(ValueError, match=message):
        open_run(folder.path)


def test_content_tells_whether_weights_are_still_the_same(tmp_path):
    path = tmp_path / "weights.txt"
    law = worlds.Law("file", path=str(path))
    config = small()
    plain = prepare(config).content
    own = dataclasses.replace(config, world=dataclasses.replace(config.world, law=law))
    part = PartConfig(people=12, exposures=1, law=law)
    mixed = dataclasses.replace(config, parts=(part,))

    def contents(weights):
        path.write_text("\n".join(map(str, weights)))
        return [prepare(each).content for each in (own, mixed)]

    before, after = contents(range(12)), contents(range(1, 13))
    assert before == contents(range(12))
    assert len({plain, *before, *after}) == 5


def test_everybody_is_seen_alike_unless_a_law_says_otherwise():
    task = prepare(small())
    np.testing.assert_allclose(task.order.frequencies(), 1 / 12)
    assert task.order.visits().tolist() == [4] * 12
    law = {"world__law__kind": "zipf", "world__law__bias": 0.0}
    skewed = prepare(small(**law))
    assert np.divide(*skewed.order.frequencies()[:2]) == pytest.approx(2**1.2)
    assert skewed.order.visits().sum() == 48
    assert skewed.order.visits()[0] > 4 > skewed.order.visits()[-1]
    drawn = skewed.order.stream.visit(np.arange(48))[0]
    assert np.bincount(drawn, minlength=12).tolist() == skewed.order.visits().tolist()
