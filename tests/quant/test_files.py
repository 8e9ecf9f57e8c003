"""Rounded models on disk: small, whole, and refused where they are not."""

import io
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.drawn import assert_equal, draw_params

from kscale import models
from kscale.quant import (
    Quantized,
    Scheme,
    cast_rest,
    dequantize,
    is_quantized,
    load_about,
    load_quantized,
    quantize,
    save_quantized,
    stored_bits,
)

CONFIG = models.from_name("GPT2-1-2", vocab=131, head_size=16)
SCHEMES = (Scheme(3, 5, False, ("layer*/kernel", "embed/table")), Scheme(4))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "model.npz"


@pytest.fixture(scope="module")
def small():
    kernel = np.random.default_rng(0).normal(size=(9, 3))
    params = {"a": {"kernel": jnp.float32(kernel)}, "bias": np.ones(3, np.float32)}
    return quantize(params, Scheme(4, 4, False, ("*",)))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_rounded_weights_come_back_from_a_file_of_the_size_of_its_bits(path, scheme):
    tree = quantize(draw_params(CONFIG), scheme)
    leaves = len(jax.tree.leaves(tree, is_leaf=is_quantized))
    for rest in (16, 32):
        save_quantized(path, tree, rest)
        least = stored_bits(tree, rest) / 8
        assert least < path.stat().st_size < 1.02 * least + 1024 * leaves
    again = load_quantized(path)
    assert_equal(dequantize(again), dequantize(tree))
    assert again["layer_0"]["mlp"]["up"]["kernel"].scheme == scheme
    assert isinstance(again["embed"]["table"], Quantized) == (scheme == SCHEMES[0])
    assert stored_bits(again) == stored_bits(tree)
    assert [f.name for f in path.parent.iterdir()] == ["model.npz"]


def test_other_numbers_are_cut_to_16_bits_where_not_asked_otherwise(path, small):
    tree = small | {"bias": np.array([1.0, 1 + 2**-10, 1 + 2**-20], np.float32)}
    for rest, bias in ((16, [1.0, 1 + 2**-10, 1.0]), (32, tree["bias"])):
        save_quantized(path, tree, rest)
        again = load_quantized(path)
        np.testing.assert_array_equal(again["bias"], bias)
        assert again["bias"].dtype == np.float32
        assert_equal(again, cast_rest(tree, rest))
    for about in ({"fingerprint": "0a"}, {}):
        save_quantized(path, small, about=about)
        assert load_about(path) == about
        assert_equal(load_quantized(path), small)


def test_numbers_that_do_not_fit_are_refused_before_anything_is_written(path, small):
    tree = small | {"bias": np.array([7e4], np.float32)}
    with pytest.raises(ValueError, match=r"bias has numbers up to 70000.*rest=32"):
        save_quantized(path, tree)
    assert not path.parent.exists()
    save_quantized(path, tree, rest=32)
    assert load_quantized(path)["bias"] == 7e4
    with pytest.raises(ValueError, match="rest is 8, must be 16 or 32 bits"):
        save_quantized(path, tree, rest=8)


def test_files_that_are_none_of_ours_are_refused(path, small):
    with pytest.raises(ValueError, match=r"model\.npz cannot be read .*No such file"):
        load_quantized(path)
    save_quantized(path, small)
    whole = path.read_bytes()
    message = r"model\.npz (cannot be read|is no file of kscale .* or is damaged) \("
    other = io.BytesIO()
    np.savez(other, weights=np.ones(3))
    for content, reason in (
        (b"", "File is not a zip file"),
        (b"text", "File is not a zip file"),
        (whole[:-30], "File is not a zip file"),
        (whole[: len(whole) // 2], "File is not a zip file"),
        (other.getvalue(), "it has no header"),
    ):
        path.write_bytes(content)
        for read in (load_quantized, load_about):
            with pytest.raises(ValueError, match=message + reason):
                read(path)


def test_damaged_files_are_refused_or_say_the_same(path, small):
    """Every seventh byte changed, one at a time."""
    save_quantized(path, small)
    whole = path.read_bytes()
    refused = 0
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            found = load_quantized(path)
        except ValueError:
            refused += 1
            continue
        assert sorted(found) == ["a", "bias"]
        jax.tree.map(
            np.testing.assert_array_equal, *map(jax.tree.leaves, (found, small))
        )
    assert refused > len(whole) / 14


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "kscale quantized 2"}, "format is 'kscale quantized 2'"),
        ({"shape": [9, 4]}, r"a/kernel:codes is not uint8 of shape"),
        ({"shape": [18, 3]}, r"a/kernel:codes is not uint8 of shape"),
        ({"bits": 7}, r"Scheme\.bits is 7"),
        ({"group": 2}, r"a/kernel:scales is not float16 of shape \(5, 3\)"),
        ({"symmetric": True}, r"a/kernel:zeros is not uint8 of shape \(0,\)"),
    ],
)
def test_headers_that_do_not_fit_their_arrays_are_refused(path, small, change, message):
    save_quantized(path, small)
    with np.load(path) as file:
        arrays = dict(file)
    header = json.loads(str(arrays[""]))
    about = header["quantized"]["a/kernel"]
    for field, value in change.items():
        place = next(d for d in (header, about, about["scheme"]) if field in d)
        place[field] = value
    np.savez(path, **arrays | {"": np.array(json.dumps(header))})
    with pytest.raises(ValueError, match=message):
        load_quantized(path)
