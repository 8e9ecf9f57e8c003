"""What TensorBoard shows at the end of a run: scalars, hparams, a figure."""

import io
import json

import matplotlib.image
import numpy as np
import pytest
from support.boards import read_board, read_scalars
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

from kscale.runs.board import list_hparams, tag_knowledge

KNOWN = {
    "bits_per_param": 0.5,
    "max_bits_per_param": 2.0,
    "bits": {"name": 100.0, "value": 50.0, "diversity": -1.0, "total": 149.0},
    "accuracy": {"name": 0.25, "employer": 0.75, "unheard": None},
    "loss": {"accuracy": 0.5, "loss_bits": 3.0},
    "classes": [
        {"frequency_class": 0, "accuracy": 1.0},
        {"frequency_class": 3, "accuracy": 0.0},
    ],
}


def hparams(board):
    """The hparams of a session that ended well."""
    ((_, start),) = board["_hparams_/session_start_info"]
    ((_, end),) = board["_hparams_/session_end_info"]
    begun, ended = (
        HParamsPluginData.FromString(x.metadata.plugin_data.content)
        for x in (start, end)
    )
    assert ended.session_end_info.status == 1  # success
    assert "_hparams_/experiment" not in board  # or fields of other runs are hidden
    return {
        name: getattr(value, value.WhichOneof("kind"))
        for name, value in begun.session_start_info.hparams.items()
    }


def test_the_tags_of_what_is_known():
    assert tag_knowledge(KNOWN) == {
        "knowledge/bits_per_param": 0.5,
        "knowledge/max_bits_per_param": 2.0,
        "knowledge/bits": 149.0,
        "knowledge/bits_name": 100.0,
        "knowledge/bits_value": 50.0,
        "knowledge/bits_diversity": -1.0,
        "knowledge/accuracy": 0.5,
        "accuracy/name": 0.25,
        "accuracy/employer": 0.75,
        "accuracy_by_class/0": 1.0,
        "accuracy_by_class/3": 0.0,
    }


def test_hparams_are_what_runs_are_compared_by(learned):
    _, row = learned
    found = list_hparams(row)
    config = row["config"]
    assert found["model"] == row["model"] == "1-1x8"
    assert found["name"] == row["name"]
    assert found["world.people"] == 16
    assert found["data.exposures"] == 6
    for name in ("learning_rate", "weight_decay", "seed"):  # at their defaults as well
        assert found[f"train.{name}"] == config["train"][name]
    assert found["model.layers"] == 1
    assert "train.log_every" not in found
    row = row | {"config": config | {"train": {"trainable": ["a", "b"], "seed": 7}}}
    assert list_hparams(row)["train.trainable"] == '["a", "b"]'
    assert list_hparams(row)["train.seed"] == 7


def test_a_run_that_is_scored_once_shows_its_end(learned):
    folder, row = learned
    shown = read_scalars(folder / "tensorboard")
    for tag, value in tag_knowledge(row).items():
        assert shown[tag] == [(row["steps"], pytest.approx(value, rel=1e-6))]
    board = read_board(folder / "tensorboard")
    assert hparams(board) == list_hparams(row)
    ((step, figure),) = board["knowledge/exposures"]
    pixels = matplotlib.image.imread(io.BytesIO(figure.image.encoded_image_string))
    assert step == row["steps"]
    assert pixels.shape == (figure.image.height, figure.image.width, 4)
    assert np.std(pixels[..., :3]) > 0.02


def test_members_are_shown_apart_and_drawn_together(pair):
    rows = json.loads((pair / "result.json").read_text())["members"]
    for i, row in enumerate(rows):
        folder = pair / "tensorboard" / f"member_{i}"
        board, shown = read_board(folder), read_scalars(folder)
        assert hparams(board)["train.seed"] == i
        ratio = pytest.approx(row["bits_per_param"], rel=1e-6)
        assert shown["knowledge/bits_per_param"] == [(row["steps"], ratio)]
        assert ("knowledge/exposures" in board) == (i == 0)
