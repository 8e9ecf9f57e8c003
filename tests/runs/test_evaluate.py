"""What rows say of classes, pieces, parts and steps, against plain loops."""

import dataclasses
import itertools
import json
import math

import jax
import numpy as np
import pytest

from kscale import configs, corpora, models, scores, worlds
from kscale.configs import fields
from kscale.configs.base import PartConfig
from kscale.runs.evaluate import Known, member_params, score
from kscale.runs.task import prepare
from kscale.worlds import Law

JUNK = PartConfig(people=9, weight=1.0)
ASKED = PartConfig("asked", "questions", people=7, which="odd", exposures=2)
ZIPF = Law("zipf", exponent=1.5, bias=0.5)


def strict(row):
    """What another program reads."""
    return json.loads(json.dumps(row, allow_nan=False))


def fresh(task, seed=0):
    return models.init(task.config.model, jax.random.key(seed))


def made_up(task, people, seed=0):
    """A score table of invented losses about some people."""
    rng = np.random.default_rng(seed)
    labels = [label.name for label in task.corpus.labels]
    shape = (len(people), len(labels))
    counts = np.ones(shape, np.int32)
    counts[:, 0] = 9
    return scores.ScoreTable(
        people=np.asarray(people, np.int64),
        nats=rng.exponential(2.0, shape),
        correct=rng.random(shape) < 0.5,
        counts=counts,
        labels=tuple(labels),
        population=task.corpus.num_people,
    )


@pytest.fixture(scope="module")
def skewed(little):
    """A task of a power law with parts of both kinds."""
    return prepare(little([JUNK, ASKED], world__law=ZIPF, world__people=20))


