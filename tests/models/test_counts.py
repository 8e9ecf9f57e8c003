import jax
import pytest

from kscale.models import (
    ARCHITECTURES,
    ModelConfig,
    from_name,
    init,
    parameter_counts,
)

VARIANTS = [
    {},
    {"scan_layers": True},
    {"tied": False, "bias": False},
    {"mlp": "gated", "mlp_width": 1.3, "norm_bias": False},
    {"kv_heads": 1, "norm_scale": False},
]


def real(config):
    shapes = jax.eval_shape(lambda key: init(config, key), jax.random.key(0))
    sizes = {jax.tree_util.keystr(p): x.size for p, x in leaves(shapes)}
    return sum(sizes.values()), sum(n for p, n in sizes.items() if "table" in p)


def leaves(tree):
    return jax.tree_util.tree_leaves_with_path(tree)


def test_counts_by_hand():
    demo = ModelConfig(vocab=131, layers=2, heads=3, head_size=16)
    assert parameter_counts(demo) == (62_928, 6_288, 56_640, 62_928, 0)
    small = ModelConfig(vocab=99, layers=2, heads=2, head_size=16)
    assert parameter_counts(small).total == 28_640


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_counts_of_architectures(name):
    config = from_name(f"{name}-2-4", vocab=37, head_size=8)
    assert real(config) == parameter_counts(config)[:2]


@pytest.mark.parametrize("fields", VARIANTS)
def test_counts_of_variants(fields):
    config = ModelConfig(vocab=37, layers=2, heads=2, head_size=8, **fields)
    counts = parameter_counts(config)
    assert real(config) == counts[:2]
    assert counts.non_embedding == counts.total - counts.embedding


def test_unknown_vocabulary():
    with pytest.raises(ValueError, match=r"ModelConfig\.vocab is 0"):
        parameter_counts(ModelConfig())
