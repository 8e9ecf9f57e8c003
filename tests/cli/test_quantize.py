"""Rounding a finished run: what the verb says, writes, and refuses."""

import dataclasses
import json
import shutil

import pytest
from folders import tree

from kscale import cli, quant, scores
from kscale.cli import quantize

NEAREST = ("--method=nearest", "--bits=8,4")


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


def told(*rows):
    return {"name": "mine", "rows": list(rows)}


def said(*words):
    return cli.main(["quantize", *map(str, words)])


@pytest.fixture
def copy(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


def test_the_answer_is_what_holds_most():
    assert quantize.answer(told(WHOLE, EIGHT, TWO)) == (
        "mine holds most in a stored bit gptq at 8 bits: 0.250 bits of knowledge, where"
        " as trained (16 bits a parameter) it holds 0.125."
    )
    assert quantize.answer(told(WHOLE, TWO)) == (
        "mine holds most in a stored bit as trained (16 bits a parameter): 0.125 bits"
        " of knowledge."
    )
    aware = row_of("as trained (rounded to 4 bits)", 800.0, 1600, 4)
    assert quantize.answer(told(aware, TWO)) == (
        "mine holds most in a stored bit as trained (rounded to 4 bits): 0.500 bits of"
        " knowledge."
    )
    table = quantize.text(told(aware, TWO)).splitlines()[:3]
    assert len({len(line) for line in table}) == 1


def test_a_model_that_knows_nothing_has_nothing_to_keep():
    nothing = row_of("as trained", -10.0, 6400) | {"bits_kept": None}
    row = told(nothing, row_of("gptq at 8 bits", -9.0, 3200) | {"bits_kept": None})
    assert quantize.answer(row) == "mine holds -10 bits: there is nothing to keep."
    assert quantize.text(row).splitlines()[1].split()[3] == "-"


def test_the_table_by_hand():
    lines = quantize.text(told(WHOLE, TWO)).splitlines()
    heads = "bits kept stored bits per stored bit seconds"
    assert " ".join(lines[0].split()) == heads
    kept = ["gptq", "at", "2", "bits", "-80", "-10.0%", "800", "-0.1000", "1.2"]
    assert lines[2].split() == kept
    assert lines[-2] == "wrote mine/quantized_gptq_2.npz"
    assert len({len(line) for line in lines[:3]}) == 1


def test_it_says_rows_and_writes_nothing(finished, capsys):
    before = tree(finished)
    words = (f"--workdir={finished}", "--people=6", *NEAREST)
    assert said(*words, "--json") == 0
    row = json.loads(capsys.readouterr().out)
    whole, eight, four = row["rows"]
    assert (row["people"], row["population"]) == (6, 12)
    assert [x["what"] for x in row["rows"]] == [
        "as trained",
        "nearest at 8 bits",
        "nearest at 4 bits",
    ]
    result = json.loads((finished / "result.json").read_text())
    assert whole["stored_bits"] == 16 * result["parameters"]
    assert whole["stored_bits"] > eight["stored_bits"] > four["stored_bits"]
    off = [abs(x["bits"]["total"] - whole["bits"]["total"]) for x in (eight, four)]
    assert off[0] < off[1]
    assert row["choice"]["method"] == "nearest"
    assert "bits" not in row["choice"]["scheme"]
    assert said(*words) == 0
    *table, _, last = capsys.readouterr().out.splitlines()
    assert (len(table), last) == (4, quantize.answer(row))
    assert tree(finished) == before


def test_gptq_is_the_default_and_is_given_its_options(finished, monkeypatch, capsys):
    seen = []

    def gptq(config, params, scheme, tokens, segments, **options):
        seen.append(((tokens != 0).any(), scheme, options))
        return quant.quantize(params, scheme)

    monkeypatch.setattr(quant, "gptq", gptq)
    words = (f"--workdir={finished}", "--people=2", "--bits=4", "--leaves=*/table")
    assert said(*words) == 0
    assert said(*words, "--noact_order", "--damp=0.1", "--block=7", "--group=3") == 0
    default = {"damp": 0.01, "act_order": True, "block": 128, "sequential": True}
    scheme = quant.Scheme(bits=4, leaves=("*/table",))
    assert seen[0] == (True, scheme, default)
    changed = default | {"damp": 0.1, "act_order": False, "block": 7}
    assert seen[1] == (True, dataclasses.replace(scheme, group=3), changed)
    assert "gptq at 4 bits" in capsys.readouterr().out


@pytest.mark.slow  # it compiles for half a minute
def test_gptq_takes_a_sample(finished, capsys):
    words = (f"--workdir={finished}", "--bits=3", "--sample=12", "--json")
    assert said(*words) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["rows"][1]["what"] == "gptq at 3 bits"
    assert first["choice"]["options"]["act_order"]
    assert said(*words, "--noact_order", "--damp=0.1") == 0
    second = json.loads(capsys.readouterr().out)
    assert second["choice"]["options"]["damp"] == 0.1
    assert second["rows"][0]["bits"] == first["rows"][0]["bits"]
    assert second["rows"][1]["bits"] != first["rows"][1]["bits"]


def test_saved_files_are_small_and_are_not_lost(copy, capsys):
    words = (f"--workdir={copy}", *NEAREST, "--save")
    assert said(*words) == 0
    out = capsys.readouterr().out
    files = [copy / f"quantized_nearest_{bits}.npz" for bits in (8, 4)]
    for file in files:
        assert f"wrote {file}\n" in out
    stored = [quant.stored_bits(quant.load(file)) / 8 for file in files]
    mark = json.loads((copy / "result.json").read_text())["fingerprint"]
    assert [quant.about(file)["fingerprint"] for file in files] == [mark, mark]
    for file, size in zip(files, stored, strict=True):
        assert size < file.stat().st_size < size + 1024 * 20
    before = tree(copy)
    for dry in ((), ("--dry_run",)):
        assert said(*words, *dry) == 2
        assert "quantized_nearest_8.npz is there: pass --overwrite" in (
            capsys.readouterr().err
        )
    assert tree(copy) == before
    files[0].write_bytes(b"")
    assert said(*words, "--overwrite") == 0
    assert files[0].read_bytes() == before[files[0].name]


@pytest.mark.slow
def test_a_member_of_a_population(tiny, tmp_path, capsys):
    words = ["train", *tiny, "--config.members.seeds=0,1", f"--workdir={tmp_path}/run"]
    assert cli.main(words) == 0
    capsys.readouterr()
    words = (f"--workdir={tmp_path}/run", "--member=1", "--bits=8", "--save", "--json")
    assert said(*words, "--method=nearest") == 0
    row = json.loads(capsys.readouterr().out)
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert row["fingerprint"] == result["members"][1]["fingerprint"]
    bits = result["members"][1]["bits"]
    assert row["rows"][0]["bits"] == pytest.approx(bits, rel=1e-5)
    file = tmp_path / "run" / "quantized_nearest_8_1.npz"
    words = ["score", f"--workdir={tmp_path}/run", f"--weights={file}", "--dry_run"]
    assert cli.main([*words, "--member=1"]) == 0
    assert cli.main(words) == 2
    his, own = (result["members"][i]["fingerprint"] for i in (1, 0))
    message = f"are of the run or member {his}, not of {own}, which is to be scored"
    assert message in capsys.readouterr().err


def test_a_dry_run_scores_nothing(finished, capsys, monkeypatch):
    monkeypatch.setattr(scores, "score_corpus", None)
    words = (f"--workdir={finished}", "--dry_run", "--bits=4,2")
    assert said(*words) == 0
    out = capsys.readouterr().out
    assert "on 12 of 12 people" in out
    assert out.endswith("It would be rounded to 4, 2 bits first.\n")
    assert said(*words, "--json") == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["choice"]["bits"], row["choice"]["sample"]) == ([4, 2], 1000)
    assert "rows" not in row


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--workdir is needed"),
        (["--workdir={run}", "--bits=7"], "--bits=7: each out of (8, 6, 5, 4, 3, 2)"),
        (["--workdir={run}", "--bits=8,x"], "--bits=8,x: each out of (8, 6, 5, 4, 3,"),
        (["--workdir={run}", "--bits="], "--bits=: each out of (8, 6, 5, 4, 3, 2)"),
        (["--workdir={run}", "--method=magic"], "should be one of <gptq|nearest>"),
        (["--workdir={run}", "--group=-1"], "Scheme.group is -1, must be 0 or more"),
        (
            ["--workdir={run}", "--leaves=nothing"],
            "leaves has 'nothing', which matches no kernel or table; the nearest",
        ),
        (["--workdir={run}", "--leaves="], "Scheme.leaves is (), must be a tuple of"),
        (["--workdir={run}", "--people=13"], "people=13 must be 1 to 12"),
        (["--workdir={run}", "--member=1"], "member=1: the run in"),
    ],
)
@pytest.mark.parametrize("dry", [(), ("--dry_run",)])
def test_what_cannot_be_asked(words, message, dry, finished, capsys):
    assert said(*(word.format(run=finished) for word in words), *dry) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err


@pytest.mark.parametrize("dry", [(), ("--dry_run",)])
@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--sample=0", "sample=0 must be 1 or more biographies"),
        ("--damp=-1", "damp is -1.0, must be 0 or more and finite"),
        ("--damp=nan", "damp is nan, must be 0 or more and finite"),
        ("--block=0", "block is 0, must be 1 or more inputs"),
        ("--method=nearest --damp=0.01", "--damp is of GPTQ and has no effect with"),
        ("--method=nearest --sample=9", "--sample is of GPTQ and has no effect with"),
        ("--method=nearest --noact_order", "--act_order is of GPTQ and has no effect"),
    ],
)
def test_what_gptq_cannot_do_is_refused_before_anything_is_scored(
    flag, message, dry, finished, capsys, monkeypatch
):
    monkeypatch.setattr(scores, "score_corpus", None)
    assert said(f"--workdir={finished}", "--bits=4", *flag.split(), *dry) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err
