"""`kscale compress` and `kscale decompress`: pipes, files, what is refused."""

import io
import os
import sys

import pytest

from kscale import cli

TEXT = b" Marc Sophia Colon works at Ross Stores.\n\xff\xfe\n"


@pytest.fixture
def pipe(capsysbinary, monkeypatch):
    """Carries out a verb on standard input; gives the code and what it wrote."""

    def pipe(data, *words):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        return cli.main(list(words)), *capsysbinary.readouterr()

    return pipe


def test_a_pipe_gives_the_text_back(finished, pipe, tmp_path):
    run = f"--workdir={finished}"
    code, file, said = pipe(TEXT, "compress", run)
    assert code == 0
    assert said.startswith(b"44 bytes are ")
    assert pipe(file, "decompress", run)[:2] == (0, TEXT)
    code, out, _ = pipe(file, "decompress", run, "--dry_run")
    assert (code, out) == (0, b"44 bytes in 2 lines would be written.\n")
    (tmp_path / "text").write_bytes(TEXT)
    words = (run, f"--input={tmp_path / 'text'}", f"--output={tmp_path / 'small'}")
    assert pipe(b"", "compress", *words)[0] == 0
    assert (tmp_path / "small").read_bytes() == file


def test_a_wrong_file_writes_nothing(finished, pair, pipe, tmp_path):
    file = pipe(TEXT, "compress", f"--workdir={finished}")[1]
    out = f"--output={tmp_path / 'text'}"
    for data, words, message in [
        (file[:-1], (f"--workdir={finished}", out), b"cut off"),
        (TEXT, (f"--workdir={finished}",), b"no file of kscale compress"),
        (file, (f"--workdir={pair}", "--member=1", out), b"compressed with the model"),
    ]:
        code, found, said = pipe(data, "decompress", *words)
        assert (code, found) == (2, b"")
        assert said.startswith(b"kscale decompress: ")
        assert message in said
        assert said.count(b"\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("verb", ["compress", "decompress"])
def test_a_file_that_is_there_is_kept(verb, pipe, tmp_path):
    """Also where the folder holds no run: it is looked at first."""
    there, run = tmp_path / "there", f"--workdir={tmp_path / 'none'}"
    there.write_bytes(b"mine")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    for words, message in [
        ((f"--output={there}",), b"exists: --overwrite writes over it"),
        ((f"--output={tmp_path}", "--overwrite"), b"exists: name a file"),
        ((f"--output={there}", f"--input={there}", "--overwrite"), b"is --input"),
        ((f"--output={link}",), b"exists: name a file"),
        ((f"--input={tmp_path}",), b"is a folder: name a file"),
        ((f"--input={link}",), b"does not exist: name a file"),
        ((f"--output={there}", "--overwrite"), b"none/config.json"),
    ]:
        code, _, said = pipe(TEXT, verb, run, *words)
        assert code == 2
        assert message in said
        assert there.read_bytes() == b"mine"


def test_a_closed_input_is_no_empty_text(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", None)  # as by <&-
    assert cli.main(["compress", f"--workdir={tmp_path}"]) == 2
    assert "standard input is closed" in capsys.readouterr().err


def test_a_terminal_is_shown_no_bytes(pipe, monkeypatch, tmp_path):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    code, out, said = pipe(TEXT, "compress", f"--workdir={tmp_path}")
    assert (code, out) == (2, b"")
    assert b"name a file by --output" in said


def test_an_answer_that_cannot_be_written_is_an_error(finished, pipe, monkeypatch):
    """In one line, but for a reader who has gone, whose exit code is a shell's."""
    reader, writer = os.pipe()
    os.close(reader)
    for number, wanted in [(os.open("/dev/full", os.O_WRONLY), 2), (writer, 141)]:
        with open(number, "w") as stream:
            monkeypatch.setattr(sys, "stdout", stream)
            code, _, said = pipe(TEXT, "compress", f"--workdir={finished}")
        assert code == wanted
        assert said.count(b"\n") == (code == 2)
        assert (b"the answer could not be printed" in said) == (code == 2)


@pytest.mark.slow
@pytest.mark.parametrize("threads", ["1", "2", "7"])
def test_another_process_with_other_threads_reads_it(
    finished, pipe, start, threads, tmp_path
):
    small, back = tmp_path / "small", tmp_path / "back"
    words = (f"--workdir={finished}", f"--output={small}")
    assert pipe(TEXT, "compress", *words)[0] == 0
    words = (f"--workdir={finished}", f"--input={small}", f"--output={back}")
    process = start("decompress", *words, env={"NPROC": threads})
    assert (process.communicate()[1], process.returncode) == ("", 0)
    assert back.read_bytes() == TEXT
