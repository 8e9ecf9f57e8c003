"""A stand-in for bioR: varied biographies by a grammar, without a language model.

bioR's texts are a large model's rewrites. These are not: sentences are merged, their
order, openings and connectives vary, and details that hold no fact of the world stand
between them, but every clause comes from the lists in the folder `phrases`.
"""

import functools

from kscale.corpora.wording import Draws, Wording, Writer
from kscale.worlds import World, derive_key

_TRIES = 64


def biographies(world: World, person: int, texts: int = 40, seed: int = 0) -> list[str]:
    """Biographies of one person, all different: a stand-in for bioR.

    Every text opens with the full name, tells each sentence of the world, an attribute
    before what follows from it, and uses the pronoun, so that `Rewrites` scores it
    whole. Details never hold a name or value of the world's lists. Two texts of a
    person share 4 % of their runs of three words (of those in either one; bioS: 7 %).

    Args:
      world: from `kscale.worlds.bios`. Attributes that the grammar has no words for are
        told by the world's own templates.
      person: 0 to N-1.
      texts: how many, at least 1; text i is the same however many are asked for.
      seed: of the wording.

    Returns:
      Texts, each a function of (world.seed, person, i, seed) and the facts.

    Raises:
      ValueError: texts is below 1; the world has no folder (bioD); no text that tells
        of the person was found, as where two attributes have the same value.

    Source: paper 002, section 2.2 (bioR: 40 texts a person), which this stands in for.
    """
    if texts < 1:
        raise ValueError(f"texts={texts} must be at least 1")
    if not world.folder:
        raise ValueError(
            "the stand-in for bioR writes English, which a world without a folder of"
            " lists (bioD) does not have: use worlds.bios"
        )
    wording, facts = _wording(world), world.person(person)
    found: dict[str, None] = {}
    for text in range(texts):
        for attempt in range(_TRIES):
            key = derive_key(world.seed, "stand-in", seed, person, text, attempt)
            written = Writer(wording, facts, Draws(key)).text()
            if written not in found and wording.marks.whole(person, written):
                found[written] = None
                break
        else:
            raise ValueError(
                f"person {person} ({facts['name']}): in {_TRIES} tries no new text"
                f" tells every attribute apart; is a value the same as another's?"
            )
    return list(found)


@functools.lru_cache(maxsize=4)
def _wording(world: World) -> Wording:
    return Wording(world)
