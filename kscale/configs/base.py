"""What a run is made of: every choice and its default, once, in sight.

A Config is a tree of frozen dataclasses, one for each room that the data flow through.
`kscale.configs` holds the named ones, `kscale.configs.fields` changes single fields.
"""

import dataclasses
import itertools
import json
import pathlib
from typing import Annotated, Any, Literal

from kscale import worlds
from kscale.configs import fields
from kscale.files import digest, read_json, write_json
from kscale.models.config import ModelConfig
from kscale.quant.scheme import NO_ROUNDING, Scheme
from kscale.train.config import RHYTHM, Hyper, TrainConfig
from kscale.worlds.biod import PUBLISHED_NAME_PARTS

# The least and the most of a number; what is beyond is a slip of the hand.
Count = Annotated[int, (1, 10**9)]
CountOrNone = Annotated[int, (0, 10**9)]
Exposures = Annotated[int, (1, 10**8)]
Few = Annotated[int, (1, 10**6)]
Rates = Annotated[tuple[float, ...], (0, 1e37)]
Seed = Annotated[int, (0, 2**63 - 1)]

CONFIG = "config.json"  # what a run folder keeps its config in


@dataclasses.dataclass(frozen=True)
class WorldConfig:
    """The facts: who exists and which values they can have.

    Attributes:
      kind: "bios" (lists of real names and values) or "biod" (random strings).
      people: N, at most the number of names.
      seed: of names and values.
      lists: of bioS: "bios" (the published counts), "mini", "tiny", or a folder's path.
      attributes, chunks, diversity, length, symbols: K, C, D, L and T of bioD.
      name_parts: of bioD: how many words each part of a name is drawn from.
      first: number of the first person in the endless law of (seed, lists); ranges
        that are apart share nobody.
      law: how often each person is seen.
    """

    kind: Literal["bios", "biod"] = "bios"
    people: Count = 10_000
    seed: Seed = 0
    lists: str = "bios"
    attributes: Few = 1
    chunks: Few = 1
    diversity: Count = 10
    length: Few = 1
    symbols: Few = 20
    name_parts: Annotated[tuple[int, ...], (1, 10**6)] = PUBLISHED_NAME_PARTS
    first: Annotated[int, (0, 2**62)] = 0
    law: worlds.Law = worlds.Law()

    def build(self) -> worlds.World:
        """Returns the world itself.

        Raises:
          ValueError: an empty or absent list, more people than names, D above T^L.
        """
        if self.kind == "bios":
            return worlds.build_bios(
                self.people, self.seed, self.lists, first=self.first, law=self.law
            )
        chosen = {x: y for x, y in vars(self).items() if x not in ("kind", "lists")}
        return worlds.build_biod(**chosen)


@dataclasses.dataclass(frozen=True)
class CorpusConfig:
    """How the facts become text.

    Attributes:
      kind: "bios" (new text at each exposure), "bios_simple" (one text per person),
        "bior" (rewritten biographies from JSONL files) or "biod" (paragraphs).
      path: of bioR: a JSONL file or a folder of them.
      style: of bioD: "paper" (whole sentences) or "bare" (what is needed to tell it).
      order: of sentences: "shuffled" or "fixed".
      seed: of templates and orders.
      tokenizer: "gpt2", "sentencepiece" (trained on the world) or "symbols" (bioD).
      tokenizer_vocab: of SentencePiece: how many tokens to train.
      mask_documents: keep attention inside each document of a window.
      skip_unfound: of bioR: skip and count people whose values are not in their text
        instead of refusing the file.
      domain: a special token in front of each document, such as "wiki"; "": none.
    """

    kind: Literal["bios", "bios_simple", "bior", "biod"] = "bios"
    path: str = ""
    style: Literal["paper", "bare"] = "paper"
    order: Literal["shuffled", "fixed"] = "shuffled"
    seed: Seed = 0
    tokenizer: Literal["gpt2", "sentencepiece", "symbols"] = "gpt2"
    tokenizer_vocab: Annotated[int, (0, 10**6)] = 0
    mask_documents: bool = False
    skip_unfound: bool = False
    domain: str = ""


