"""One run, from a config to result rows: train, score, say how many bits are held.

    from kscale import configs, run
    rows = run.run(configs.load("smoke"))           # nothing is written
    rows = run.run(configs.load("demo"), workdir)   # a run folder, resumable

A run folder holds config.json, metrics.jsonl, curve.jsonl, checkpoints/, tensorboard/,
params.npz, scores.npz, visits.npy (how often each person was met) and result.json; a
population has params and scores for each member.
"""

import dataclasses
import pathlib
from typing import TextIO

import jax
import numpy as np

from kscale import files, models, scores, train
from kscale.configs import base as config_module
from kscale.configs import fields
from kscale.configs.base import Config
from kscale.files import Row
from kscale.runs import evaluate as curve_module
from kscale.runs import finetune, folder, qat
from kscale.runs.devices import arrange
from kscale.runs.evaluate import Curve, evaluate, member_params, score_params
from kscale.runs.rows import provenance
from kscale.runs.task import Task, prepare
from kscale.tokenizers.vocabulary import NO_VOCABULARY
from kscale.train.config import Hyper
from kscale.train.interruption import Interrupted, raise_on_sigterm

Beginning = tuple[models.Params, str]  # parameters, and a digest of their file


def run(
    config: Config,
    workdir: pathlib.Path | None = None,
    *,
    hypers: list[Hyper] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: TextIO | None = None,
    start: pathlib.Path | None = None,
) -> list[Row]:
    """Trains every member of a config's population and measures what it holds.

    Args:
      config: what to run.
      workdir: the run's folder; None writes nothing.
      hypers: members in place of the config's own, for a population that is no grid.
      resume: go on from the last checkpoint in the folder.
      overwrite: throw away the run that is in the folder.
      progress: where a bar or lines go, such as `sys.stderr`.
      start: folder of the finished run to go on from, in place of `config.start`.

    Returns:
      A row per member: bits, bits by part, parameters, bits_per_param,
      max_bits_per_param, accuracy, exposures, seconds, tokens_per_second, seed,
      config, fingerprint, provenance.

    Raises:
      ValueError: a contradiction in the config; the folder holds a run and neither
        resume nor overwrite is set, or another run.
      Interrupted: SIGTERM came; the state is saved if there is a folder.
    """
    with raise_on_sigterm():
        opened = finetune.opened(config, start, workdir)
        known = opened.vocabulary if opened else NO_VOCABULARY
        task = prepare(config, known)
        if hypers is not None:
            task = dataclasses.replace(task, hypers=hypers)
        arrange(task)  # what cannot be trained must not cost the run that is there
        begin = None
        if opened is not None:
            begin = (opened.parameters(task), opened.digest)
        if workdir is not None:
            folder.claim(workdir, config, resume, overwrite)
            if begin is not None and not (workdir / folder.FILE).exists():
                folder.save(task.vocabulary, workdir)
        return _train_and_score(task, workdir, resume, progress, begin)


def _train_and_score(
    task: Task,
    workdir: pathlib.Path | None,
    resume: bool,
    progress: TextIO | None,
    begin: Beginning | None,
) -> list[Row]:
    curve = Curve(task, workdir)
    result = fit(task, workdir, resume, progress, begin, curve)
    logged = result.rows if workdir is None else folder.logged_rows(workdir)
    speed = {"steps": result.step} | folder.logged_speed(logged, len(task.hypers))
    rows = []
    for i in range(len(task.hypers)):
        params = member_params(task, result.state["params"], i)
        name = f"_{i}" if len(task.hypers) > 1 else ""
        table = score_params(task, params)
        if workdir is not None:
            train.save_params(workdir / f"params{name}.npz", params)
            if "lora" in params:
                small = models.adapters(params)
                train.save_params(workdir / f"adapters{name}.npz", small)
            table.save(workdir / f"scores{name}.npz")
            if i == 0:
                with files.replace_file(workdir / "visits.npy") as file:
                    np.save(file, task.order.visits())
        row = make_row(task, table, i) | evaluate(task, params, table, i)
        row |= qat.of_training(task, params, row["bits"]["total"])
        row |= folder.logged_routing(logged, i)
        rows.append(row | curve.of(i, logged) | speed)
    if workdir is not None:
        files.write_json(workdir / folder.RESULT, summary(rows))
    return rows


