"""What can be said of a config or a run without training: its sizes, and one person.

plan_run(configs.load("demo"))["max_bits_per_param"]
estimate_cost(configs.load("bios:people=10M,model=GPT2-20-16"))["hours"]
describe_person(prepare(configs.load("mini")), person=3)["facts"]
"""

import dataclasses
import functools
import math
import pathlib
from typing import Any, NamedTuple

import numpy as np

from kscale import corpora, models
from kscale.configs import fields
from kscale.configs.base import (
    Config,
    CorpusConfig,
    PartConfig,
    WorldConfig,
    fingerprint,
    list_members,
)
from kscale.files import Row
from kscale.models.config import NO_ADAPTERS
from kscale.runs.devices import build_objective, plan_training
from kscale.runs.evaluate import score
from kscale.runs.folder import RunFolder
from kscale.runs.order import mean_length
from kscale.runs.task import Task, prepare
from kscale.runs.training import require_other_folder
from kscale.worlds import Counts, Law

TFLOPS = 125.0  # sustained: 40 % of the 312e12 a second of an A100
_COUNTED_TOKENS = 2e8  # of a run, up to which a plan counts them
_SAMPLE = 2000  # people that stand for a large world in an estimate


def estimate_cost(config: Config, tflops: float = TFLOPS) -> Row:
    """Estimates what a run costs, from a sample of its people; nothing large is built.

    Tokens are counted by the mean length of a document, P under the vocabulary of the
    sample, which is that of the lists, and without adapters. Texts of SentencePiece are
    counted in GPT-2's tokens, under its own vocabulary.

    Args:
      config: of the run; its `start` is not looked into.
      tflops: sustained, in 1e12 operations a second.

    Returns:
      parameters; max_bits_per_param; tokens; steps; flops, 6 per token and parameter
      that multiplies it and of attention, of all members; hours.

    Source: Chowdhery et al. 2022, appendix B (operations per token).
    """
    if not tflops > 0:
        raise ValueError(f"tflops={tflops} must be above 0")
    chosen, parts = config.data, config.parts
    sample = _sample(*_few(config))
    own = chosen.exposures * chosen.share * sample.tokens[0] * config.world.people
    tokens = own
    for part, each in zip(parts, sample.tokens[1:], strict=True):
        tokens += part.weight * own or part.exposures * each * part.people
    vocab = config.corpus.tokenizer_vocab or sample.vocabulary
    model = dataclasses.replace(config.model, vocab=vocab, lora=NO_ADAPTERS)
    sized = dataclasses.replace(config, model=model)
    each = build_objective(sized).flops_per_token(chosen.context)
    flops = each * tokens * len(list_members(config))
    parameters = models.count_parameters(model).total
    counts = dataclasses.replace(sample.counts, people=config.world.people)
    return {
        "parameters": parameters,
        "max_bits_per_param": counts.bits_max().total / parameters,
        "tokens": round(tokens),
        "steps": math.ceil(tokens / (chosen.context * chosen.batch)),
        "flops": flops,
        "hours": flops / (tflops * 1e12) / 3600,
    }


class _Sample(NamedTuple):
    """What texts of a world cost in tokens."""

    vocabulary: int  # tokens that they can have
    counts: Counts
    tokens: tuple[float, ...]  # of one exposure of a person, by text


def _few(config: Config) -> tuple[WorldConfig, CorpusConfig, tuple[PartConfig, ...]]:
    """Returns a world of a sample of the people, told alike, and such parts."""
    corpus, world, law = config.corpus, config.world, Law()
    if corpus.tokenizer == "sentencepiece":
        corpus = dataclasses.replace(corpus, tokenizer="gpt2", tokenizer_vocab=0)
    parts = tuple(
        dataclasses.replace(part, people=min(part.people, _SAMPLE), law=law)
        for part in config.parts
    )
    people = min(world.people, _SAMPLE)
    return dataclasses.replace(world, people=people, law=law), corpus, parts


