"""Finished runs rounded: by which method, from which texts, and the files kept."""

import functools
import shutil

import jax
import numpy as np
import pytest
from support.run_folders import read_files, result_of

from kscale import models, quant
from kscale.quant import Scheme
from kscale.runs.evaluate import score
from kscale.runs.quantize import Choice, quantize_params, quantize_run, sample_windows
from kscale.runs.score import score_run
from kscale.runs.task import open_run

NEAREST = Choice(bits=(8, 4), method="nearest")


def params_of(task, seed=0):
    return models.init(task.config.model, jax.random.key(seed))


assert_same = functools.partial(jax.tree.map, np.testing.assert_array_equal)


def test_fewer_bits_are_smaller_and_know_less_alike(finished):
    whole, eight, four = quantize_run(finished, NEAREST, people=6)["rows"]
    assert whole["stored_bits"] > eight["stored_bits"] > four["stored_bits"]
    off = [abs(x["bits"]["total"] - whole["bits"]["total"]) for x in (eight, four)]
    assert off[0] < off[1]
    # The model as trained is scored in the 16 bits that are counted.
    task, params = open_run(finished)

    def held(params):
        return score(task, params, people=6).capacity.summary()["bits"]

    def cut(leaf):
        return np.asarray(leaf).astype(np.float16).astype(np.float32)

    assert whole["stored_bits"] == 16 * task.parameters.total
    assert whole["bits"] == held(jax.tree.map(cut, params))
    assert whole["bits"] != held(params)


def test_saved_files_are_small_and_are_not_lost(finished, tmp_path):
    copy = shutil.copytree(finished, tmp_path / "run")
    rows = quantize_run(copy, NEAREST, save=True)["rows"][1:]
    saved = [copy / f"quantized_nearest_{bits}.npz" for bits in (8, 4)]
    assert [row["file"] for row in rows] == list(map(str, saved))
    mark = result_of(copy)["fingerprint"]
    for file in saved:
        size = quant.stored_bits(quant.load_quantized(file)) / 8
        assert size < file.stat().st_size < size + 1024 * 20
        assert quant.load_about(file)["fingerprint"] == mark
    before = read_files(copy)
    for dry_run in (True, False):
        with pytest.raises(ValueError, match=r"nearest_8\.npz is there: pass --overwr"):
            quantize_run(copy, NEAREST, save=True, dry_run=dry_run)
    assert read_files(copy) == before
    saved[0].write_bytes(b"")
    quantize_run(copy, NEAREST, save=True, overwrite=True)
    assert saved[0].read_bytes() == before[saved[0].name]


def test_a_member_of_a_population(pair, tmp_path):
    run = shutil.copytree(pair, tmp_path / "run")
    result = result_of(run)
    choice = Choice(bits=(8,), method="nearest")
    row = quantize_run(run, choice, member=1, save=True)
    assert row["fingerprint"] == result["members"][1]["fingerprint"]
    bits = result["members"][1]["bits"]
    assert row["rows"][0]["bits"] == pytest.approx(bits, rel=1e-4)
    file = run / "quantized_nearest_8_1.npz"
    assert score_run(run, member=1, weights=file, dry_run=True)["people"] == 12
    his, own = (result["members"][i]["fingerprint"] for i in (1, 0))
    message = f"are of the run or member {his}, not of {own}, which is to be scored"
    with pytest.raises(ValueError, match=message):
        score_run(run, weights=file, dry_run=True)


@pytest.mark.slow  # it compiles for half a minute
def test_gptq_learns_from_a_sample(finished):
    options = {"act_order": False, "damp": 0.1}
    first, second = (
        quantize_run(finished, Choice(bits=(3,), sample=12, options=each))
        for each in ({}, options)
    )
    assert first["rows"][1]["what"] == "gptq at 3 bits"
    assert second["choice"]["options"] == options
    assert second["rows"][0]["bits"] == first["rows"][0]["bits"]
    assert second["rows"][1]["bits"] != first["rows"][1]["bits"]


def test_the_nearest_points_need_no_texts(made):
    task, params = made(), params_of(made())
    found = quantize_params(task, params, 3, Choice(method="nearest", sample=0))
    assert_same(found, quant.quantize(params, Scheme(bits=3)))


@pytest.mark.slow
def test_gptq_sees_the_texts(made):
    task, params = made(), params_of(made())
    model, scheme, options = task.config.model, Scheme(bits=3), {"act_order": False}
    found = quantize_params(task, params, 3, Choice(options=options, sample=20))
    windows = sample_windows(task, 20)
    wanted, _ = quant.quantize_gptq(model, params, scheme, *windows, **options)
    assert_same(found, wanted)
    with pytest.raises(AssertionError):
        assert_same(found, quant.quantize(params, scheme))


def test_a_method_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"method='magic' must be one of \('gptq', "):
        Choice(method="magic")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("sample", [1, 16, 40])
def test_windows_hold_so_many_biographies(made, sample):
    task = made()
    tokens, segments = sample_windows(task, sample)
    assert tokens.shape == segments.shape
    assert tokens.shape[1] == task.config.data.context
    end = task.pool.eos
    real = tokens[segments >= 0]
    assert abs(int((real == end).sum()) - sample) <= 1
    assert (tokens[segments < 0] == end).all()


def documents(task, tokens):
    """The whole documents between two <EOS> of a stream."""
    text = " ".join(map(str, tokens)).split(f" {task.pool.eos} ")
    return set(text[1:-1])


def test_windows_hold_documents_that_the_model_has_read(made):
    task = made()
    tokens, segments = sample_windows(task, 16)
    found, stream = documents(task, tokens[segments >= 0]), task.order.stream
    read = stream.windows(0, stream.num_windows)["tokens"][:, :-1].ravel()
    assert len(found) > 10
    assert found <= documents(task, read)
    assert set(np.unique(segments)) <= {-1, 0}
    _, segments = sample_windows(made(corpus__mask_documents=True), 16)
    assert len(np.unique(segments[0])) > 1
