"""A run's folder: what it holds is read, or refused by the file's name."""

import pytest

from kscale import files
from kscale.runs.folder import RunFolder
from kscale.tokenizers.vocabulary import NO_VOCABULARY
from kscale.train.logs import RunLog, read_diverged

DEEP = "[" * 100_000


@pytest.mark.parametrize(
    "text",
    [
        *("", '{"bits":', "[]", "5", "null", "\xff", DEEP),
        *('{"members": []}', '{"members": [1]}', '{"members": {}}'),
    ],
)
def test_a_damaged_result_is_named(tmp_path, text):
    folder = RunFolder(tmp_path)
    assert folder.read_result() == {}
    folder.result.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"result\.json is no readable .*resume"):
        folder.read_result()
    folder.write_result({"bits": 1.5})
    assert folder.read_result() == {"bits": 1.5}
    assert folder.read_members() == [{"bits": 1.5}]


@pytest.mark.parametrize(
    "text",
    [
        *(DEEP, "{}", '{"tokens": [1e999], "domains": []}'),
        *('{"tokens": [0.9], "domains": []}', '{"tokens": [true], "domains": []}'),
    ],
)
def test_a_damaged_vocabulary_is_named(tmp_path, text):
    folder = RunFolder(tmp_path)
    assert folder.read_vocabulary() == NO_VOCABULARY
    folder.vocabulary.write_text(text)
    with pytest.raises(ValueError, match=r"vocabulary\.json is no readable vocabulary"):
        folder.read_vocabulary()


def test_logs_that_lack_what_a_checkpoint_had_are_found(tmp_path):
    folder = RunFolder(tmp_path)
    row = {"step": 4, "loss": 2.0, "tokens": 9, "seconds": 0.5}
    files.write_rows(folder.metrics, [row])
    files.write_rows(folder.curve, [{"step": 2, "members": [{}]}])
    assert folder.find_lost([2, 6]) == {}
    (tmp_path / "checkpoints" / "4").mkdir(parents=True)
    assert folder.find_lost([2, 6]) == {}
    (tmp_path / "checkpoints" / "8").mkdir()
    reasons = folder.find_lost([2, 6])
    assert reasons[folder.metrics] == (f"{folder.metrics} has no row of step 8", False)
    assert reasons[folder.curve] == (f"{folder.curve} has no row of step 6", False)
    for name in row:
        files.write_rows(folder.metrics, [row, {k: row[k] for k in row if k != name}])
        reason, damaged = folder.find_lost([])[folder.metrics]
        assert f"metrics.jsonl, line 2: {name!r} is absent; remove the line" in reason
        assert damaged
    folder.metrics.write_text("{}\n")
    with pytest.raises(ValueError, match=r"metrics.jsonl, line 1: 'step' is absent"):
        read_diverged(tmp_path, 4, None)


def test_a_log_that_lost_rows_in_its_middle_or_members_is_found(tmp_path):
    folder = RunFolder(tmp_path, members=2)
    log = RunLog(tmp_path, 0, None)
    same = {"loss": 2.0, "learning_rate": 0.5, "grad_norm": 1.0, "loss_by_label": {}}
    for step in (2, 5, 9):
        log.write({"step": step, "tokens": 9, "seconds": 0.5} | same)
    (tmp_path / "checkpoints" / "9").mkdir(parents=True)
    rows = folder.read_logged()
    assert [row["after"] for row in rows] == [0, 2, 5]
    assert not folder.find_lost([])
    for left, step in ((rows[1:], 2), (rows[::2], 5), (rows[:2], 9)):
        files.write_rows(folder.metrics, left)
        reason = f"{folder.metrics} has no row of step {step}"
        assert folder.find_lost([]) == {folder.metrics: (reason, False)}
    for members in ([{}], [{}, 1]):
        files.write_rows(folder.curve, [{"step": 2, "members": members}])
        reason, damaged = folder.find_lost([2])[folder.curve]
        assert f"curve.jsonl, line 1: members={members} must be the rows of" in reason
        assert damaged
    for number in (1, 2):
        folder.curve.touch()
        assert folder.move_aside(folder.curve).name == f"curve.jsonl.damaged.{number}"


def test_renewed_files_are_sealed_again_and_only_they(tmp_path):
    folder = RunFolder(tmp_path)
    for name in ("result.json", "scores.npz", "mine.txt"):
        (tmp_path / name).write_text("old")
    folder.seal()
    assert '"mine.txt"' not in (tmp_path / "checksums.json").read_text()
    (tmp_path / "result.json").write_text("changed")
    with folder.renew(folder.scores()):
        (tmp_path / "scores.npz").write_text("new")
        assert folder.find_broken() == [folder.result]
    assert folder.find_broken() == [folder.result]
    with pytest.raises(ValueError, match=r"result\.json cannot be read: it was"):
        folder.require_unchanged(folder.result, folder.scores())
    with folder.renew(folder.quantized("gptq", 4)):
        folder.quantized("gptq", 4).write_text("rounded")
    folder.unseal()
    folder.quantized("gptq", 4).write_text("changed")
    assert folder.find_broken() == []
    with pytest.raises(ValueError, match=r"it anew with kscale quantize --save --over"):
        folder.require_unchanged(folder.quantized("gptq", 4))