def fit(
    task: Task,
    workdir: pathlib.Path | None = None,
    resume: bool = False,
    progress: TextIO | None = None,
    begin: Beginning | None = None,
    curve: Curve | None = None,
) -> train.FitResult:
    """Trains a task's members, side by side if there are several.

    Args:
      task: what is trained.
      workdir: the run's folder; None writes nothing.
      resume: go on from the last checkpoint in the folder.
      progress: where a bar or lines go.
      begin: parameters to start from, and what tells where they are from; None: new
        ones.
      curve: what to score at which steps; None: nothing.

    Raises:
      Interrupted: SIGTERM came before the end.
    """
    config = task.config
    chosen, hyper, mesh = arrange(task)
    batches = task.order.batches(jax.process_index(), jax.process_count())
    identity = {"corpus.content": task.content} | {
        path: leaf
        for path, leaf in config_module.meaningful(config).items()
        if path.startswith(("world.", "corpus.", "data.", "parts.", "start"))
    }
    if begin is not None:  # weights that were made anew are another start
        identity["start.params"] = begin[1]
    curve = curve or Curve(task, None)
    steps = curve_module.steps(config, task.order.steps)
    result = train.fit(
        qat.problem(task),
        chosen,
        batches.iterate,
        task.order.steps,
        labels=task.labels,
        hyper=hyper,
        mesh=mesh,
        folder=workdir,
        identity=identity,
        resume=resume,
        progress=progress,
        start=None if begin is None else begin[0],
        evaluate_at=steps,
        on_evaluation=curve.add,
    )
    if result.interrupted:
        where = "nothing was saved: no run folder" if workdir is None else str(workdir)
        raise Interrupted(f"stopped after step {result.step}; {where}")
    return result


def make_row(task: Task, table: scores.ScoreTable, member: int) -> Row:
    """The result row of one member, but for the time that its training took."""
    parameters, hyper = task.parameters, task.hypers[member]
    visits = task.order.visits()
    known = scores.measure_capacity(
        task.counts, task.corpus.labels, table, parameters.total
    )
    config = member_config(task.config, hyper)
    model = config.model
    size = f"{model.layers}-{model.heads}"
    return known.summary() | {
        "name": config.name,
        "model": size if model.head_size == 64 else f"{size}x{model.head_size}",
        "parameters_by_base": parameters._asdict(),
        "exposures": task.order.exposures,
        "visits": {
            "fewest": int(visits.min()),
            "most": int(visits.max()),
            "never": int((visits == 0).sum()),
            "total": int(visits.sum()),
        },
        "seed": int(hyper.seed),
        "fingerprint": config_module.fingerprint(config),
        "content": task.content,
        "config": fields.to_dict(config),
        **provenance(),
    }


def member_config(config: Config, hyper: Hyper) -> Config:
    """The config of one member's solo run; its fingerprint names the member."""
    return dataclasses.replace(
        config,
        model=dataclasses.replace(config.model, vocab=0),
        members=config_module.MembersConfig(),
        train=dataclasses.replace(
            config.train,
            learning_rate=float(hyper.learning_rate),
            weight_decay=float(hyper.weight_decay),
            seed=int(hyper.seed),
        ),
    )


def summary(rows: list[Row]) -> Row:
    """What result.json holds: the best member's row, and all rows of a population."""
    best = max(rows, key=lambda row: row["bits"]["total"])
    return best if len(rows) == 1 else best | {"members": rows}


def answer(rows: list[Row]) -> str:
    """The answer in one sentence; of an extraction, how many answers are right."""
    best = summary(rows)
    among = f", the best of {len(rows)}" if len(rows) > 1 else ""
    who = f"{best['name']} ({best['model']}, {best['parameters']:,} parameters{among})"
    if asked := _asked_alone(best):
        return (
            f"{who} answers {asked['held_out']['accuracy']:.0%} of the questions about"
            f" people held out right, {asked['trained']['accuracy']:.0%} of those about"
            f" people trained on."
        )
    return (
        f"{who} holds {best['bits']['total']:,.0f} of"
        f" {best['bits_max']['total']:,.0f} bits after {best['exposures']:g} exposures:"
        f" {best['bits_per_param']:.3f} bits per parameter"
        f" (at most {best['max_bits_per_param']:.3f})."
    )


def _asked_alone(row: Row) -> Row | None:
    """What is known of the questions of a run that read questions and nobody's text."""
    if row.get("visits", {}).get("total", 1):
        return None
    parts = row.get("parts", {}).values()
    return next((told for told in parts if "held_out" in told), None)
