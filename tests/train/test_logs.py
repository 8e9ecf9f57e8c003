"""metrics.jsonl, TensorBoard, progress."""

import io

import pytest
from support.boards import read_board, read_scalars

from kscale.files import read_rows
from kscale.train import ROUTING
from kscale.train.logs import Progress, RunLog, scalar_values, write_result


def row(step, loss=1.0, **more):
    same = dict.fromkeys(("loss", "learning_rate", "grad_norm"), loss)
    row = {"step": step, "loss_by_label": {"name": loss}, "tokens_per_second": 10.0}
    return row | same | more


def steps(folder):
    return [row["step"] for row in read_rows(folder / "metrics.jsonl")]


def test_rows_after_the_restored_step_are_dropped(tmp_path):
    log = RunLog(tmp_path, 0, None)
    for step in (2, 4, 6):
        log.write(row(step))
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "lo')  # killed while writing
    log = RunLog(tmp_path, 4, None)
    assert steps(tmp_path) == [2, 4]
    log.write(row(6))
    assert steps(tmp_path) == [2, 4, 6]
    RunLog(tmp_path, 0, None)
    assert steps(tmp_path) == []
    with pytest.raises(
        ValueError, match=r"log .*jsonl cannot be written \(.*make room"
    ):
        RunLog(tmp_path / "metrics.jsonl", 0, None)


def test_tensorboard_has_a_run_per_member(tmp_path):
    log = RunLog(tmp_path, 0, 2)
    moe = {name: [0.25, 0.5] for name in ROUTING}
    log.write(row(5, [1.5, 2.5], mfu=0.25) | moe)
    same = {"speed/mfu": 0.25, "speed/tokens_per_second": 10.0}
    for member, loss in enumerate([1.5, 2.5]):
        tags = [f"train/{name}" for name in ("loss", "learning_rate", "grad_norm")]
        own = same | dict.fromkeys([*tags, "loss_by_label/name"], loss)
        own |= {f"moe/{name}": moe[name][member] for name in ROUTING}
        got = read_scalars(tmp_path / "tensorboard" / f"member_{member}")
        assert got == {tag: [(5, value)] for tag, value in own.items()}


def test_what_evaluations_and_the_end_found_stands_once_after_any_start(tmp_path):
    board = tmp_path / "tensorboard"

    def go_on(step, *later):
        log = RunLog(tmp_path, step, None)
        for at in later:
            log.write(row(at))
            log.add_scalars(at, [{"found": at}])

    def end(*found):
        write_result(tmp_path, 6, None, [scalar_values({"found": x}) for x in found])

    go_on(0, 2, 4)
    go_on(2, 4, 5)  # killed after step 4, resumed after step 2
    assert read_scalars(board)["found"] == [(2, 2), (4, 4), (5, 5)]
    for found in (7, 8):  # the end is written once more
        end(found)
        assert read_scalars(board)["found"][3:] == [(6, found)]
        assert [step for step, _ in read_scalars(board)["train/loss"]] == [2, 4, 5]
    go_on(4, 5)  # the last checkpoints were lost
    assert read_scalars(board)["found"] == [(2, 2), (4, 4), (5, 5)]
    assert not read_board(tmp_path)
    with pytest.raises(ValueError, match="argument 2 is longer"):
        end(1, 2)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"board cannot be written \(.*make room"):
        write_result(tmp_path / "file", 6, None, [[]])


def show(stream, steps, *numbers, **fields):
    progress = Progress(stream, *numbers)
    for step in steps:
        progress.show(row(step, **fields))
    progress.close()


def test_progress_is_a_bar_few_lines_or_nothing(capfd):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    show(terminal := Terminal(), [10], 10, 2, loss=[2.0, 1.0])
    assert "10/10" in terminal.getvalue()
    assert "loss 1.0000" in terminal.getvalue()
    show(lines := io.StringIO(), [1, 2, 3], 3)
    assert lines.getvalue() == "step 3/3  loss 1.0000  10 tokens/s\n"
    show(None, [10], 10)
    assert capfd.readouterr() == ("", "")