@functools.lru_cache(64)
def _sample(
    world: WorldConfig, corpus: CorpusConfig, parts: tuple[PartConfig, ...]
) -> _Sample:
    task = prepare(Config(world=world, corpus=corpus, parts=parts))
    tokens = [
        mean_length(told, pool) * told.documents_per_exposure * told.num_people / people
        for told, pool, people in (
            (task.corpus, task.pool, world.people),
            *((part.corpus, part.pool, part.config.people) for part in task.parts),
        )
    ]
    return _Sample(task.pool.vocabulary.size, task.world.counts, tuple(tokens))


def plan_run(
    config: Config, workdir: pathlib.Path | None = None, tflops: float = TFLOPS
) -> Row:
    """Returns what a run would be, without running it: sizes, bits, steps, cost.

    Tokens and steps are counted where there are few ("counted"), else estimated. A run
    that this machine has no memory for is planned as well (`devices.Memory`).

    Args:
      config, tflops: as in `estimate_cost`.
      workdir: its folder, which may not be that of its start; it is not looked into.
    """
    task = prepare(config)
    if workdir is not None:
        require_other_folder(task, RunFolder(workdir))
    cost = estimate_cost(config, tflops)
    counted = cost["tokens"] < _COUNTED_TOKENS
    memory = plan_training(task, 0 if counted else cost["steps"]).memory
    most = task.world.bits_max()
    row = {
        "parameters": task.parameters._asdict(),
        "vocabulary": task.pool.vocabulary.size,
        "bits": dataclasses.asdict(most) | {"total": most.total},
        "max_bits_per_param": most.total / task.parameters.total,
        "exposures": task.order.exposures,
        "counted": counted,
        "parts": {
            part.config.name: {"people": part.corpus.num_people} for part in task.parts
        },
        "members": len(task.hypers),
        **{name: cost[name] for name in ("steps", "tokens", "flops", "hours")},
        "tflops": tflops,
        "memory": memory._asdict(),
        "fingerprint": fingerprint(config),
        "config": fields.to_dict(config),
    }
    return row | (_count(task) if counted else {})


def _count(task: Task) -> Row:
    """Returns what is counted exactly: steps, tokens, visits, windows of the parts."""
    order, visits = task.order, task.order.visits()
    return {
        "steps": order.steps,
        "tokens": order.stream.total_tokens,
        "visits": {"fewest": int(visits.min()), "most": int(visits.max())},
        "parts": {
            part.config.name: {"windows": windows, "people": part.corpus.num_people}
            for part, windows in zip(task.parts, order.part_windows, strict=True)
        },
    }


def describe_person(
    task: Task, person: int, exposure: int = 0, params: Any = None
) -> dict[str, Any]:
    """Returns all that kscale knows of one person.

    Args:
      task: from `prepare`.
      person: 0 to N-1, of whom the corpus tells.
      exposure: which of the texts.
      params: of a trained model; None leaves out bits.

    Returns:
      JSON types: person, facts, text, spans ([text, label]), tokens, max_bits by piece,
      and bits by piece: what it takes to say it, less what the model still needs.
    """
    facts = task.world.person(person)  # refuses a person outside the world
    if not 0 <= exposure < 2**62:
        raise ValueError(f"exposure={exposure} must be at least 0 and below 2^62")
    plan = task.corpus.plan(np.array([person]), np.array([exposure]))
    spans = corpora.compose_document(task.corpus, plan[0])
    documents = task.pool.compose(plan)
    labels, counts = task.corpus.labels, task.world.counts
    attributes = task.world.attributes
    values = {a.name: a.bits for a in attributes}
    answer = {
        "person": person,
        "facts": facts,
        "text": "".join(span.text for span in spans),
        "spans": [[span.text, labels[span.label].name] for span in spans],
        "tokens": task.pool.vocabulary.to_original(documents.tokens).tolist(),
        "max_bits": {"name": math.log2(counts.name_space / counts.people)} | values,
    }
    if params is not None:
        table = score(task, params, np.array([person])).table
        bits = {"name": math.log2(task.world.name_space)} | values
        for i, label in enumerate(labels):
            # A fact told before its attribute's value is a part of what that costs.
            paid = attributes[label.attribute] if label.kind == "derived" else label
            if paid.name in bits:
                bits[paid.name] -= float(table.nats[0, i]) / math.log(2)
        answer["bits"] = bits
    return answer
