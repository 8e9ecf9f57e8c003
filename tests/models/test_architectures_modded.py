import jax
import pytest

from kscale.models import SIZES, ModelConfig, from_name, init, parameter_counts

# Table 3 of the compression paper: name, layers, heads, width, millions of parameters.
TABLE_3 = """
6xs2 4 4 64 3.4      6xs 3 4 80 4.3       5xs 3 4 96 5.2       5xs2 3 4 112 6.1
5xs1 3 4 128 7.0     4xs 4 4 128 7.2      4xs2 4 4 144 8.2     4xs1 4 4 192 11.4
3xs 5 4 192 11.9     3xs2 5 4 224 14.3    3xs1 5 4 256 16.8    xxs 6 4 256 17.6
xxs3 6 4 288 20.5    xxs2 6 8 352 26.6    xxs4 6 8 416 33.4    xxs1 6 8 448 37.0
xs 7 8 448 39.4      xs3 8 8 448 41.8     xs2 8 8 512 50.9     xs1 9 8 512 54.1
s 10 8 512 57.2      s3 10 8 704 94.9     s2 10 12 768 109.4   s1 11 12 768 116.5
base 12 12 768 123.6 m5 12 16 896 160.7   m4 12 16 1024 202.5  m3 13 16 1024 215.1
m2 14 16 1024 227.7  m1 15 16 1024 240.3  m 16 16 1024 252.8
"""
WORDS = TABLE_3.split()
ROWS = [tuple(WORDS[i : i + 5]) for i in range(0, len(WORDS), 5)]


def test_the_sizes_are_those_of_the_paper():
    assert [row[0] for row in ROWS] == list(SIZES)
    assert len(SIZES) == 31


@pytest.mark.parametrize(("size", "layers", "heads", "width", "millions"), ROWS)
def test_published_sizes(size, layers, heads, width, millions):
    config = from_name(f"modded-{size}", vocab=50304)
    layers, heads, width = int(layers), int(heads), int(width)
    assert (config.layers, config.heads, config.width) == (layers, heads, width)
    total = parameter_counts(config).total
    assert total == 12 * layers * width**2 + 50304 * width
    assert f"{total / 1e6:.1f}" == millions


@pytest.mark.parametrize("size", SIZES)
def test_what_init_makes_has_the_published_size(size):
    config = from_name(f"modded-{size}", vocab=50304)
    shapes = jax.eval_shape(lambda key: init(config, key), jax.random.key(0))
    made = sum(leaf.size for leaf in jax.tree.leaves(shapes))
    assert made == parameter_counts(config).total


def test_the_block():
    assert from_name("modded-4-4x16") == ModelConfig(
        layers=4,
        heads=4,
        head_size=16,
        norm="rms",
        norm_scale=False,
        norm_bias=False,
        qk_norm=True,
        bias=False,
        activation="relu2",
        rotary_fraction=1.0,
        residual_init="zero",
    )
    assert from_name("modded-6xs2") == from_name("modded-4-4x16")


def test_overrides_win_over_the_size():
    config = from_name("modded-xxs", vocab=99, layers=2, compute="bfloat16")
    assert (config.vocab, config.layers, config.heads) == (99, 2, 4)
    assert config.compute == "bfloat16"
    assert from_name("modded-4-4x16", head_size=8).width == 32


def test_projections_into_the_residual_stream_start_at_zero():
    params = init(from_name("modded-1-2x4", vocab=5), jax.random.key(0))
    assert not params["layer_0"]["attention"]["out"]["kernel"].any()
    assert not params["layer_0"]["mlp"]["down"]["kernel"].any()
    assert params["layer_0"]["mlp"]["up"]["kernel"].all()


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("modded-xxs9", "modded-xxs"),
        ("modded-bsae", "modded-base"),
        ("moded-4-4", "modded-4-4"),
        ("GTP2-8-4", "GPT2-8-4"),
    ],
)
def test_unknown_names_are_answered_with_the_nearest(name, near):
    with pytest.raises(ValueError, match=f"the nearest are .*{near}[,.]"):
        from_name(name)
