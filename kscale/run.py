"""One run, from a config to result rows: train, score, say how many bits are held.

    from kscale import configs, run
    rows = run.run(configs.load("smoke"))           # nothing is written
    rows = run.run(configs.load("demo"), workdir)   # a run folder, resumable

A run folder holds config.json, metrics.jsonl, checkpoints/, tensorboard/, params.npz,
scores.npz and result.json; a population has params and scores for each member.
"""

import dataclasses
import pathlib
import shutil
from typing import Any, TextIO

import jax
import numpy as np

from kscale import build, data, fields, results, scores, train
from kscale import config as config_module
from kscale.config import Config
from kscale.results import Row
from kscale.train.config import Hyper

_OURS = ("config.json", "metrics.jsonl", "result.json", "checkpoints", "tensorboard")


class Interrupted(Exception):
    """The run was asked to stop; its state is saved and `--resume` goes on."""


def run(
    config: Config,
    workdir: pathlib.Path | None = None,
    *,
    hypers: list[Hyper] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: TextIO | None = None,
) -> list[Row]:
    """Trains every member of a config's population and measures what it holds.

    Args:
      config: what to run.
      workdir: the run's folder; None writes nothing.
      hypers: members in place of the config's own, for a population that is no grid.
      resume: go on from the last checkpoint in the folder.
      overwrite: throw away the run that is in the folder.
      progress: where a bar or lines go, such as `sys.stderr`.

    Returns:
      A row per member: bits, bits by part, parameters, bits_per_param,
      max_bits_per_param, accuracy, exposures, seconds, tokens_per_second, seed,
      config, fingerprint, provenance.

    Raises:
      ValueError: a contradiction in the config; the folder holds a run and neither
        resume nor overwrite is set, or another run.
      Interrupted: SIGTERM came; the state is saved if there is a folder.
    """
    setup = build.build(config)
    if hypers is not None:
        setup = dataclasses.replace(setup, hypers=hypers)
    if workdir is not None:
        prepare_folder(workdir, config, resume, overwrite)
    result = fit(setup, workdir, resume, progress)
    rows = []
    for i, hyper in enumerate(setup.hypers):
        params = result.state["params"]
        if len(setup.hypers) > 1:
            params = jax.tree.map(lambda leaf, i=i: leaf[i], params)
        name = f"_{i}" if len(setup.hypers) > 1 else ""
        table = score_params(setup, params)
        if workdir is not None:
            train.save_params(workdir / f"params{name}.npz", params)
            table.save(workdir / f"scores{name}.npz")
        speed = {
            "steps": result.step,
            "seconds": result.seconds,
            "tokens_per_second": result.tokens / max(result.seconds, 1e-9),
        }
        rows.append(make_row(setup, table, hyper) | speed)
    if workdir is not None:
        results.write_json(workdir / "result.json", summary(rows))
    return rows


def fit(
    setup: build.Setup,
    workdir: pathlib.Path | None = None,
    resume: bool = False,
    progress: TextIO | None = None,
) -> train.FitResult:
    """Trains a setup's members, side by side if there are several.

    Raises:
      Interrupted: SIGTERM came before the end.
    """
    config = setup.config
    chosen = train.resolve(
        config.train,
        rows=config.data.batch,
        context=config.data.context,
        total_steps=setup.total_steps,
    )
    source = setup.source(
        chosen.steps_per_dispatch, jax.process_index(), jax.process_count()
    )
    hyper = None
    if len(setup.hypers) > 1:
        hyper = train.population(setup.hypers)
    else:
        chosen = dataclasses.replace(chosen, **setup.hypers[0]._asdict())
    identity = {
        path: leaf
        for path, leaf in fields.flatten(config).items()
        if path.startswith(("world.", "corpus.", "data."))
        and path not in config_module.NO_RESULT
    }
    result = train.fit(
        config.model,
        chosen,
        lambda first: data.batches(source, first, prefetch=config.data.prefetch),
        setup.total_steps,
        labels=[label.name + _suffix(label) for label in setup.corpus.labels],
        hyper=hyper,
        mesh=train.make_mesh(**dataclasses.asdict(config.mesh)),
        folder=workdir,
        identity=identity,
        resume=resume,
        progress=progress,
    )
    if result.interrupted:
        where = "nothing was saved: no run folder" if workdir is None else str(workdir)
        raise Interrupted(f"stopped after step {result.step}; {where}")
    return result


