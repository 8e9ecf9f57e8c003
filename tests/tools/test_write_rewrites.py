"""The tool that asks a language model, with a function in the model's place."""

import collections
import sys

import pytest

from kscale import corpora, files, worlds
from kscale.corpora import FactFinder
from tools import write_rewrites as tool

WORLD = worlds.build_bios(4, lists="mini")


class Model:
    """Answers in turn: good texts of the stand-in, and some that are refused."""

    def __init__(self, spoil=None):
        self.asked = []
        self._spoil = spoil or (lambda text, facts, number: text)
        self._given = collections.Counter()

    def __call__(self, prompt, number, seed):
        (person,) = (p for p in range(4) if tool.format_prompt(WORLD, p) == prompt)
        self.asked.append((person, number, seed))
        first = self._given[person]
        self._given[person] += number
        texts = corpora.standin.write_biographies(WORLD, person, first + number)[first:]
        facts = WORLD.person(person)
        return [self._spoil(t, facts, first + i) for i, t in enumerate(texts)]


def test_the_prompt_holds_the_facts():
    facts = WORLD.person(2)
    prompt = tool.format_prompt(WORLD, 2)
    assert f"short biography of {facts['name']} in" in prompt
    assert f"- birth date: {facts['birth_date']}\n- birth city: " in prompt
    assert all(facts[name] in prompt for name in WORLD.sentences)
    assert f'later write "{facts["pronoun"]}"' in prompt
    assert prompt.endswith(f"- employer city: {facts['employer_city']}\n\nBiography:\n")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("Al Ek is old.", "Al Ek is old."),
        ("  Al Ek is\nold.  He naps.\n", "Al Ek is old. He naps."),
        ("Sure, here:\nAl Ek is old. He ea", "Al Ek is old."),
        ("Al Ek is old.\n\nI hope Al Ek likes it.", "Al Ek is old."),
        ("Al Ek is old", ""),
        ("Nobody is.", "Nobody is."),
        ("", ""),
    ],
)
def test_answers_are_tidied(answer, text):
    assert tool.tidy(answer, "Al Ek") == text


def test_refusals():
    finder = FactFinder(WORLD)
    facts = WORLD.person(0)
    good = corpora.standin.write_biographies(WORLD, 0, 1)[0]
    assert tool.find_fault(finder, 0, good) == ""
    assert tool.find_fault(finder, 0, good.replace(facts["major"], "Law")) == "major"
    assert tool.find_fault(finder, 0, good.replace(facts["name"], "Al")) == "name"
    assert tool.find_fault(finder, 0, "Well, " + good) == "order"
    city = f"{facts['name']}, in {facts['employer_city']}: "
    assert tool.find_fault(finder, 0, city + good) == ""  # told first, it is paid for
    assert tool.find_fault(finder, 1, good) == "name"


def test_all_good_answers_are_kept(tmp_path):
    file, model = tmp_path / "r.jsonl", Model()
    tally = tool.write(WORLD, model, file, texts=5, samples=2)
    assert (tally.kept, tally.found, tally.refused, tally.short) == (20, 0, {}, [])
    assert [n for p, n, _ in model.asked if p == 0] == [2, 2, 1]
    assert len({seed for _, _, seed in model.asked}) == 12
    ids = [row["id"] for row in files.read_rows(file)]
    assert ids == [p for p in range(4) for _ in range(5)]
    read = corpora.Rewrites(WORLD, file)
    assert (read.num_people, read.skipped_texts) == (4, 0)


def test_refused_answers_are_asked_for_again(tmp_path):
    def spoil(text, facts, number):
        if number % 3 == 0:
            return text.replace(facts["employer"], "a bank")
        return "Here is one. " + text if number == 4 else "Here:\n" + text

    file = tmp_path / "r.jsonl"
    tally = tool.write(WORLD, Model(spoil), file, texts=5, samples=3)
    assert tally.kept == 20
    assert tally.refused == {"employer": 12, "order": 4}
    assert tally.line() == (
        "20 texts written, 0 were there, 16 refused (12 employer, 4 order), 0 people"
        " have fewer than asked for"
    )
    assert corpora.Rewrites(WORLD, file).num_people == 4


def test_a_person_is_given_up_and_the_others_go_on(tmp_path):
    stuck = WORLD.person(1)["name"]

    def spoil(text, facts, number):
        return text[:20] if facts["name"] == stuck and number >= 2 else text

    file, model = tmp_path / "r.jsonl", Model(spoil)
    tally = tool.write(WORLD, model, file, texts=4, samples=2, tries=3)
    assert (tally.kept, tally.short) == (14, [1])
    assert len([p for p, _, _ in model.asked if p == 1]) == 1 + 3
    assert tally.refused.total() == 6


def test_the_same_text_twice_counts_once(tmp_path):
    one = corpora.standin.write_biographies(WORLD, 0, 1)

    def model(prompt, number, seed):
        return one * number

    world = worlds.build_bios(1, lists="mini")
    tally = tool.write(world, model, tmp_path / "r", 3, tries=2)
    assert tally.kept == 1
    assert tally.refused == {"repeated": 2 + 2 + 2}


def test_a_stopped_run_goes_on(tmp_path):
    """With a last line cut short, as when the machine goes down."""
    file, whole = tmp_path / "r.jsonl", Model()

    def stopping(*call):
        if len(whole.asked) == 4:
            raise KeyboardInterrupt
        return whole(*call)

    with pytest.raises(KeyboardInterrupt):
        tool.write(WORLD, stopping, file, texts=4, samples=2)
    assert len(files.read_rows(file)) == 8
    with file.open("a") as out:
        out.write('{"id": 2, "te')
    tally = tool.write(WORLD, whole, file, texts=4, samples=2)
    assert (tally.found, tally.kept) == (8, 8)
    ids = [row["id"] for row in files.read_rows(file)]
    assert ids == [p for p in range(4) for _ in range(4)]
    again = tool.write(WORLD, whole, file, texts=4)
    assert (again.found, again.kept) == (16, 0)


def test_a_file_of_another_world(tmp_path):
    file = tmp_path / "r.jsonl"
    tool.write(WORLD, Model(), file, texts=1)
    before = file.read_bytes()
    other = worlds.build_bios(4, seed=1, lists="mini")
    with pytest.raises(ValueError, match=r"r\.jsonl, line 1: no text of this world"):
        tool.write(other, Model(), file)
    file.write_bytes(before + b"nonsense\n")
    with pytest.raises(ValueError, match=r"r\.jsonl, line 5: no text of this world"):
        tool.write(WORLD, Model(), file)


def test_the_command(tmp_path, monkeypatch, capsys):
    given = []
    monkeypatch.setattr(
        tool, "load_model", lambda *words: given.append(words) or Model()
    )
    file = tmp_path / "r.jsonl"
    words = ["--lists=mini", "--people=4", "--texts=2", f"--model={tmp_path}"]
    assert tool.main([*words, f"--output={file}", "--top_p=0.5"]) == 0
    assert given == [(str(tmp_path), "cpu", 300, 0.8, 0.5)]
    assert capsys.readouterr().out.startswith(f"{file}: 8 texts written, 0 were there")


def test_without_the_packages(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ValueError, match=r"pip install -e '\.\[huggingface\]'"):
        tool.load_model(".", "cpu", 10, 1.0, 1.0)