def test_numbers_are_those_of_plain_loops(skewed):
    people = np.arange(1, 20, 2)
    table = made_up(skewed, people)
    breakdown = strict(Known(skewed, fresh(skewed), table).breakdown)
    labels = skewed.corpus.labels
    paid = [i for i, x in enumerate(labels) if x.kind in ("value", "form", "derived")]
    city = [x.name for x in labels].index("employer_city")
    pieces = {
        x.name: [i, city] if x.name == "employer" else [i]
        for i, x in enumerate(labels)
        if x.kind != "text"
    }
    values = [pieces[x.name] for x in labels if x.kind == "value"]
    p = np.array([(i + 1.5) ** -1.5 for i in range(20)])
    p = p / p.sum()
    bits = np.array([table.nats[i, paid].sum() / math.log(2) for i in range(10)])
    hits = [[table.correct[i, of].all() for of in values] for i in range(10)]
    right = np.mean(hits, axis=1)
    weights, met = p[people], skewed.order.visits()[people]

    def check(found, of):
        assert found["people"] == of.sum()
        assert found["loss_bits"] == pytest.approx(bits[of].mean())
        assert found["accuracy"] == pytest.approx(right[of].mean())
        share = weights[of] / weights[of].sum()
        assert found["visit_loss_bits"] == pytest.approx(share @ bits[of])
        assert found["visit_accuracy"] == pytest.approx(share @ right[of])
        assert found["mass"] == pytest.approx(weights[of].sum())
        assert found["visits"] == pytest.approx(met[of].mean())

    check(breakdown["loss"], np.ones(10, bool))
    # Four classes of five people each, the most frequent first.
    assert [x["frequency_class"] for x in breakdown["classes"]] == [0, 1, 2, 3]
    for found in breakdown["classes"]:
        check(found, people // 5 == found["frequency_class"])
    told = {x["piece"]: x for x in breakdown["pieces"]}
    assert breakdown["normalized_forms"] is True
    assert set(told) <= set(pieces)
    for name, row in told.items():
        hits = table.correct[:, pieces[name]].all(axis=1)
        assert row["accuracy"] == pytest.approx(hits.mean())
        lost = table.nats[:, pieces[name]].sum(axis=1) / math.log(2)
        assert row["visit_loss_bits"] == pytest.approx(weights / weights.sum() @ lost)
    curve = breakdown["by_count"]
    assert sum(curve["people"]) == 10
    mean = np.dot(curve["accuracy"], curve["people"]) / 10
    assert mean == pytest.approx(right.mean())
    assert np.dot(curve["visits"], curve["people"]) == pytest.approx(met.sum())
    guesses = [2.0**-x.bits for x in skewed.world.attributes if x.name != "pronoun"]
    assert curve["floor"] == pytest.approx(np.mean(guesses) + 0.05)


def test_parts_are_scored_as_what_they_are(skewed):
    params = fresh(skewed, 1)
    told = Known(skewed, params, made_up(skewed, [3])).breakdown["parts"]
    assert list(told) == ["junk", "asked"]
    junk, asked = skewed.parts
    model = (skewed.config.model, params)
    table = scores.score_corpus(model, junk.corpus, junk.pool)
    assert told["junk"]["people"] == 9
    right = scores.person_accuracy(junk.corpus.labels, table)
    assert told["junk"]["accuracy"] == pytest.approx(right.mean())
    lost = table.nats[:, 2:].sum(axis=1).mean() / math.log(2)
    assert told["junk"]["loss_bits"] == pytest.approx(lost)
    pieces = told["junk"]["accuracy_by_piece"]
    assert {"name", "employer", "employer_city"} <= set(pieces)
    for which, whom, people in (("odd", "trained", 4), ("even", "held_out", 3)):
        questions = corpora.Questions(asked.corpus.world, which)
        known = scores.ask_questions(model, questions, asked.pool)
        assert len(known.people) == people
        assert (known.people % 2 == (which == "even")).all()
        assert told["asked"][whom] == {
            "people": people,
            "accuracy": known.mean,
            "accuracy_by_piece": known.accuracy,
        }


def test_questions_about_all_hold_nobody_out(made):
    everybody = dataclasses.replace(ASKED, which="all")
    task = made(everybody, score__people=2)
    told = Known(task, fresh(task), made_up(task, [0, 1])).breakdown
    assert "dropped_when_scored" not in told  # of a dense model
    assert set(told["parts"]["asked"]) == {"trained"}
    assert told["parts"]["asked"]["trained"]["people"] == 2
    assert "by_count" not in told


@pytest.mark.parametrize("law", [Law(), ZIPF])
@pytest.mark.parametrize("classes", [1, 4, 40])
def test_one_person_has_no_error_and_no_nan(made, law, classes):
    task = made(JUNK, world__law=law, score__classes=classes)
    row = Known(task, fresh(task), made_up(task, [4])).breakdown
    assert strict(row) == row
    assert row["loss"]["loss_bits_error"] is None
    assert len(row["classes"]) == 1


def test_people_of_no_weight_have_no_nan(little, tmp_path):
    (tmp_path / "weights.txt").write_text("1\n" * 8 + "0\n" * 8)
    law = Law("file", path=str(tmp_path / "weights.txt"))
    task = prepare(little(world__law=law))
    assert task.order.visits()[8:].sum() == 0
    row = Known(task, fresh(task), made_up(task, np.arange(16))).breakdown
    assert strict(row) == row
    last = row["classes"][-1]
    assert (last["mass"], last["visits"], last["visit_accuracy"]) == (0, 0, None)
    assert row["by_count"]["visits"][0] == 0


@pytest.mark.parametrize("share", [1.0, 0.0])
def test_a_restaurant_is_scored_by_its_visits(made, share):
    law = Law("restaurant", discount=0.2, concentration=1.0)
    new = PartConfig("new", people=4, exposures=1)
    task = made(new, world__law=law, data__share=share)
    met = task.order.visits()
    wanted = met / met.sum() if share else np.full(16, 1 / 16)
    np.testing.assert_allclose(task.order.frequencies(), wanted)
    row = Known(task, fresh(task), made_up(task, np.arange(16))).breakdown
    assert strict(row) == row
    assert row["loss"]["visits"] == pytest.approx(6.0 * share)
    assert row["loss"]["mass"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    "law", [Law("zipf", bias=0.5), Law("restaurant", discount=0.0, concentration=0.5)]
)
def test_people_who_are_left_out_have_no_class(little, tmp_path, law):
    world = worlds.build_bios(16, lists="tiny")
    story = (
        "{name}. {pronoun} was born in {birth_year} in {birth_city}, has a degree in"
        " {major} from {university} and works for {employer} in {employer_city}."
    )
    with (tmp_path / "some.jsonl").open("w") as file:
        for i, times in itertools.product(range(0, 16, 3), range(2)):
            text = story.format(**world.person(i)) + " Yes." * times
            file.write(json.dumps({"id": i, "text": text}) + "\n")
    told = {"corpus__kind": "bior", "corpus__path": str(tmp_path)}
    told |= {"corpus__skip_unfound": True, "world__law": law}
    task = prepare(little(**told))
    assert task.corpus.num_people == len(task.order.visits()) == 6
    assert task.order.visits().sum() == 36
    people = task.corpus.people(np.arange(6))
    assert people.tolist() == [0, 3, 6, 9, 12, 15]
    params = fresh(task)
    table = score(task, params).table
    row = strict(Known(task, params, table).breakdown)
    assert row["loss"]["people"] == 6
    assert sum(x["people"] for x in row["classes"]) == 6
    assert row["loss"]["visits"] == pytest.approx(6)
    assert len(score(task, params, 2).table.people) == 2
    with pytest.raises(ValueError, match=r"score.people=7 must be 1 to 6, the"):
        prepare(little(**told, score__people=7))


@pytest.mark.slow
def test_a_restaurant_of_bio_d_is_scored_by_its_visits():
    demo = configs.load("demo:people=30,exposures=4,heads=1")
    law = Law("restaurant", discount=0.1, concentration=1.0)
    task = prepare(fields.override_all(demo, {"world.law": law, "model.layers": 1}))
    row = Known(task, fresh(task), made_up(task, np.arange(30))).breakdown
    assert strict(row) == row
    assert sum(row["by_count"]["people"]) == 30
    assert row["loss"]["visits"] == pytest.approx(4)
    # Whoever comes first to a restaurant is seen most.
    assert row["classes"][0]["visits"] > row["classes"][-1]["visits"]


def test_a_sample_is_scored_if_so_said(skewed, made):
    params = fresh(skewed)
    some = score(skewed, params, 5).table
    assert len(some.people) == 5
    row = Known(skewed, params, some).breakdown
    assert row["loss"]["people"] == 5
    whole = score(skewed, params).table
    assert whole.people.tolist() == list(range(20))
    chosen = score(skewed, params, np.array([2, 5])).table
    assert chosen.people.tolist() == [2, 5]
    task = made(score__people=3, score__seed=5)
    table = score(task, fresh(task)).table
    assert (len(table.people), table.sample_seed) == (3, 5)


def test_a_member_of_a_population_is_a_slice(made):
    one, two = (made(members__seeds=seeds) for seeds in ((0,), (0, 1)))
    params = {"embed": {"table": np.arange(12.0).reshape(2, 3, 2)}}
    assert member_params(one, params, 0) is params
    member = member_params(two, params, 1)
    np.testing.assert_array_equal(member["embed"]["table"], [[6, 7], [8, 9], [10, 11]])
    assert member_params(two, member, 1) is member


@pytest.mark.parametrize("factor", [0, 1, 2])
def test_what_experts_drop_when_all_tokens_choose_the_same(made, factor):
    experts = {"model__experts": 4, "model__mlp_width": 1.0}
    task = made(model__eval_capacity_factor=factor, **experts)
    params = fresh(task)
    router = params["layer_0"]["mlp"]["router"]
    router["kernel"] = np.zeros_like(router["kernel"])
    row = Known(task, params, made_up(task, [0, 1, 2])).breakdown
    plan = task.corpus.score_plan(np.arange(task.corpus.num_people), 0)
    lengths = task.pool.compose(plan).lengths - 1  # the last token is no input
    # Of a document's own tokens `factor ceil(length / 4)` have room.
    room = factor * -(-lengths // 4) if factor else lengths
    share = 1 - room.sum() / lengths.sum()
    assert row["dropped_when_scored"] == pytest.approx(share, abs=1e-12)
