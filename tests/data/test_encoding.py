"""Tokens are those of the whole text, and each says what its label says."""

import functools
import pathlib
import tempfile

import numpy as np
import pytest
from documents import text_of
from hypothesis import given
from hypothesis import strategies as st

from kscale import corpora, data, tokenizers, worlds

GPT2 = tokenizers.load_gpt2()


def write_world(folder, people=8, **changes):
    """A world of employers in the folder; changes are (file, lines)."""
    files = {
        "names/1_first.txt": "Ada\nBo\nCy",
        "names/2_last.txt": "Ek\nFox\nGray",
        "values/employer.txt": "Acme\nBolt",
        "templates/employer.txt": "{name} works for {value}.",
        "order.txt": "employer",
    }
    for path, text in (files | changes).items():
        file = pathlib.Path(folder, path)
        if text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text + "\n", "utf-8")
    return worlds.build_bios(people, lists=str(folder))


def told(world, kind=corpora.Biographies, tokenizer=GPT2):
    """[(token, label's name)] of the first document of everybody, EOS left out."""
    corpus = kind(world)
    pool = data.tokenize(corpus, tokenizer)
    people = np.arange(world.people)
    plan = corpus.plan(people, 0 * people)
    documents, found, start = pool.compose(plan), [], 0
    for row, length in zip(plan, documents.lengths, strict=True):
        part = slice(start + 1, start + length)
        ids = pool.vocabulary.to_original(documents.tokens[part]).tolist()
        assert ids == tokenizer.encode(text_of(corpus, row))
        labels = [corpus.labels[i].name for i in documents.labels[part]]
        words = [tokenizer.decode([token]) for token in ids]
        found.append(list(zip(words, labels, strict=True)))
        start += length
    return found


@pytest.mark.parametrize(
    ("value", "line", "said"),
    [
        ("Acme Inc.", "{name} works for {value}.", [" Ac", "me", " Inc", ".."]),
        ("Yahoo!", "{name} works for {value}.", [" Yahoo", "!."]),
        ("Rom", "{name} loves {value}an life.", [" Roman"]),
        ("Art", "{name} works for ({value}).", ["Art"]),
        ("'N Sync", '{name} works for "{value}".', [" \"'", "N", " Sync"]),
        ("History", "{name} likes p{value}.", ["History"]),
    ],
)
def test_a_token_with_the_end_of_a_value_is_the_values(tmp_path, value, line, said):
    """`Acme Inc.` and the full stop behind it are one token in GPT-2."""
    lists = {"values/employer.txt": value, "templates/employer.txt": line}
    for document in told(write_world(tmp_path, **lists)):
        assert [word for word, label in document if label == "employer"] == said


def longer_of(world, offset=0):
    """{label: {value: what follows it in longer ones}} as text."""
    corpus = corpora.Biographies(world)
    pool = data.tokenize(corpus, GPT2).relabel(offset)

    def text(tokens):
        return GPT2.decode(pool.vocabulary.to_original(tokens).tolist())

    return {
        corpus.labels[label - offset].name: {
            text(value): sorted(map(text, rests))
            for value, rests in values.rests.items()
        }
        for label, values in pool.longer.items()
    }


@pytest.mark.parametrize(
    ("line", "values", "rests"),
    [
        (
            "{name} studies {value}.",
            "Art\nArt History\nArt History 2\nArts",
            {" Art": [" History"], " Art History": [" 2"]},
        ),
        # In the tokens of the texts, not those of the lists: `Yahoo!` is told as "!.".
        (
            "{name} likes {value}.",
            "Yahoo\nYahoo!\nYahoo! Inc",
            {" Yahoo": ["! Inc", "!."]},
        ),
        ("{name} likes p{value}.", "re\nre cut\nra", {" pre": [" cut"]}),
        ("{name} studies {value}.", "Arts\nLaw\nLaws", None),
    ],
)
def test_how_values_go_on_to_longer_ones(tmp_path, line, values, rests):
    lists = {"values/employer.txt": values, "templates/employer.txt": line}
    world = write_world(tmp_path, people=9, **lists)
    assert longer_of(world) == ({"employer": rests} if rests else {})
    assert longer_of(world, offset=10) == longer_of(world)


