"""`kscale ablate`: the table, the answer, and what is refused."""

import pytest
from support.run_folders import read_files

from kscale.cli import ablate


def row_of(what, kept, bits=1000.0):
    return {
        "what": what,
        "bits": {"total": bits * 0.9},
        "tempered_bits": bits,
        "tempered_kept": kept,
        "accuracy": 0.25,
        "parameters": 40,
        "bits_lost_per_parameter": 1.5,
    }


def text_of(*rows):
    row = {"name": "mine", "layers": 4, "rounded_to": 3, "rows": list(rows)}
    return ablate.text(row).splitlines()


def test_the_answer_says_what_is_left():
    lines = text_of(
        row_of("whole", 1.0, 1000.0),
        row_of("without layer 0", 0.7),
        row_of("without layer 3", 0.2),
        row_of("attention at 3 bits", 0.5),
        row_of("MLP at 3 bits", -0.4),
    )
    assert lines[-1] == (
        "mine holds 900 bits; at the best temperature 20% of them are left without its"
        " last layer (1 - 1/L = 75%), 50% with attention at 3 bits, none with MLP at"
        " 3 bits."
    )
    heads = "bits tempered kept right changed lost each"
    assert " ".join(lines[0].split()) == heads
    removed = "without layer 0 900 1,000 70% 25.0% 40 1.50"
    assert " ".join(lines[2].split()) == removed


def test_a_model_that_knows_nothing_has_nothing_to_lose():
    below = {"bits": {"total": -45.0, "name": 15.0, "value": -60.0}}
    lines = text_of(
        row_of("whole", None, -50.0) | below, row_of("attention at 3 bits", None, -70.0)
    )
    assert lines[3].startswith("Negative bits of value: values cost the model more")
    assert lines[-1] == "mine holds -45 bits: there is nothing to look for."
    assert lines[1].split()[3] == "-"


def test_it_says_rows_and_writes_nothing(finished, ask):
    before = read_files(finished)
    words = ("--people=4", "--bits=2", "--json")
    row = ask("ablate", f"--workdir={finished}", *words)
    assert (row["people"], row["rounded_to"], row["layers"]) == (4, 2, 1)
    assert row["scores"] == len(row["rows"]) == 7
    assert row["rows"][2]["what"] == "attention at 2 bits"
    lines = ablate.text(row).splitlines()
    assert len([line for line in lines if "Negative" not in line]) == 10
    assert read_files(finished) == before


@pytest.mark.parametrize("dry", [(), ("--dry_run",)])
@pytest.mark.parametrize("bits", [0, 1, 7, 16])
def test_bits_that_no_weight_is_rounded_to(bits, dry, finished, refuse):
    words = ["ablate", f"--workdir={finished}", f"--bits={bits}", *dry]
    refuse(words, f"bits={bits} must be one of (8, 6, 5, 4, 3, 2)")
