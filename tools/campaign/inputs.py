"""Bad inputs: each must end in an answer or a line, soon, in little memory."""

import json
import pathlib

from tools.campaign.cases import Attack, Case, Outcome
from tools.campaign.jobs import TINY
from tools.campaign.processes import command, make
from tools.campaign.words import draw_words
from tools.campaign.workers import Answer, Worker

_SECONDS = 60.0
_PLAN_BYTES = 1e9  # of what is no training, and of a training besides its estimate
_MOST_BYTES = 6e9  # at which a worker is ended
_LINES = 3  # of an error, with what a library may have to say
_TRAINED = 0.1  # of the configs that can be: so many are trained, if they are tiny


def prepare_inputs(folder: pathlib.Path) -> Attack:
    """Returns the attack: a command line that makes no sense, or hardly any."""
    finished = folder / "finished"
    tiny = [*TINY, "--config.data.exposures=4", f"--workdir={finished}"]
    make(["train", *tiny], folder)
    quantize = ["quantize", f"--workdir={finished}", "--method=nearest", "--bits=4"]
    make([*quantize, "--save"], folder)
    text, small = finished / "result.json", finished / "small.ksc"
    compress = ["compress", f"--workdir={finished}", f"--input={text}"]
    make([*compress, f"--output={small}"], folder)
    (folder / "work").mkdir()
    worker = Worker(folder / "work", _SECONDS, _MOST_BYTES)

    def attack(case: Case) -> Outcome:
        kind, words = draw_words(case.rng, case.place, finished)
        answer = worker.call(words)
        wrong = _judge(answer, _PLAN_BYTES)
        if any("device" in word for word in words):
            worker.close()  # JAX keeps to a device that it was told once
        train = words[0] == "train" and case.rng.random() < _TRAINED
        if not wrong and train and answer.code == 0 and kind in ("config", "world"):
            words = [x for x in words if x not in ("--dry_run", "--json")]
            words = [x for x in words if not x.startswith("--workdir")]
            planned = worker.call([*words, "--dry_run", "--json"])
            row = json.loads(planned.out)
            if row["flops"] < 1e10 and row["steps"] < 300:
                words.append(f"--workdir={case.place / 'trained'}")
                kind = f"{kind}, trained"
                needed = row["memory"]["state"] + row["memory"]["work"]
                wrong = _judge(worker.call(words), 2 * needed + _PLAN_BYTES)
        return Outcome(kind, wrong, command(words) if wrong else "")

    return attack


def _judge(answer: Answer, most: float) -> str:
    """Says what is wrong with an answer."""
    lines = answer.err.strip().splitlines()
    last = lines[-1][:300] if lines else "no word"
    if answer.seconds > _SECONDS:
        return f"hangs: {answer.seconds:.0f} s; {last}"
    if answer.bytes > most:
        return f"takes {answer.bytes / 1e9:.1f} GB of {most / 1e9:.1f}; {last}"
    if answer.code is None:
        return f"traceback: {last}"
    if answer.code not in (0, 1, 2):
        return f"exit code {answer.code}: {last}"
    if answer.code == 2 and not lines:
        return "refused without a word"
    if answer.code == 2 and len(lines) > _LINES:
        return f"{len(lines)} lines: {' / '.join(lines)[:300]}"
    return ""
