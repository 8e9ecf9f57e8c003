"""The config: its defaults, its population, its fingerprint, its file."""

import dataclasses
import inspect

import pytest

from kscale import config, fields, worlds
from kscale.config import Config, MembersConfig, WorldConfig


def test_biod_defaults_are_those_of_the_world():
    parameters = inspect.signature(worlds.biod).parameters
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
    assert [tuple(m) for m in config.members(base)] == [alone]


def test_members_are_all_combinations_and_seeds_vary_fastest():
    several = Config(members=MembersConfig(seeds=(5, 6), learning_rates=(1e-3, 2e-3)))
    decay = several.train.weight_decay
    assert [tuple(member) for member in config.members(several)] == [
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


@pytest.mark.parametrize("path", sorted(fields.flatten(Config())))
def test_every_other_field_is_in_the_fingerprint(path, monkeypatch):
    if path in config.NO_RESULT:
        return
    leaves = fields.flatten(Config())
    monkeypatch.setattr(fields, "flatten", lambda _: leaves | {path: "changed"})
    changed = config.fingerprint(Config())
    monkeypatch.undo()
    assert changed != config.fingerprint(Config())


def test_the_fingerprint_is_short_stable_and_blind_to_number_types():
    whole = fields.override(Config(), "train.clip", 2.0)
    integer = dataclasses.replace(whole, train=dataclasses.replace(whole.train, clip=2))
    assert config.fingerprint(whole) == config.fingerprint(integer)
    assert len(config.fingerprint(whole)) == 12
    assert config.fingerprint(whole) != config.fingerprint(Config())


def test_a_config_is_saved_and_loaded(tmp_path):
    several = Config(members=MembersConfig(seeds=(1, 2)))
    config.save(several, tmp_path / "config.json")
    assert config.load(tmp_path / "config.json") == several


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no readable config"),
        ("{", "no readable config"),
        ("[]", "must hold a JSON object"),
        ('{"modl": {}}', "did you mean 'model'"),
    ],
)
def test_a_broken_file_is_refused(tmp_path, text, message):
    path = tmp_path / "config.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=message):
        config.load(path)
