"""What a run reads, as configuration: a world, how it is told, what is mixed in.

Every choice and its default, once, in sight; `kscale.config` puts them together.
"""

import dataclasses
from typing import Literal

from kscale import worlds
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
      first: number of the first person in the endless law of (seed, lists); ranges
        that are apart share nobody.
      law: how often each person is met.
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
    first: int = 0
    law: worlds.Law = worlds.Law()

    def build(self) -> worlds.World:
        """The world itself.

        Raises:
          ValueError: an empty or absent list, more people than names, D above T^L.
        """
        if self.kind == "bios":
            return worlds.bios(
                self.people, self.seed, self.lists, first=self.first, law=self.law
            )
        return worlds.biod(
            self.people,
            attributes=self.attributes,
            chunks=self.chunks,
            diversity=self.diversity,
            length=self.length,
            symbols=self.symbols,
            name_parts=self.name_parts,
            seed=self.seed,
            first=self.first,
            law=self.law,
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
      domain: a special token in front of each document, such as "wiki"; "": none.
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
    domain: str = ""


@dataclasses.dataclass(frozen=True)
class PartConfig:
    """Text that is mixed with a run's own: junk, questions, new people.

    A window of the mixture holds one kind. What is not said here (lists, templates,
    sentence order) is as in the run's own world and corpus.

    Attributes:
      name: what its losses are called in logs and rows.
      told: as "biographies" or as "questions" with answers.
      people: how many.
      first: number of its first person; -1: the next that nobody has taken.
      which: of questions: about "all" people, or those "odd" or "even" in number,
        counted from 1.
      exposures: how often each person is met; 0: as often as `weight` needs.
      weight: windows of this part for one of the run's own, at least one in all; 0: as
        `exposures` says.
      law: how often each person is met.
      domain: as in the corpus.
      answers_only: of questions: only answers, and the end of text after them, count
        in the loss.
    """

    name: str = "junk"
    told: Literal["biographies", "questions"] = "biographies"
    people: int = 1000
    first: int = -1
    which: Literal["all", "odd", "even"] = "all"
    exposures: int = 0
    weight: float = 0.0
    law: worlds.Law = worlds.Law()
    domain: str = ""
    answers_only: bool = False
