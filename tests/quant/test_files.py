"""Rounded models on disk: small, whole, and refused where they are not."""

import io
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

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

SCHEMES = (Scheme(3, 5, False, ("layer*/kernel", "embed/table")), Scheme(4))


@pytest.fixture(scope="module")
def params():
    config = models.from_name("GPT2-1-2", vocab=131, head_size=16)
    return models.init(config, jax.random.key(0))


@pytest.fixture
def small():
    draw = np.random.default_rng(0)
    weights = {"kernel": jnp.asarray(draw.normal(size=(9, 3)), jnp.float32)}
    return quantize(
        {"a": weights, "bias": np.ones(3, np.float32)}, Scheme(4, 4, False, ("*",))
    )


@pytest.mark.parametrize("rest", [16, 32])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_file_has_the_size_of_its_bits(tmp_path, params, scheme, rest):
    tree = quantize(params, scheme)
    save_quantized(tmp_path / "model.npz", tree, rest)
    size = (tmp_path / "model.npz").stat().st_size
    leaves = len(jax.tree.leaves(tree, is_leaf=is_quantized))
    assert (
        stored_bits(tree, rest) / 8
        < size
        < 1.02 * stored_bits(tree, rest) / 8 + 1024 * leaves
    )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_rounded_weights_come_back_as_they_were(tmp_path, params, scheme):
    tree = quantize(params, scheme)
    save_quantized(tmp_path / "new" / "model.npz", tree, rest=32)
    again = load_quantized(tmp_path / "new" / "model.npz")
    jax.tree.map(np.testing.assert_array_equal, dequantize(again), dequantize(tree))
    assert again["layer_0"]["mlp"]["up"]["kernel"].scheme == scheme
    assert isinstance(again["embed"]["table"], Quantized) == (scheme == SCHEMES[0])
    assert stored_bits(again) == stored_bits(tree)
    assert [f.name for f in (tmp_path / "new").iterdir()] == ["model.npz"]


def test_other_numbers_are_cut_to_16_bits_where_not_asked_otherwise(tmp_path, small):
    tree = small | {"bias": np.array([1.0, 1 + 2**-10, 1 + 2**-20], np.float32)}
    found = {}
    for rest in (16, 32):
        save_quantized(tmp_path / "model.npz", tree, rest)
        again = load_quantized(tmp_path / "model.npz")
        found[rest] = again["bias"]
        assert found[rest].dtype == np.float32
        jax.tree.map(np.testing.assert_array_equal, again, cast_rest(tree, rest))
    np.testing.assert_array_equal(found[32], tree["bias"])
    np.testing.assert_array_equal(found[16], [1.0, 1 + 2**-10, 1.0])


def test_a_file_says_what_it_is_about(tmp_path, small):
    save_quantized(tmp_path / "model.npz", small, about={"fingerprint": "0a"})
    assert load_about(tmp_path / "model.npz") == {"fingerprint": "0a"}
    jax.tree.map(
        np.testing.assert_array_equal, load_quantized(tmp_path / "model.npz"), small
    )
    save_quantized(tmp_path / "model.npz", small)
    assert load_about(tmp_path / "model.npz") == {}


def test_numbers_that_do_not_fit_are_refused_before_anything_is_written(
    tmp_path, small
):
    tree = small | {"bias": np.array([7e4], np.float32)}
    with pytest.raises(ValueError, match=r"bias has numbers up to 70000.*rest=32"):
        save_quantized(tmp_path / "model.npz", tree)
    assert not list(tmp_path.iterdir())
    save_quantized(tmp_path / "model.npz", tree, rest=32)
    assert load_quantized(tmp_path / "model.npz")["bias"] == 7e4
    with pytest.raises(ValueError, match="rest is 8, must be 16 or 32 bits"):
        save_quantized(tmp_path / "model.npz", tree, rest=8)


def test_a_write_that_fails_keeps_the_old_file(tmp_path, small, monkeypatch):
    path = tmp_path / "model.npz"
    save_quantized(path, small)
    before = path.read_bytes()

    def full(file, **arrays):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(
        ValueError, match=r"model\.npz cannot be written.*No space left"
    ):
        save_quantized(path, small)
    assert path.read_bytes() == before
    assert [f.name for f in tmp_path.iterdir()] == ["model.npz"]


def test_files_that_are_none_of_ours_are_refused(tmp_path, small):
    path = tmp_path / "model.npz"
    with pytest.raises(ValueError, match=r"model\.npz cannot be read .*No such file"):
        load_quantized(path)
    save_quantized(path, small)
    whole = path.read_bytes()
    message = r"model\.npz is no file of kscale quantize --save, or is damaged \("
    other = io.BytesIO()
    np.savez(other, weights=np.ones(3))
    for content, reason in (
        (b"", "it is no whole .npz file"),
        (b"text", "it is no whole .npz file"),
        (whole[:-30], "it is no whole .npz file"),
        (whole[: len(whole) // 2], "it is no whole .npz file"),
        (other.getvalue(), "it has no header"),
    ):
        path.write_bytes(content)
        for read in (load_quantized, load_about):
            with pytest.raises(ValueError, match=message + reason):
                read(path)


def test_damaged_files_are_refused_or_say_the_same(tmp_path, small):
    """Every seventh byte changed, one at a time."""
    path = tmp_path / "model.npz"
    save_quantized(path, small)
    whole = path.read_bytes()
    exact = jax.tree.leaves(small)
    refused = 0
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            found = load_quantized(path)
        except ValueError:
            refused += 1
            continue
        assert sorted(found) == ["a", "bias"]
        for x, y in zip(jax.tree.leaves(found), exact, strict=True):
            np.testing.assert_array_equal(x, y)
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
def test_headers_that_do_not_fit_their_arrays_are_refused(
    tmp_path, small, change, message
):
    save_quantized(tmp_path / "model.npz", small)
    with np.load(tmp_path / "model.npz") as file:
        arrays = dict(file)
    header = json.loads(str(arrays[""]))
    about = header["quantized"]["a/kernel"]
    for field, value in change.items():
        place = next(d for d in (header, about, about["scheme"]) if field in d)
        place[field] = value
    np.savez(tmp_path / "model.npz", **arrays | {"": np.array(json.dumps(header))})
    with pytest.raises(ValueError, match=message):
        load_quantized(tmp_path / "model.npz")
