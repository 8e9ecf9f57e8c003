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


def test_members_are_all_combinations_and_seeds_vary_fastest():
    train = Config().train
    (alone,) = config.list_members(Config())
    assert alone == (train.learning_rate, train.weight_decay, train.seed)
    several = Config(members=MembersConfig(seeds=(5, 6), learning_rates=(1e-3, 2e-3)))
    assert config.list_members(several) == [
        (rate, train.weight_decay, seed) for rate in (1e-3, 2e-3) for seed in (5, 6)
    ]


def test_paths_that_are_there_become_absolute(tmp_path, monkeypatch):
    for folder in ("mine", "mini", "run"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    law = worlds.Law("file", path="run")
    relative = Config(
        world=WorldConfig(lists="mine", law=law),
        parts=(PartConfig(law=law),),
        start="0123456789ab",
    )
    found = config.make_absolute(relative)
    assert found.world.lists == str(tmp_path / "mine")
    assert found.world.law.path == found.parts[0].law.path == str(tmp_path / "run")
    assert found.start == relative.start  # the fingerprint of a run of a sweep
    for typed, kept in (("mini", "mini"), ("no", "no"), ("~/mine", f"{tmp_path}/mine")):
        made = Config(world=WorldConfig(lists=typed))
        assert config.make_absolute(made).world.lists == kept
    config.require_same(relative, found, "the run", "")
    nobody = Config(start="~nosuchuser/x")
    with pytest.raises(ValueError, match="start='~nosuchuser/x': there is no such hom"):
        config.make_absolute(nobody)


MIXED = Config(parts=(PartConfig(weight=7.0), PartConfig("asked", exposures=1)))


@pytest.mark.parametrize("path", config.NO_RESULT)
def test_fields_without_effect_on_the_result_leave_the_fingerprint(path):
    old = fields.flatten(MIXED)[path]
    other = fields.override(MIXED, path, "other" if path == "name" else old + 7)
    assert fields.diff(MIXED, other)
    assert config.fingerprint(other) == config.fingerprint(MIXED)


@pytest.mark.parametrize(
    "path", sorted(fields.flatten(MIXED).keys() - set(config.NO_RESULT))
)
def test_every_other_field_is_in_the_fingerprint(path, monkeypatch):
    before, leaves = config.select_meaningful(MIXED), fields.flatten(MIXED)
    changed = leaves | {path: "changed"}
    defaults = fields.flatten(Config(parts=(PartConfig(),) * 2))
    monkeypatch.setattr(fields, "from_dict", lambda *_: MIXED)
    monkeypatch.setattr(
        fields, "flatten", lambda x: changed if x is MIXED else defaults
    )
    assert config.select_meaningful(MIXED) == before | {path: "changed"}


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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no readable config"),
        ("{", "no readable config"),
        ("[]", "must hold a JSON object"),
        (
            '{"modl": {}}',
            r"config\.json is no .*: did you mean 'model'",
        ),
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
    for where in (path, tmp_path):
        with pytest.raises(ValueError, match=message):
            config.load_config(where)


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
    for name, digest in (("demo_d48", "31980bdcf423"), ("demo_room", "e474bc114f03")):
        assert prepare(configs.load(name)).content == digest


def test_parts_count_in_the_fingerprint_and_their_order_does():
    one, other = (dataclasses.replace(MIXED, parts=MIXED.parts[:n]) for n in (1, 0))
    turned = dataclasses.replace(MIXED, parts=MIXED.parts[::-1])
    assert len({config.fingerprint(x) for x in (MIXED, one, other, turned)}) == 4
    assert config.fingerprint(other) == config.fingerprint(Config())


def test_a_mixture_is_saved_and_loaded(tmp_path):
    law = worlds.Law("pitman_yor", discount=0.3)
    parts = (*MIXED.parts, PartConfig("new", "questions", law=law, domain="d"))
    seeds = MembersConfig(seeds=(1, 2))
    mixed = dataclasses.replace(MIXED, parts=parts, start="0" * 12, members=seeds)
    config.save_config(mixed, tmp_path / "config.json")
    for where in (tmp_path / "config.json", tmp_path):
        assert config.load_config(where) == mixed


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("model.heads", "1e9", "heads=1000000000 must be at most 1,024"),
        (
            "model.head_size",
            "1e30",
            r"head_size=100000... \(31 digits\) must be",
        ),
        ("model.mlp_width", "1e308", "mlp_width=1e.308 must be at most 1,024"),
        ("model.experts", "4294967296", "experts=4294967296 must be at most 4,096"),
        ("model.layers", "500", "layers=500 must be at most 128"),
        ("score.times", "1e12", "times=1000000000000 must be at most 1,000"),
        ("score.classes", "1e18", "must be at most 10,000"),
        ("data.exposures", "1e18", "must be at most 100,000,000"),
        ("data.batch", "1e18", "must be at most 1,000,000"),
        ("train.warmup_steps", "1e18", "must be at most 2,147,483,647"),
        ("mesh.model", "-1", "config.mesh.model=-1 must be at least 1"),
        ("world.seed", "-1", "config.world.seed=-1 must be at least 0"),
        ("world.chunks", "-9e18", "must be at least 1"),
        ("world.law.concentration", "1e300", r"=1e.300 must be at most 1e.15"),
        ("members.seeds", "(0, -1)", "members.seeds=-1 must be at least 0"),
    ],
)
def test_numbers_have_ranges(path, value, message):
    with pytest.raises(ValueError, match=message):
        fields.override(Config(), path, value)
    read = fields.override(Config(), path, "8")
    assert fields.from_dict(Config, fields.to_dict(read)) == read
