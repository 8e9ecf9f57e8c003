import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kscale.theory.concepts import density
from kscale.theory.concepts.graph import Graph, graph_from_edges, peel, sample_graph


def edges_of(graph):
    concept = np.repeat(np.arange(graph.concept_count), np.diff(graph.starts))
    return list(zip(concept.tolist(), graph.texts.tolist(), strict=True))


def peel_one_by_one(graph, rng):
    """Learn one concept at a time from any text that will teach one."""
    texts = [set() for _ in range(graph.text_count)]
    for concept, text in edges_of(graph):
        texts[text].add(concept)
    learnt = set()
    while ready := [text for text in texts if len(text) == 1]:
        (concept,) = ready[rng.integers(len(ready))]
        learnt.add(concept)
        for text in texts:
            text.discard(concept)
    return learnt


def test_a_text_with_one_concept_starts_and_two_rings_stick():
    graph = graph_from_edges([0, 0, 1, 2, 2, 3, 3], [0, 1, 1, 2, 3, 2, 3], 5, 5)
    learnt = peel(graph)
    assert learnt.mask.tolist() == [True, True, False, False, False]
    assert learnt.by_round.tolist() == [1, 1]
    assert (learnt.count, learnt.stuck) == (2, True)
    # concepts without a text are unlearnt, but not stuck
    learnt = peel(graph_from_edges([0], [0], 3, 2))
    assert (learnt.count, learnt.stuck) == (1, False)
    nothing = peel(graph_from_edges([], [], 3, 2))
    assert (nothing.count, len(nothing.by_round), nothing.stuck) == (0, 0, False)


@settings(max_examples=60)
@given(st.integers(1, 12), st.integers(1, 14), st.integers(0, 2**32))
def test_any_order_learns_the_same(concepts, texts, seed):
    rng = np.random.default_rng(seed)
    graph = sample_graph(concepts, texts, rng.uniform(0.05, 0.5), rng)
    learnt = peel(graph)
    for _ in range(3):
        one_by_one = peel_one_by_one(graph, rng)
        assert set(np.flatnonzero(learnt.mask).tolist()) == one_by_one
    assert learnt.count == learnt.by_round.sum() == learnt.mask.sum()
    assert learnt.count <= min(concepts, texts)


@pytest.mark.parametrize("eps", [0.1, 0.5, 0.9])
def test_dummy_symbols_change_nothing(eps):
    concepts, texts = 2000, 9100
    symbols = int(concepts / eps)
    rng = np.random.default_rng(int(10 * eps))
    outcomes = set()
    for _ in range(10):
        graph = sample_graph(symbols, texts, 6 / concepts, rng)
        decoded = peel(graph, known=np.arange(symbols) >= concepts)
        starts = graph.starts[: concepts + 1]
        alone = peel(Graph(starts, graph.texts[: starts[-1]], texts))
        np.testing.assert_array_equal(decoded.mask[:concepts], alone.mask)
        np.testing.assert_array_equal(decoded.by_round, alone.by_round)
        assert not decoded.mask[concepts:].any()
        outcomes.add(alone.stuck)
    assert outcomes == {True, False}  # near the threshold, so both were compared


def test_sampled_graph_has_every_cell_alike():
    rng = np.random.default_rng(0)
    hits = np.zeros((3, 4))
    for _ in range(4000):
        for concept, text in edges_of(sample_graph(3, 4, 0.3, rng)):
            hits[concept, text] += 1
    np.testing.assert_allclose(hits / 4000, 0.3, atol=5 * np.sqrt(0.21 / 4000))


def test_sampled_graph_is_sorted_without_repeats_at_any_density():
    rng = np.random.default_rng(1)
    for p in (0.0, 1e-300, 1e-3, 0.5, 1.0):
        graph = sample_graph(40, 30, p, rng)
        edges = edges_of(graph)
        assert edges == sorted(set(edges))
        assert all(0 <= text < 30 for _, text in edges)
    assert edges == list(itertools.product(range(40), range(30)))
    wide = sample_graph(2**9, 2**46, 1e-14, rng)
    np.testing.assert_allclose(len(wide.texts), 2**55 * 1e-14, rtol=0.4)


def test_large_graph_follows_density_evolution():
    rng = np.random.default_rng(2)
    for texts in (100_000, 300_000, 430_000):
        learnt = peel(sample_graph(100_000, texts, 6e-5, rng))
        expected = density.density_evolution(100_000, texts)
        np.testing.assert_allclose(1 - learnt.count / 1e5, expected, atol=0.006)
        assert learnt.stuck
    assert peel(sample_graph(100_000, 480_000, 6e-5, rng)).count == 100_000


def test_a_chain_of_single_concepts_is_not_quadratic():
    size = 20_000  # text i holds concepts i-1 and i: one a round
    chain = np.arange(size)
    ends = np.concatenate([chain, chain[:-1]]), np.concatenate([chain, chain[1:]])
    graph = graph_from_edges(*ends, size, size)
    start = time.process_time()
    learnt = peel(graph)
    assert time.process_time() - start < 3
    assert learnt.count == len(learnt.by_round) == size
    with pytest.raises(ValueError, match=r"known\.shape=\(2,\) must be \(3,\): say of"):
        peel(graph_from_edges([0], [0], 3, 3), known=np.zeros(2, bool))
