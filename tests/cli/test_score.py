"""`kscale score`: the table, the answer, the plan, and what is refused."""

import pytest
from support.run_folders import result_of

from kscale.cli import score


def test_it_says_what_the_run_said(finished, ask):
    again = ask("score", f"--workdir={finished}", "--json")
    before = result_of(finished)
    assert again["bits"] == pytest.approx(before["bits"], rel=1e-5)
    assert again["accuracy"] == before["accuracy"]
    assert again["fingerprint"] == before["fingerprint"]
    assert again["sampling_error"]["total"] == 0


def test_the_answer_is_the_last_line(finished):
    row = result_of(finished)
    *table, last = score.text(row).splitlines()
    assert "bits per parameter (at most" in last
    assert [line.split()[0] for line in table[1:4]] == ["name", "value", "total"]
    assert table[4].startswith(
        "+- is of the sample of people; other words of score.seed"
    )
    assert any(line.startswith("employer_city") for line in table)
    row |= {"weights": "two.npz", "weight_bits": 2}
    row |= {"stored_bits": 12_345, "bits_per_stored_bit": 0.25}
    assert score.text(row).splitlines()[-2] == (
        "Scored is two.npz: 2 bits a weight, 12,345 stored bits, 0.2500 bits of"
        " knowledge in each."
    )


def test_every_part_that_is_not_zero_is_shown_and_explained(finished):
    # All T^L strings are used, so that there is nothing to know of which there are.
    row = result_of(finished)
    row["bits"] |= {"name": 5.0, "value": 3.0, "diversity": -2.0, "total": 6.0}
    table = score.text(row).splitlines()
    assert table[3].split() == ["diversity", "-2.0", "0.0", "0.0"]
    assert table[6].startswith("Negative bits of diversity: what a value begins with")
    row["bits"] |= {"diversity": 0.0, "total": 8.0}
    assert "diversity" not in score.text(row)


@pytest.mark.parametrize("dry", [(), ("--dry_run",)])
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--weights="], "--weights= names no file: give one of kscale quant"),
        (["--people=4", "--write"], "people=4 is a sample: it is not written over the"),
        (["--weights=x.npz", "--write"], "weights=x.npz: their scores are not written"),
        (["--weights=nowhere.npz"], "nowhere.npz cannot be read"),
        (
            ["--weights={run}/params.npz"],
            "params.npz is no file of kscale quantize --save, or is",
        ),
    ],
)
def test_what_cannot_be_scored(words, message, dry, finished, refuse):
    before = (finished / "result.json").read_bytes()
    words = [word.format(run=finished) for word in words]
    refuse(["score", f"--workdir={finished}", *words, *dry], message)
    assert (finished / "result.json").read_bytes() == before
