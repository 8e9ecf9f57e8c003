"""The config: its defaults, its population, its fingerprint, its file."""

import dataclasses
import inspect
import json
import pathlib

import pytest

from kscale import configs, worlds
from kscale.configs import base as config
from kscale.configs import fields
from kscale.configs.base import Config, MembersConfig, PartConfig, WorldConfig
from kscale.runs.task import prepare

ROOT = pathlib.Path(__file__).parents[2]
DEFAULTS = json.loads(pathlib.Path(__file__).with_name("defaults.json").read_text())


def test_biod_defaults_are_those_of_the_world():
    parameters = inspect.signature(worlds.build_biod).parameters
    for field in dataclasses.fields(WorldConfig):
        if field.name in parameters and field.name != "people":
            assert field.default == parameters[field.name].default, field.name


def test_a_world_config_builds_its_world():
    bios = WorldConfig(people=5, lists="mini", seed=3).build()
    assert (bios.people, bios.seed, bios.diversity) == (5, 3, 0)
    biod = WorldConfig("biod", 5, attributes=2, chunks=3, diversity=4).build()
    assert biod.counts.value_bits == 2 * 3 * 2
    assert biod.name_space == 400 * 400 * 1000


def test_a_config_has_one_member_unless_several_are_asked_for():
    base = Config()
    train = base.train
    alone = (train.learning_rate, train.weight_decay, train.seed)
    assert [tuple(m) for m in config.list_members(base)] == [alone]


def test_members_are_all_combinations_and_seeds_vary_fastest():
    several = Config(members=MembersConfig(seeds=(5, 6), learning_rates=(1e-3, 2e-3)))
    decay = several.train.weight_decay
    assert [tuple(member) for member in config.list_members(several)] == [
        (1e-3, decay, 5),
        (1e-3, decay, 6),
        (2e-3, decay, 5),
        (2e-3, decay, 6),
    ]


@pytest.mark.parametrize("path", config.NO_RESULT)
def test_fields_without_effect_on_the_result_leave_the_fingerprint(path):
    old = fields.flatten(Config())[path]
    other = fields.override(Config(), path, "other" if path == "name" else old + 7)
    assert fields.diff(Config(), other)
    assert config.fingerprint(other) == config.fingerprint(Config())


@pytest.mark.parametrize(
    "path", sorted(fields.flatten(Config()).keys() - set(config.NO_RESULT))
)
def test_every_other_field_is_in_the_fingerprint(path, monkeypatch):
    given, leaves = Config(), fields.flatten(Config())
    changed = leaves | {path: "changed"}
    monkeypatch.setattr(fields, "from_dict", lambda *_: given)
    monkeypatch.setattr(fields, "flatten", lambda x: changed if x is given else leaves)
    assert config.select_meaningful(given) == {path: "changed"}


def test_defaults_are_what_rows_were_made_with():
    """A field at its default is not in a fingerprint, so a default never changes.

    A new field goes into defaults.json with what was done before there was one.
    """
    leaves = fields.flatten(Config(parts=(PartConfig(),)))
    assert json.loads(json.dumps(leaves)) == DEFAULTS


def test_the_fingerprint_is_short_stable_and_blind_to_number_types():
    whole = fields.override(Config(), "train.clip", 2.0)
    integer = dataclasses.replace(whole, train=dataclasses.replace(whole.train, clip=2))
    assert config.fingerprint(whole) == config.fingerprint(integer)
    assert len(config.fingerprint(whole)) == 12
    assert config.fingerprint(whole) != config.fingerprint(Config())


def test_a_config_is_saved_and_loaded(tmp_path):
    several = Config(members=MembersConfig(seeds=(1, 2)))
    config.save_config(several, tmp_path / "config.json")
    assert config.load_config(tmp_path / "config.json") == several


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no readable config"),
        ("{", "no readable config"),
        ("[]", "must hold a JSON object"),
        ('{"modl": {}}', "did you mean 'model'"),
        (
            '{"data": {"shared_order": true}}',
            "was written by kscale 0.1: `python -m tools.migrate_results .*` in a chec",
        ),
    ],
)
def test_a_broken_file_is_refused(tmp_path, text, message):
    path = tmp_path / "config.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=message):
        config.load_config(path)


def test_committed_rows_are_found_by_their_configs():
    known = {}
    for path in sorted((ROOT / "experiments/results").rglob("*.jsonl")):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            if "model" in row["config"]:
                loaded = fields.from_dict(Config, row["config"])
                assert config.fingerprint(loaded) == row["fingerprint"], path.name
                known[row["fingerprint"]] = path.name
    demos = ("demo_d48", "demo_room", "demo_d48_100")
    assert {config.fingerprint(configs.load(demo)) for demo in demos} <= known.keys()


def test_the_texts_of_a_committed_run_are_what_they_were():
    for name, digest in (("demo_d48", "28df5e187c33"), ("demo_room", "ea6db5d5a824")):
        assert prepare(configs.load(name)).content == digest


MIXED = Config(parts=(PartConfig(weight=7.0), PartConfig("asked", exposures=1)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("start", "runs/mine"),
        ("score.times", 1),
        ("score.classes", 5),
        ("data.epochs", 2),
        ("data.share", 0.5),
        ("corpus.domain", "wiki"),
        ("world.first", 1),
        ("world.law.kind", "zipf"),
        ("world.law.bias", 1.0),
        *(
            (f"parts.1.{path}", value)
            for path, value in {
                "name": "other",
                "kind": "questions",
                "people": 7,
                "first": 0,
                "which": "odd",
                "exposures": 2,
                "weight": 1.0,
                "law.exponent": 2.0,
                "domain": "web",
                "answers_only": True,
            }.items()
        ),
    ],
)
def test_what_changes_a_result_changes_the_fingerprint(path, value):
    changed = fields.override(MIXED, path, value)
    assert fields.diff(MIXED, changed)
    assert config.fingerprint(changed) != config.fingerprint(MIXED)


def test_every_field_of_a_part_was_asked_about():
    asked = {"name", "kind", "people", "first", "which", "exposures", "weight"}
    asked |= {"law", "domain", "answers_only"}
    assert {field.name for field in dataclasses.fields(PartConfig)} == asked


def test_parts_count_in_the_fingerprint_and_their_order_does():
    one, other = (dataclasses.replace(MIXED, parts=MIXED.parts[:n]) for n in (1, 0))
    turned = dataclasses.replace(MIXED, parts=MIXED.parts[::-1])
    assert len({config.fingerprint(x) for x in (MIXED, one, other, turned)}) == 4
    assert config.fingerprint(other) == config.fingerprint(Config())


@pytest.mark.parametrize(
    ("path", "value"), [("name", "x"), ("data.prefetch", 9), ("mesh.data", 2)]
)
def test_what_changes_no_result_leaves_the_fingerprint_of_a_mixture(path, value):
    changed = fields.override(MIXED, path, value)
    assert config.fingerprint(changed) == config.fingerprint(MIXED)


def test_a_mixture_is_saved_and_loaded(tmp_path):
    law = worlds.Law("pitman_yor", discount=0.3)
    parts = (*MIXED.parts, PartConfig("new", "questions", law=law, domain="d"))
    mixed = dataclasses.replace(MIXED, parts=parts, start="0123456789ab")
    config.save_config(mixed, tmp_path / "config.json")
    loaded = config.load_config(tmp_path / "config.json")
    assert loaded == mixed
    assert config.fingerprint(loaded) == config.fingerprint(mixed)