def test_how_names_go_on_to_longer_ones(tmp_path):
    """By their last parts, or whole where parts can be cut in two ways."""
    lists = {"names/2_last.txt": "Lee\nLee Park\nFox"}
    assert longer_of(write_world(tmp_path, **lists)) == {"name": {" Lee": [" Park"]}}
    lists = {"names/1_first.txt": "Ann\nAnn Lee", "names/2_last.txt": "Lee\nLou"}
    world = write_world(tmp_path, people=4, **lists)
    assert longer_of(world)["name"][" Ann Lee"] == [" Lee", " Lou"]


def test_names_too_many_to_list_pay_for_the_token_behind(tmp_path, monkeypatch):
    lists = {"names/1_first.txt": "Ann\nAnn Lee", "names/2_last.txt": "Lee\nLou"}
    world = write_world(tmp_path, people=4, **lists)
    monkeypatch.setattr("kscale.data.encoding._MOST_LISTED", 3)
    (longer,) = data.tokenize(corpora.Biographies(world), GPT2).longer.values()
    assert longer.unlisted
    assert not longer.rests


def test_the_first_token_of_a_form_tells_the_value(tmp_path):
    lists = {
        "values/title+address.txt": "Mr.;Sir\nMs.;Madam",
        "templates/employer.txt": "{name} works for {value}, {title} {address}.",
    }
    world = write_world(tmp_path, **lists)
    for document in told(world):
        title = [word for word, label in document if label == "title"]
        assert title in ([" Mr"], [" Ms"])
    forms = data.tokenize(corpora.Biographies(world), GPT2).forms
    assert sorted(forms.values) == [0, 0, 1, 1]
    # " M" begins both: the whole form counts, as it is written.
    spelled = tokenizers.train_sentencepiece([" Mr. Sir Ms. Madam Ada Ek."], 280)
    lists["values/title+address.txt"] = "Mr.;Mister\nMs.;Madam"
    world = write_world(tmp_path, **lists)
    pool = data.tokenize(corpora.Biographies(world), spelled)
    assert pool.forms is None
    for document in told(world, tokenizer=spelled):
        title = "".join(word for word, label in document if label == "title")
        assert title in (" Mr.", " Ms.")


@functools.cache
def letters():
    """A tokenizer whose merges are few."""
    return tokenizers.train_sentencepiece([" a.b. Inc.. 's ab-12, x! (ab)"] * 9, 285)


TEXT = st.text("ab.,!'()-1 ", min_size=1, max_size=6).filter(lambda x: x == x.strip())
PLAIN = TEXT.filter(lambda x: "  " not in x)


@given(
    values=st.lists(PLAIN, min_size=1, max_size=6, unique=True),
    names=st.lists(PLAIN, min_size=4, max_size=6, unique=True),
    join=st.sampled_from(["", "-", " ", ", ", " of the, "]),
    texts=st.tuples(*[st.sampled_from(["", " ", "'s ", "(", ".", " is ", "x"])] * 4),
    kind=st.sampled_from([corpora.Biographies, corpora.Questions]),
)
def test_the_tokens_are_those_of_the_whole_text(values, names, join, texts, kind):
    """For any lists and templates; `told` compares them."""
    a, b, c, d = texts
    line = f"{a}{{name}}{b}{{value}}{c}{{possessive}}{d}".strip()
    with tempfile.TemporaryDirectory() as folder:
        world = write_world(
            folder,
            **{
                "names/1_first.txt": "\n".join(names),
                "values/he+possessive.txt": "He;His\nShe;Her",
                "values/employer.txt": "",
                "values/employer/1_a.txt": "\n".join(values),
                "values/employer/2_b.txt": "one\ntwo\nthree\nfour\nfive",
                "values/employer/join.txt": f"{{a}}{join}{{b}}",
                "templates/employer.txt": line + "\n{name} is {value}, {he} says.",
            },
        )
        for tokenizer in (GPT2, letters()):
            told(world, kind, tokenizer)
