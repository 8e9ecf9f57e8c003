"""Every named config builds, is free of contradictions, and says what it means."""

import pytest

from kscale import configs
from kscale.configs.base import save_config
from kscale.configs.validate import validate

NEEDS = {"bior": ":path={path}", "tune": ":start={path}", "extract": ":start={path}"}


@pytest.fixture
def spec_of(tmp_path):
    save_config(configs.load("smoke"), tmp_path / "config.json")
    return lambda name: name + NEEDS.get(name, "").format(path=tmp_path)


@pytest.mark.parametrize("name", configs.CONFIGS)
def test_every_named_config_builds_and_is_sound(name, spec_of):
    config = configs.load(spec_of(name))
    assert config.name == name
    assert validate(config).people == config.world.people
    assert f"  {name} " in configs.describe()
    assert configs.CONFIGS[name].__doc__


def test_the_demo_models_at_100_exposures_differ_in_little_else():
    assert configs.demo_100().world == configs.demo().world
    assert configs.demo_100().data.exposures == 100
    assert configs.demo_d48_100().model == configs.demo_d48().model


def test_published_settings_are_taken():
    config = configs.load("bios:people=1M,model=GPT2-4-8")
    assert (config.data.batch, config.data.context) == (192, 512)
    assert (config.train.learning_rate, config.train.weight_decay) == (5e-4, 0.01)
    assert (config.model.layers, config.model.heads) == (4, 8)
    biod = configs.load("biod:attributes=2,chunks=3,diversity=16,symbols=16")
    train = biod.train
    assert (train.weight_decay, train.learning_rate) == (0.01, 5e-4)
    assert biod.data.batch == 192
    assert biod.world.build().counts.value_bits == pytest.approx(2 * 3 * 4)


def test_all_learning_rates_that_were_tried_make_a_population():
    one = configs.load("bios:people=2M,exposures=100")
    every = configs.load("bios:people=2M,exposures=100,rates=all")
    assert one.train.learning_rate == 5e-4
    assert one.members.learning_rates == ()
    assert every.members.learning_rates == (3e-4, 5e-4, 1e-3)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("dmo", r"unknown config 'dmo': did you mean 'demo'\?"),
        ("bios:peple=3", r"unknown argument bios:peple: did you mean 'people'\?"),
        ("bios:people=many", "bios:people='many' must be a whole number"),
        ("bios:people", "bios:people must be bios:key=value"),
        ("bios:model=GPT9-2-1", "GPT9-2-1"),
        ("bior", "the config bior needs path: --config=bior:path="),
        ("tune", "the config tune needs start: --config=tune:start="),
        ("pan:size=huge", "huge"),
        ("junk:kind=rnd", "junk:kind='rnd' must be one of none, random, repeated"),
        ("bios:people=0", "must be at least 1"),
        ("nowhere.py", "'nowhere.py' does not exist"),
        ("demo:", "demo: must be demo:key=value, or demo alone"),
        ("smoke:x=1", "the config smoke takes no arguments: leave out x=1"),
        ("tiny:width=0", "tiny:width=0 fails with ZeroDivisionError: "),
    ],
)
def test_a_spec_that_means_nothing_is_refused(spec, message):
    with pytest.raises(ValueError, match=message):
        configs.load(spec)


def test_a_file_with_get_config_is_a_config(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from kscale.configs.base import Config, WorldConfig\n"
        "def get_config(people: int = 7):\n"
        "    return Config(world=WorldConfig(people=people))\n"
    )
    assert configs.load(str(path)).world.people == 7
    assert configs.load(f"{path}:people=2K").world.people == 2000
    for text, message in (
        ("x = 1", r"defines no get_config\(\)"),
        ("get_config = 3", r"defines no get_config\(\)"),
        ("def get_config(): return 3", "gave 3, not a Config"),
        ("def get_config(:", r"fails with SyntaxError: .*mine.py, line 1"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            configs.load(str(path))
