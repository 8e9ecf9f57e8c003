"""Files that decode to the same text or to none."""

import dataclasses
import re

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kscale import models, tokenizers
from kscale.compression import HEADER_BYTES, Alphabet, Codec, codec, container
from kscale.compression.predictor import Predictor, grid_shape

LONG = b" Anya was born in Ulm." * 5  # 30 tokens or more, a context of 8
TEXT = LONG + b"\n Anya\n\n He is one of Anya's. She studied at MIT.\n"


@pytest.mark.parametrize("name", ["compact", "bytewise"])
@settings(max_examples=25)
@given(text=st.binary(max_size=60) | st.lists(st.sampled_from(TEXT.split(b" "))))
def test_any_bytes_come_back(name, text, compact, bytewise):
    code = {"compact": compact, "bytewise": bytewise}[name]
    text = text if isinstance(text, bytes) else b" ".join(text)
    assert code.decompress(code.compress(text)) == text


@pytest.mark.parametrize(
    "text", [b"", b"\n", b"\n\n", b" Anya", b" Anya\r\n", LONG, TEXT, b"\x00\xff\n\xfe"]
)
def test_the_ends_of_texts_come_back(text, compact, bytewise):
    for code in (compact, bytewise):
        assert code.decompress(code.compress(text)) == text


def test_a_file_is_as_long_as_it_is_measured(compact):
    documents = list(map(compact.alphabet.encode, TEXT.splitlines()))
    found = compact.measure(documents)
    assert found.lengths.tolist() == [len(document) + 1 for document in documents]
    payload = 8 * (len(compact.compress(TEXT)) - HEADER_BYTES)
    assert 0 <= payload - found.bits.sum() <= 64
    escaped = compact.measure([compact.alphabet.encode(b"Z")])
    assert escaped.bits[0] == pytest.approx(32, abs=1)


def test_bits_are_the_cross_entropy_of_training_windows(compact):
    """Windows of 8 with what came before in the window, and no more."""
    tokens = compact.alphabet.encode(LONG)
    eos = compact.alphabet.prefix
    row = np.concatenate([eos, tokens, eos])
    row = np.append(row, np.zeros(-(len(row) - 1) % 8, row.dtype))
    args = (row[:-1].reshape(-1, 8), row[1:].reshape(-1, 8))
    nats = jax.jit(models.token_nats, static_argnums=0)
    bits = compact.measure([tokens]).bits
    exact = np.ravel(nats(compact.config, compact.params, *args)[0]) / np.log(2)
    exact = exact[: len(bits)]
    np.testing.assert_allclose(bits, exact, rtol=2e-3, atol=2e-3)
    assert bits.sum() <= 1.005 * exact.sum()


@given(size=st.integers(1, 70_000))
def test_every_token_and_the_escape_has_a_place(size):
    rows, columns = grid_shape(size)
    assert rows >= 2
    assert columns >= 2
    assert size + 1 <= rows * columns < size + 1 + 2 * columns


def others(code):
    """The same code but for one thing, and what is said of it."""
    alphabet = code.alphabet
    params = jax.tree.map(lambda leaf: leaf + 0, code.params)
    params["embed"]["table"] = params["embed"]["table"].at[0, 0].multiply(1.0001)
    yield dataclasses.replace(code, params=params), "compressed with the model"
    config = dataclasses.replace(code.config, rotary_base=9999.0)
    yield dataclasses.replace(code, config=config), "compressed with the model"
    ids = alphabet.vocabulary.original_ids.copy()
    ids[0] += 1
    vocabulary = tokenizers.build_vocabulary([ids], alphabet.tokenizer.eos)
    other = Alphabet(alphabet.tokenizer, vocabulary, alphabet.prefix)
    yield dataclasses.replace(code, alphabet=other), "compressed with the vocabulary"


def test_another_model_or_vocabulary_is_refused(compact):
    data = compact.compress(TEXT)
    for code, message in others(compact):
        with pytest.raises(ValueError, match=message):
            code.decompress(data)


def test_whatever_is_altered_is_found(compact):
    data = compact.compress(TEXT)
    rng = np.random.default_rng(0)
    for place in (*range(HEADER_BYTES), *rng.integers(HEADER_BYTES, len(data), 30)):
        altered = bytearray(data)
        altered[place] ^= 1 << rng.integers(8)
        with pytest.raises(ValueError, match=r"altered|no file of|has version"):
            compact.decompress(bytes(altered))
    for size in (*range(HEADER_BYTES + 2), len(data) - 1):
        with pytest.raises(ValueError, match=r"cut off|no file of"):
            compact.decompress(data[:size])
    with pytest.raises(ValueError, match="altered"):
        compact.decompress(data + b"\0")


@pytest.mark.parametrize("seed", range(4))
def test_a_stream_that_decodes_to_another_text_is_refused(seed, compact):
    """As it would where sums had other last bits, in spite of the probe."""
    header, payload = container.unpack(compact.compress(TEXT))
    wrong = np.random.default_rng(seed).bytes(len(payload))
    data = container.pack(header, wrong)
    with pytest.raises(ValueError, match="the text that they give has another"):
        compact.decompress(data)


def test_other_last_bits_are_found_before_anything_is_decoded(compact, monkeypatch):
    """Of one weight in one bit; the message names both places."""
    step = Predictor.step

    def change(self, *fed):
        found = step(self, *fed)
        grid = np.array(found.grid)
        grid[0, 0, 0] ^= 1
        return found._replace(grid=grid)

    header, payload = container.unpack(compact.compress(TEXT))
    assert (header.jax, header.machine) == container.name_place()
    data = container.pack(header._replace(jax="0.0.1", machine="pdp11"), payload)
    assert compact.decompress(data) == TEXT
    monkeypatch.setattr(Predictor, "step", change)
    monkeypatch.setattr(codec, "Decoder", lambda payload: None)
    there, here = r"JAX 0\.0\.1 on pdp11", re.escape(f"JAX {jax.__version__} on ")
    with pytest.raises(ValueError, match=f"last bits .* by {there}, this is {here}"):
        compact.decompress(data)


def test_a_field_that_comes_later_leaves_files_readable(compact):
    fields = [("later", int, 0)]
    bases = (models.ModelConfig,)
    later = dataclasses.make_dataclass("Later", fields, bases=bases, frozen=True)
    for value in (0, 1):
        config = later(**vars(compact.config), later=value)
        other = dataclasses.replace(compact, config=config)
        assert (other.fingerprint == compact.fingerprint) == (value == 0)


def test_a_model_that_diverged_is_no_code(compact):
    params = compact.params | {"embed": {"table": np.full((2, 8), np.nan)}}
    with pytest.raises(ValueError, match=r"embed/table of the model must be finite"):
        Codec(compact.config, params, compact.alphabet, 8)
