"""`kscale quantize`: the table, the answer, the flags of a choice, what is refused."""

import dataclasses

import pytest
from support.run_folders import read_files

from kscale import quant, scores
from kscale.cli import quantize


def row_of(what, bits, stored, weight_bits=16, **more):
    return {
        "what": what,
        "weight_bits": weight_bits,
        "bits": {"total": bits},
        "bits_kept": bits / 800.0,
        "stored_bits": stored,
        "bits_per_stored_bit": bits / stored,
        "seconds": 1.25,
        **more,
    }


WHOLE = row_of("as trained", 800.0, 6400)
EIGHT = row_of("gptq at 8 bits", 800.0, 3200)
TWO = row_of("gptq at 2 bits", -80.0, 800, file="mine/quantized_gptq_2.npz")
AWARE = row_of("as trained (rounded to 4 bits)", 800.0, 1600, 4)


def text_of(*rows):
    return quantize.text({"name": "mine", "rows": list(rows)}).splitlines()


@pytest.mark.parametrize(
    ("rows", "answer"),
    [
        (
            [WHOLE, EIGHT, TWO],
            "mine holds most in a stored bit gptq at 8 bits: 0.250 bits of knowledge,"
            " where as trained (16 bits a parameter) it holds 0.125.",
        ),
        (
            [WHOLE, TWO],
            "mine holds most in a stored bit as trained (16 bits a parameter): 0.125"
            " bits of knowledge.",
        ),
        (
            [AWARE, TWO],
            "mine holds most in a stored bit as trained (rounded to 4 bits): 0.500 bits"
            " of knowledge.",
        ),
    ],
)
def test_the_answer_is_what_holds_most(rows, answer):
    assert text_of(*rows)[-1] == answer


def test_what_is_below_zero_is_explained():
    below = TWO | {"bits": {"name": -90.0, "value": 10.0, "total": -80.0}}
    lines = text_of(WHOLE, below)
    assert lines[4].startswith("Negative bits of name: names cost the model more than")
    assert not any("Negative" in line for line in text_of(WHOLE, EIGHT))
    # A model that knows nothing has nothing to keep.
    nothing = row_of("as trained", -10.0, 6400) | {"bits_kept": None}
    lines = text_of(nothing, row_of("gptq at 8 bits", -9.0, 3200))
    assert lines[-1] == "mine holds -10 bits: there is nothing to keep."
    assert lines[1].split()[3] == "-"


@pytest.mark.parametrize("first", [WHOLE, AWARE])
def test_the_table_by_hand(first):
    lines = text_of(first, TWO)
    heads = "bits kept stored bits per stored bit seconds"
    assert " ".join(lines[0].split()) == heads
    kept = ["gptq", "at", "2", "bits", "-80", "-10.0%", "800", "-0.1000", "1.2"]
    assert lines[2].split() == kept
    assert lines[-2] == "wrote mine/quantized_gptq_2.npz"
    assert len({len(line) for line in lines[:3]}) == 1


def test_it_says_rows_and_writes_nothing(finished, ask):
    before = read_files(finished)
    words = ("quantize", f"--workdir={finished}", "--people=6", "--method=nearest")
    row = ask(*words, "--bits=8,4", "--json")
    names = ["as trained", "nearest at 8 bits", "nearest at 4 bits"]
    assert [x["what"] for x in row["rows"]] == names
    assert (row["people"], row["population"]) == (6, 12)
    assert (row["choice"]["method"], row["choice"]["sample"]) == ("nearest", 1000)
    assert row["choice"]["bits"] == [8, 4]
    assert "bits" not in row["choice"]["scheme"]
    assert read_files(finished) == before


def test_gptq_is_the_default_and_is_given_its_options(finished, monkeypatch, ask):
    seen = []

    def gptq(config, params, scheme, tokens, segments, **options):
        seen.append(((tokens != 0).any(), scheme, options))
        return quant.quantize(params, scheme), []

    monkeypatch.setattr(quant, "quantize_gptq", gptq)
    words = [f"--workdir={finished}", "--people=2", "--bits=4", "--leaves=*/table"]
    ask("quantize", *words)
    words += ["--noact_order", "--damp=0.1", "--block=7", "--group=3"]
    assert "gptq at 4 bits" in ask("quantize", *words)
    default = {"damp": 0.01, "act_order": True, "block": 128, "sequential": True}
    scheme = quant.Scheme(bits=4, leaves=("*/table",))
    assert seen[0] == (True, scheme, default)
    changed = default | {"damp": 0.1, "act_order": False, "block": 7}
    assert seen[1] == (True, dataclasses.replace(scheme, group=3), changed)


@pytest.mark.parametrize("dry", [(), ("--dry_run",)])
@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--bits=7", "--bits=7: each out of (8, 6, 5, 4, 3, 2)"),
        ("--bits=8,x", "--bits=8,x: each out of (8, 6, 5, 4, 3,"),
        ("--bits=", "--bits=: each out of (8, 6, 5, 4, 3, 2)"),
        ("--method=magic", "should be one of <gptq|nearest>"),
        ("--group=-1", "Scheme.group is -1, must be 0 or more"),
        (
            "--leaves=nothing",
            "leaves has 'nothing', which matches no kernel or table; the nearest is",
        ),
        ("--leaves=", "Scheme.leaves is (), must be a tuple of"),
        ("--sample=0", "sample=0 must be 1 or more biographies"),
        ("--damp=-1", "damp is -1.0, must be 0 or more and finite"),
        ("--damp=nan", "--damp=nan must be a finite number"),
        ("--block=0", "block is 0, must be 1 or more inputs"),
        ("--method=nearest --damp=0.01", "--damp is of GPTQ and has no effect with"),
        ("--method=nearest --sample=9", "--sample is of GPTQ and has no effect with"),
        ("--method=nearest --noact_order", "--act_order is of GPTQ and has no effect"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_scored(
    flags, message, dry, finished, refuse, monkeypatch
):
    monkeypatch.setattr(scores, "score_corpus", None)
    refuse(["quantize", f"--workdir={finished}", *flags.split(), *dry], message)
