"""The concept-text graph itself: sampled, and peeled in time linear in its edges.

A text joined to exactly one unlearnt concept teaches it. Of each text two numbers
matter, how many of its concepts are unlearnt and the sum of their numbers: when the
count is 1 the sum is the concept. Peeling proceeds in rounds over the texts that just
came down to one, so its cost is that of the edges it touches, however many the rounds.
"""

from typing import NamedTuple

import numpy as np

from kscale.theory import checks


class Graph(NamedTuple):
    """A bipartite graph, listed by concept.

    Attributes:
      starts: int64 [R+1]; the texts of concept r are `texts[starts[r]:starts[r+1]]`.
      texts: int64 [edges], a text's number in 0..count-1.
      text_count: T.
    """

    starts: np.ndarray
    texts: np.ndarray
    text_count: int

    @property
    def concept_count(self) -> int:
        """Returns R."""
        return len(self.starts) - 1


@checks.check_domain(
    {
        "concepts": "integer [0, inf)",
        "texts": "integer [0, inf)",
        "concept": "integer [0, concepts) of [edges]",
        "text": "integer [0, texts) of [edges]",
    }
)
def graph_from_edges(
    concept: np.ndarray, text: np.ndarray, concepts: int, texts: int
) -> Graph:
    """Returns the graph of R concepts and T texts with these edges, none of them twice.

    Example:
      >>> graph_from_edges([1, 0, 1], [0, 0, 1], 2, 2).texts
      array([0, 0, 1])
    """
    concept, text = (np.asarray(x, np.int64) for x in (concept, text))
    order = np.lexsort((text, concept))
    rows, columns = concept[order], text[order]
    twice = (np.diff(rows) == 0) & (np.diff(columns) == 0)
    if twice.any():
        edge = rows[np.argmax(twice)], columns[np.argmax(twice)]
        raise ValueError(f"edge=({edge[0]}, {edge[1]}) must occur once: drop the other")
    starts = np.searchsorted(rows, np.arange(concepts + 1))
    return Graph(starts, columns, texts)


@checks.check_domain(
    dict.fromkeys(("concepts", "texts"), "integer [1, inf)") | {"probability": "[0, 1]"}
)
def sample_graph(
    concepts: int, texts: int, probability: float, rng: np.random.Generator
) -> Graph:
    """Draws a graph that joins each concept and text independently with a probability.

    The gaps between edges, in the order of the grid of R x T cells, below 2^56, are
    geometric: time and memory (24 bytes an edge) are those of the edges, not of the
    cells. The paper's probability is d/R.

    Example:
      >>> sample_graph(2, 3, 1.0, np.random.default_rng(0)).texts
      array([0, 1, 2, 0, 1, 2])

    Source: Nayak & Varshney 2024, section 2.2.
    """
    cells = concepts * texts
    rule = "must be below 2^56: take fewer"
    checks.refuse("concepts * texts", cells, cells >= 2**56, rule)
    cell = _draw_cells(cells, probability, rng)
    rows = np.arange(concepts + 1, dtype=np.int64) * texts
    starts = np.searchsorted(cell, rows)
    cell -= np.repeat(rows[:-1], np.diff(starts))
    return Graph(starts, cell, texts)


def _draw_cells(cells: int, probability: float, rng: np.random.Generator) -> np.ndarray:
    """Returns the cells of 0..cells-1 that hold an edge, ascending."""
    if probability == 0:
        return np.zeros(0, np.int64)
    parts, last = [], -1
    while last < cells:
        mean = (cells - last) * probability
        size = int(mean + 6 * mean**0.5) + 16
        # a gap beyond the grid ends it, and must not overflow when added up
        cell = np.minimum(rng.geometric(probability, size), cells + 1)
        np.cumsum(cell, out=cell)
        cell += last
        parts.append(cell)
        last = int(cell[-1])
    cell = np.concatenate(parts) if len(parts) > 1 else parts[0]
    return cell[: np.searchsorted(cell, cells)]


class Peeling(NamedTuple):
    """The result of peeling, the same in whatever order texts are taken.

    Attributes:
      mask, count: bool [R], the concepts learnt; how many, at most min(R, T).
      by_round: int [rounds], how many in each round (all that are ready at once).
      stuck: some text still has two or more unlearnt concepts. If not, only concepts
        without a text are unlearnt.
    """

    mask: np.ndarray
    count: int
    by_round: np.ndarray
    stuck: bool


def peel(graph: Graph, known: np.ndarray | None = None) -> Peeling:
    """Learns concepts from texts with a single unlearnt one until none is left.

    Linear in the edges: a round costs its own edges and a fixed 50 microseconds.

    Args:
      graph: of concepts and texts.
      known: bool [R], concepts known before any text is read: the dummy symbols by
        which the paper makes of peeling the decoding of a code. They do not change
        what is learnt of the rest, and are neither in `mask` nor counted.

    Example:
      >>> chain = graph_from_edges([0, 0, 1, 1, 2], [0, 1, 1, 2, 2], 3, 3)
      >>> peel(chain).by_round  # text 0 teaches concept 0, then text 1 concept 1 ...
      array([1, 1, 1])

    Source: Nayak & Varshney 2024, section 2.3.
    """
    size = graph.concept_count
    left, total = _unlearnt_of_texts(graph)
    mask = np.zeros(size, bool)
    if known is not None:
        known = np.asarray(known, bool)
        if known.shape != (size,):
            rule = f"must be ({size},): say of each concept whether it is known"
            raise ValueError(f"known.shape={known.shape} {rule}")
        _remove(graph, np.flatnonzero(known), left, total)
    owner = np.empty(size, np.int64)
    ready, by_round = np.flatnonzero(left == 1), []
    while len(ready):
        new = total[ready]
        if len(new) > 1:  # several texts may teach the same concept: keep one of them
            owner[new] = np.arange(len(new))
            new = new[owner[new] == np.arange(len(new))]
        mask[new] = True
        by_round.append(len(new))
        touched = _remove(graph, new, left, total)
        ready = touched[left[touched] == 1]
    stuck = bool((left > 1).any())
    return Peeling(mask, int(mask.sum()), np.asarray(by_round, np.int64), stuck)


def _unlearnt_of_texts(graph: Graph) -> tuple[np.ndarray, np.ndarray]:
    """Returns how many concepts each text has, and the sum of their numbers."""
    texts, size = graph.texts, graph.text_count
    names = np.repeat(np.arange(graph.concept_count), np.diff(graph.starts))
    left = np.bincount(texts, minlength=size)
    # exact: the sums stay below 2^53
    total = np.bincount(texts, weights=names, minlength=size).astype(np.int64)
    return left, total


def _remove(
    graph: Graph, concepts: np.ndarray, left: np.ndarray, total: np.ndarray
) -> np.ndarray:
    """Takes concepts off their texts; returns these texts, one entry an edge."""
    if len(concepts) == 1:  # chains of single concepts go fast
        one = concepts[0]
        touched = graph.texts[graph.starts[one] : graph.starts[one + 1]]
        left[touched] -= 1
        total[touched] -= one
        return touched
    starts = graph.starts[concepts]
    sizes = graph.starts[concepts + 1] - starts
    ends = np.cumsum(sizes)
    edges = np.arange(ends[-1] if len(ends) else 0)
    edges += np.repeat(starts - ends + sizes, sizes)
    touched = graph.texts[edges]
    np.subtract.at(left, touched, 1)
    np.subtract.at(total, touched, np.repeat(concepts, sizes))
    return touched