@dataclasses.dataclass(frozen=True)
class PartConfig:
    """Text that is mixed with a run's own: junk, questions, new people.

    A window of the mixture holds one kind. What is not said here (lists, templates,
    sentence order) is as in the run's own world and corpus.

    Attributes:
      name: what its losses are called in logs and rows.
      kind: as "biographies" or as "questions" with answers.
      people: how many.
      first: number of its first person; -1: the next that nobody has taken.
      which: of questions: about "all" people, or those "odd" or "even" in number,
        counted from 1.
      exposures: how often each person is seen; 0: as often as `weight` needs.
      weight: windows of this part for one of the run's own, at least one in all; 0: as
        `exposures` says.
      law: how often each person is seen.
      domain: as in the corpus.
      answers_only: of questions: only answers, and the end of text after them, count
        in the loss.
    """

    name: str = "junk"
    kind: Literal["biographies", "questions"] = "biographies"
    people: Count = 1000
    first: Annotated[int, (-1, 2**62)] = -1
    which: Literal["all", "odd", "even"] = "all"
    exposures: Annotated[int, (0, 10**8)] = 0
    weight: Annotated[float, (0, 10**9)] = 0.0
    law: worlds.Law = worlds.Law()
    domain: str = ""
    answers_only: bool = False


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Which texts are read, how often, in what order and windows.

    Attributes:
      exposures: E, how often each person's knowledge is seen.
      context: tokens of a window.
      batch: windows of one optimizer step, over all devices.
      seed: of the order of the documents.
      prefetch: batches made ahead of the model.
      epochs: passes over the same documents, each in a new order; divides `exposures`.
      share: of the visits, how many are read: what is replayed when a model goes on
        with new text. 0 leaves only the parts.
    """

    exposures: Exposures = 1000
    context: Few = 512
    batch: Few = 96
    seed: Seed = 0
    prefetch: Annotated[int, (1, 1000)] = 4
    epochs: Exposures = 1
    share: float = 1.0


@dataclasses.dataclass(frozen=True)
class ScoreConfig:
    """Whose knowledge is measured.

    Attributes:
      people: how many, a random sample; 0 is the whole world.
      batch: documents scored at once; 0: as many as suit the device.
      seed: of the sample and of the texts in which people are scored.
      classes: into how many classes of frequency people are divided.
      quantiles: of what the classes are: equally many "people", or equal "mass" of all
        visits.
      times: how often to score during training, at steps evenly spaced in their
        logarithm and multiples of a thousandth of the run, or of
        `train.steps_per_dispatch` where that is set; 0: at the end only.
    """

    people: CountOrNone = 0
    batch: Annotated[int, (0, 10**6)] = 0
    seed: Seed = 0
    classes: Annotated[int, (1, 10_000)] = 4
    quantiles: Literal["people", "mass"] = "people"
    times: Annotated[int, (0, 1000)] = 0


@dataclasses.dataclass(frozen=True)
class MembersConfig:
    """A population trained side by side: every combination of what is listed.

    Attributes:
      seeds, learning_rates, weight_decays: empty means the one value in `train`.
    """

    seeds: Annotated[tuple[int, ...], (0, 2**32 - 1)] = ()
    learning_rates: Rates = ()
    weight_decays: Rates = ()


@dataclasses.dataclass(frozen=True)
class MeshConfig:
    """How devices are arranged; changes how fast a run is, not what it computes.

    Attributes:
      population: groups of devices that train different members.
      data: devices that share the rows of a batch; 0: all that are left.
      model: devices that share the matrices of one model.
      expert: devices that share the experts of one model.
    """

    population: Few = 1
    data: Annotated[int, (0, 10**6)] = 0
    model: Few = 1
    expert: Few = 1


@dataclasses.dataclass(frozen=True)
class Config:
    """One run, from facts to bits per parameter.

    Attributes:
      name: what to call it; no part of what is computed.
      world, corpus, data, model, train, score, members, mesh: see their classes. The
        model's vocabulary is 0 here: it follows from the corpus.
      parts: what is mixed with the run's own text.
      qat: how weights are rounded while a model is trained (quantization-aware
        training) and scored; 0 bits: not at all.
      start: the finished run whose model is trained further: its folder or, in a
        sweep, its fingerprint. "": a new model.
    """

    name: str = "custom"
    world: WorldConfig = WorldConfig()
    corpus: CorpusConfig = CorpusConfig()
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    score: ScoreConfig = ScoreConfig()
    members: MembersConfig = MembersConfig()
    mesh: MeshConfig = MeshConfig()
    parts: tuple[PartConfig, ...] = ()
    start: str = ""
    qat: Scheme = NO_ROUNDING


# Every config of kscale 0.1 has these fields, none of later versions.
_FIELDS_OF_0_1 = {"data": "shared_order", "model": "scan_layers", "train": "trained"}

# What every config of kscale has, and another program's config.json has not.
_MARKS = ("world", "corpus", "data", "model", "train")

# Fields that change when and how fast something happens, never the result.
NO_RESULT = (
    "name",
    "data.prefetch",
    "score.batch",
    *(f"mesh.{field.name}" for field in dataclasses.fields(MeshConfig)),
    *(f"train.{field}" for field in RHYTHM),
)


def list_members(config: Config) -> list[Hyper]:
    """Lists the models that a config trains: at least one, seeds varying fastest."""
    train, chosen = config.train, config.members
    grid = itertools.product(
        chosen.learning_rates or (train.learning_rate,),
        chosen.weight_decays or (train.weight_decay,),
        chosen.seeds or (train.seed,),
    )
    return [Hyper(*member) for member in grid]


def member_config(config: Config, hyper: Hyper) -> Config:
    """Returns the config of one member's solo run; its fingerprint names the member."""
    return dataclasses.replace(
        config,
        model=dataclasses.replace(config.model, vocab=0),
        members=MembersConfig(),
        train=dataclasses.replace(
            config.train,
            learning_rate=float(hyper.learning_rate),
            weight_decay=float(hyper.weight_decay),
            seed=int(hyper.seed),
        ),
    )


