import itertools

import numpy as np
import pytest

from kscale.theory.concepts import excess, finite_length, peeling
from kscale.theory.concepts.graph import graph_from_edges, peel, sample_graph


@pytest.mark.parametrize(
    ("concepts", "texts", "d"), [(1, 5, 0.25), (2, 3, 1.0), (3, 3, 1.7)]
)
def test_exact_law_by_all_graphs(concepts, texts, d):
    cells = list(itertools.product(range(concepts), range(texts)))
    p = d / concepts
    pmf, stuck = np.zeros(concepts + 1), 0.0
    for chosen in itertools.product([False, True], repeat=len(cells)):
        edges = list(itertools.compress(cells, chosen))
        concept, text = zip(*edges, strict=True) if edges else ((), ())
        learnt = peel(graph_from_edges(concept, text, concepts, texts))
        weight = p ** len(edges) * (1 - p) ** (len(cells) - len(edges))
        pmf[concepts - learnt.count] += weight
        stuck += weight * learnt.stuck
    law = peeling.learning_law(concepts, texts, d)
    np.testing.assert_allclose(law.pmf_unlearnt, pmf, rtol=1e-13)
    np.testing.assert_allclose(law.stuck, stuck, rtol=1e-13)


def test_law_is_a_law_and_learns_no_more_than_there_are_texts():
    assert peeling.learning_law(30, 150, d=1e-308).pmf_unlearnt[-1] == 1
    law = peeling.learning_law(40, 25, d=3.0)
    np.testing.assert_allclose(law.pmf_unlearnt.sum(), 1.0, rtol=1e-12)
    assert law.pmf_unlearnt[:15].sum() == 0  # R+ <= min(R, T)
    concepts = np.arange(40, -1, -1)
    np.testing.assert_allclose(law.mean_learnt, concepts @ law.pmf_unlearnt, rtol=1e-14)
    more = [peeling.learning_law(20, T, d=4.0).mean_learnt for T in range(5, 90, 12)]
    assert (np.diff(more) > 0).all()


def test_windows_leave_out_what_they_say():
    exact = peeling.learning_law(40, 190, tail=0.0)
    assert exact.truncated == 0
    for tail in (1e-30, 1e-12, 1e-6):
        law = peeling.learning_law(40, 190, tail=tail)
        lost = np.abs(law.pmf_unlearnt - exact.pmf_unlearnt).sum()
        assert lost <= law.truncated + 1e-12
        assert law.truncated < 1000 * tail


def test_chain_agrees_with_the_exact_law():
    law = peeling.learning_law(60, 290)
    found = peeling.sample_chain(60, 290, 20_000, np.random.default_rng(0))
    expected = 1 - law.mean_learnt / 60
    assert abs(found.mean - expected) < 4 * found.standard_error
    spread = np.sqrt(law.stuck * (1 - law.stuck) / 20_000)
    assert abs(found.stuck_fraction - law.stuck) < 4 * spread
    counts = np.bincount(found.unlearnt, minlength=61) / 20_000
    error = np.sqrt(law.pmf_unlearnt * (1 - law.pmf_unlearnt) / 20_000)
    assert (abs(counts - law.pmf_unlearnt) < 5 * error + 1e-4).all()


@pytest.mark.slow
def test_chain_agrees_with_graphs():
    concepts, texts, graphs = 300, 1420, 600
    rng = np.random.default_rng(1)
    peeled = [peel(sample_graph(concepts, texts, 0.02, rng)) for _ in range(graphs)]
    share = np.array([1 - learnt.count / concepts for learnt in peeled])
    found = peeling.sample_chain(concepts, texts, 6000, rng)
    error = np.hypot(found.standard_error, share.std() / np.sqrt(graphs))
    assert abs(share.mean() - found.mean) < 4 * error
    np.testing.assert_array_equal(found.stuck[found.unlearnt > 30], True)


def test_corrected_law_agrees_where_the_printed_one_does_not():
    concepts, texts = 5000, 24000
    found = peeling.sample_chain(concepts, texts, 1500, np.random.default_rng(3))
    ours = finite_length.corrected_law(concepts, texts).unlearnt
    theirs = finite_length.printed_law(concepts, texts).unlearnt
    assert abs(found.mean - ours) < 0.03
    assert abs(found.mean - theirs) > 4 * found.standard_error


@pytest.mark.parametrize(("d", "c"), [(3.0, 1.2), (3.2, 1.25)])
def test_graphs_that_do_not_stick_rest_at_the_floor(d, c):
    concepts, texts, graphs = 20_000, int(c * 20_000), 12
    rng, lost, failed = np.random.default_rng(4), [], []
    for _ in range(graphs):
        graph = sample_graph(concepts, texts, d / concepts, rng)
        unlearnt = ~peel(graph).mask
        held = graph.texts[np.repeat(unlearnt, np.diff(graph.starts))]
        lost.append(unlearnt.mean())
        failed.append((np.bincount(held, minlength=texts) >= 2).mean())
    law = finite_length.corrected_law(concepts, texts, d)
    error = np.std(lost, ddof=1) / graphs**0.5
    assert abs(np.mean(lost) - law.unlearnt) < 4 * error
    # the concepts without a text are not enough
    assert np.mean(lost) - (1 - d / concepts) ** texts > 8 * error
    mean = excess.bimodal_error(concepts, texts, d).error
    assert abs(np.mean(failed) - mean) < 4 * np.std(failed, ddof=1) / graphs**0.5
