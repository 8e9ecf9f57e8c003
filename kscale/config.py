"""What a run is made of: every choice and its default, once, in sight.

A Config is a tree of frozen dataclasses, one for each room that the data flow through.
`kscale.configs` holds the named ones, `kscale.fields` changes single fields.

    config = configs.load("demo")
    config = fields.override(config, "model.layers", "3")
    validate(config)
"""

import dataclasses
import hashlib
import itertools
import json
import pathlib
from typing import Any, Literal

from kscale import fields, worlds
from kscale.models.config import ModelConfig
from kscale.train.config import RHYTHM, Hyper, TrainConfig
from kscale.worlds.biod import PUBLISHED_NAME_PARTS


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
    """

    kind: Literal["bios", "biod"] = "bios"
    people: int = 10_000
    seed: int = 0
    lists: str = "bios"
    attributes: int = 1
    chunks: int = 1
    diversity: int = 10
    length: int = 1
    symbols: int = 20
    name_parts: tuple[int, ...] = PUBLISHED_NAME_PARTS

    def build(self) -> worlds.World:
        """The world itself.

        Raises:
          ValueError: an empty or absent list, more people than names, D above T^L.
        """
        if self.kind == "bios":
            return worlds.bios(self.people, seed=self.seed, lists=self.lists)
        return worlds.biod(
            self.people,
            attributes=self.attributes,
            chunks=self.chunks,
            diversity=self.diversity,
            length=self.length,
            symbols=self.symbols,
            name_parts=self.name_parts,
            seed=self.seed,
        )


@dataclasses.dataclass(frozen=True)
class CorpusConfig:
    """How the facts are told.

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
    """

    kind: Literal["bios", "bios_simple", "bior", "biod"] = "bios"
    path: str = ""
    style: Literal["paper", "bare"] = "paper"
    order: Literal["shuffled", "fixed"] = "shuffled"
    seed: int = 0
    tokenizer: Literal["gpt2", "sentencepiece", "symbols"] = "gpt2"
    tokenizer_vocab: int = 0
    mask_documents: bool = False
    skip_unfound: bool = False


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Which texts are met, how often, in what order and windows.

    Attributes:
      exposures: E, how often each person's knowledge is seen.
      context: tokens of a window.
      batch: windows of one optimiser step, over all devices.
      seed: of the order of the documents.
      shared_order: members of a population read the same batches; False gives each
        its own order, drawn from its seed.
      steps_rule: "exact" reads every window once; "published" takes the paper's step
        counts, which are those of six whole biographies a window of 512.
      prefetch: batches made ahead of the model.
    """

    exposures: int = 1000
    context: int = 512
    batch: int = 96
    seed: int = 0
    shared_order: bool = True
    steps_rule: Literal["exact", "published"] = "exact"
    prefetch: int = 4


@dataclasses.dataclass(frozen=True)
class ScoreConfig:
    """Whose knowledge is measured.

    Attributes:
      people: how many, a random sample; 0 is the whole world.
      batch: documents scored at once; 0: as many as suit the device.
      seed: of the sample and of the texts in which people are scored.
    """

    people: int = 0
    batch: int = 0
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class MembersConfig:
    """A population trained side by side: every combination of what is listed.

    Attributes:
      seeds, learning_rates, weight_decays: empty means the one value in `train`.
    """

    seeds: tuple[int, ...] = ()
    learning_rates: tuple[float, ...] = ()
    weight_decays: tuple[float, ...] = ()


@dataclasses.dataclass(frozen=True)
class MeshConfig:
    """How devices are arranged; changes how fast a run is, not what it computes.

    Attributes:
      population: groups of devices that train different members.
      data: devices that share the rows of a batch; 0: all that are left.
      model: devices that share the matrices of one model.
    """

    population: int = 1
    data: int = 0
    model: int = 1


@dataclasses.dataclass(frozen=True)
class Config:
    """One run, from facts to bits per parameter.

    Attributes:
      name: what to call it; no part of what is computed.
      world, corpus, data, model, train, score, members, mesh: see their classes. The
        model's vocabulary is 0 here: it follows from the corpus.
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


# Fields that change when and how fast something happens, never the result.
NO_RESULT = (
    "name",
    "data.prefetch",
    "score.batch",
    *(f"mesh.{field.name}" for field in dataclasses.fields(MeshConfig)),
    *(f"train.{field}" for field in RHYTHM),
)


def members(config: Config) -> list[Hyper]:
    """The models that a config trains: at least one, seeds varying fastest."""
    train, chosen = config.train, config.members
    grid = itertools.product(
        chosen.learning_rates or (train.learning_rate,),
        chosen.weight_decays or (train.weight_decay,),
        chosen.seeds or (train.seed,),
    )
    return [Hyper(*member) for member in grid]


def fingerprint(config: Config) -> str:
    """Twelve hex digits that are equal where two configs have the same result.

    Example:
      >>> slow = fields.override(Config(), "train.log_every", 10)
      >>> fingerprint(slow) == fingerprint(Config())
      True
    """
    # Through from_dict, so that 1 in a field of floats is 1.0.
    leaves = fields.flatten(fields.from_dict(Config, fields.to_dict(config)))
    kept = {path: leaf for path, leaf in leaves.items() if path not in NO_RESULT}
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def save(config: Config, path: str | pathlib.Path) -> None:
    """Write the config as JSON that `load` reads."""
    text = json.dumps(fields.to_dict(config), indent=2, allow_nan=False)
    pathlib.Path(path).write_text(text + "\n", encoding="utf-8")


def load(path: str | pathlib.Path) -> Config:
    """Read a config that `save` wrote.

    Raises:
      ValueError: the file is absent, is not JSON, or holds an unknown field.
    """
    try:
        data: Any = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is no readable config: {error}") from error
    if not isinstance(data, dict):
        raise ValueError(f"{path} is no config: it must hold a JSON object")
    return fields.from_dict(Config, data)