def score_params(
    setup: build.Setup, params: Any, people: np.ndarray | int | None = None
) -> scores.ScoreTable:
    """The score table of a model, over the config's people unless others are given."""
    chosen = setup.config.score
    return scores.score(
        (setup.config.model, params),
        setup.corpus,
        setup.pool,
        people if people is not None else chosen.people or None,
        seed=chosen.seed,
        batch=chosen.batch,
    )


def make_row(setup: build.Setup, table: scores.ScoreTable, hyper: Hyper) -> Row:
    """The result row of one member, but for the time that its training took."""
    counts = dataclasses.replace(
        setup.world.counts, people=setup.corpus.num_people
    )  # people whom no text tells of are not in the corpus' world
    parameters = setup.parameters
    known = scores.capacity(counts, setup.corpus.labels, table, parameters.total)
    config = member_config(setup.config, hyper)
    model = config.model
    size = f"{model.layers}-{model.heads}"
    return known.summary() | {
        "name": config.name,
        "model": size if model.head_size == 64 else f"{size}x{model.head_size}",
        "parameters_by_base": parameters._asdict(),
        "exposures": setup.exposures,
        "seed": int(hyper.seed),
        "fingerprint": config_module.fingerprint(config),
        "config": fields.to_dict(config),
        **results.provenance(),
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
    """The answer in one sentence."""
    best = summary(rows)
    among = f", the best of {len(rows)}" if len(rows) > 1 else ""
    return (
        f"{best['name']} ({best['model']}, {best['parameters']:,} parameters{among})"
        f" holds {best['bits']['total']:,.0f} of {best['bits_max']['total']:,.0f} bits"
        f" after {best['exposures']:g} exposures:"
        f" {best['bits_per_param']:.3f} bits per parameter"
        f" (at most {best['max_bits_per_param']:.3f})."
    )


def load(workdir: pathlib.Path, member: int = 0) -> tuple[build.Setup, Any]:
    """A finished run: its setup and the parameters of one member.

    Raises:
      ValueError: the folder holds no finished run, or no such member.
    """
    setup = build.build(config_module.load(workdir / "config.json"))
    name = f"_{member}" if len(setup.hypers) > 1 else ""
    if not 0 <= member < len(setup.hypers):
        raise ValueError(
            f"member={member}: the run in {workdir} has {len(setup.hypers)} members"
        )
    return setup, train.load_params(workdir / f"params{name}.npz")


def prepare_folder(
    workdir: pathlib.Path, config: Config, resume: bool, overwrite: bool
) -> None:
    """Makes a run folder and writes config.json, or finds the run to go on with.

    Raises:
      ValueError: the folder holds a run and it was not said what to do with it; it
        holds another run; it holds something that is no run.
    """
    if resume and overwrite:
        raise ValueError("--resume and --overwrite exclude each other: give one")
    there = sorted(x.name for x in workdir.iterdir()) if workdir.is_dir() else []
    known = workdir / "config.json"
    if there and overwrite:
        if known.name not in there:
            raise ValueError(
                f"{workdir} holds {', '.join(there[:3])} and no config.json: it is no"
                f" run folder and is not overwritten; choose another"
            )
        _remove_run(workdir)
    elif there and not resume:
        raise ValueError(
            f"{workdir} is not empty: pass --resume to go on, --overwrite to throw it"
            f" away, or choose another --workdir"
        )
    elif known.name in there:
        _require_same(config_module.load(known), config, workdir)
        return
    elif there:
        raise ValueError(f"{workdir} holds no config.json: there is no run to resume")
    workdir.mkdir(parents=True, exist_ok=True)
    config_module.save(config, known)


def _require_same(old: Config, new: Config, workdir: pathlib.Path) -> None:
    if config_module.fingerprint(old) == config_module.fingerprint(new):
        return
    changed = [
        f"{path} was {before!r}, is {after!r}"
        for path, before, after in fields.diff(old, new)
        if path not in config_module.NO_RESULT
    ]
    raise ValueError(
        f"{workdir} holds a run of another config: {'; '.join(changed)}; resume with"
        f" the old values or choose another folder"
    )


def _remove_run(workdir: pathlib.Path) -> None:
    """Removes what a run wrote, and nothing else."""
    for path in workdir.iterdir():
        if path.name in _OURS or path.suffix == ".npz":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _suffix(label: Any) -> str:
    return "/first" if label.kind == "value1" else ""