def place_parts(parts: tuple[PartConfig, ...], world: WorldConfig) -> list[PartConfig]:
    """Gives parts their first people: the next free ones unless they say which."""
    free, out = world.first + world.people, []
    for part in parts:
        first = free if part.first < 0 else part.first
        free = max(free, first + part.people)
        out.append(dataclasses.replace(part, first=first))
    return out


def make_absolute(config: Config) -> Config:
    """Returns the config with its paths absolute, as a run keeps them.

    What is not there stays as it was written, for the message that says so.

    Raises:
      ValueError: ~NAME stands for no user.
    """
    leaves, found = fields.flatten(config), {}
    for path, leaf in leaves.items():
        if path in ("world.lists", "start") or path.endswith(".path"):
            try:
                there = pathlib.Path(leaf).expanduser()
            except RuntimeError:
                raise ValueError(f"{path}={leaf!r}: there is no such home") from None
            if leaf and leaf not in worlds.LISTS and there.exists():
                found[path] = str(there.resolve())
    return fields.override_all(config, found)


def fingerprint(config: Config) -> str:
    """Returns twelve hex digits, equal where two configs have the same result."""
    kept = select_meaningful(config)
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return digest(text.encode())


def select_meaningful(config: Config) -> dict[str, Any]:
    """Selects the fields on which a result depends, by path, as JSON types.

    Fields at their defaults are left out, so that a new field whose default is what was
    done before it leaves every fingerprint as it is.
    """
    # Through from_dict, so that 1 in a field of floats is 1.0.
    config = fields.from_dict(Config, fields.to_dict(config))
    defaults = fields.flatten(Config(parts=(PartConfig(),) * len(config.parts)))
    kept = {
        path: leaf
        for path, leaf in fields.flatten(config).items()
        if path not in NO_RESULT and leaf != defaults[path]
    }
    return kept | ({"parts": len(config.parts)} if config.parts else {})


def require_same(old: Config, new: Config, what: str, remedy: str) -> None:
    """Checks that two configs have the same result.

    Raises:
      ValueError: `what` differs, all fields that do, and the `remedy`.
    """
    old, new = make_absolute(old), make_absolute(new)
    if fingerprint(old) == fingerprint(new):
        return
    changed = [
        f"{path} was {before!r}, is {after!r}"
        for path, before, after in fields.diff(old, new)
        if path not in NO_RESULT
    ]
    raise ValueError(f"{what}: {'; '.join(changed)}; {remedy}")


def save_config(config: Config, path: str | pathlib.Path) -> None:
    """Writes a config as JSON that `load_config` reads."""
    write_json(pathlib.Path(path), fields.to_dict(config))


def is_config(path: pathlib.Path) -> bool:
    """Tells whether a file is a config of kscale, of this or another version.

    That is the mark of a run folder: other programs, too, have a `config.json`.
    """
    try:
        data = read_json(path, "config")
    except ValueError:
        return False
    return all(isinstance(data.get(group), dict) for group in _MARKS)


def load_config(path: str | pathlib.Path) -> Config:
    """Reads a config that `save_config` wrote: from its file, or a run's folder.

    Raises:
      ValueError: the file is absent, is not JSON, holds an unknown field, or is of an
        earlier version of kscale.
    """
    path = pathlib.Path(path).expanduser()
    path = path / CONFIG if path.is_dir() else path
    data: Any = read_json(path, "config")
    groups = {group: data.get(group) for group in _FIELDS_OF_0_1}
    if any(isinstance(x, dict) and _FIELDS_OF_0_1[y] in x for y, x in groups.items()):
        raise ValueError(
            f"{path} was written by kscale 0.1: `python -m tools.migrate_results"
            f" {path.parent}` in a checkout rewrites its folder"
        )
    try:
        return fields.from_dict(Config, data)
    except ValueError as error:
        raise ValueError(f"{path} is no readable config: {error}") from None
