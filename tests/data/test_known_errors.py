"""Errors seen in other re-implementations, each of which moves the bits."""

import tracemalloc

import numpy as np

from kscale import corpora, data
from kscale.data import PAD, Batches, Stream


def text(corpus, row):
    return "".join(span.text for span in corpora.compose_document(corpus, row))


def test_a_person_is_not_drawn_afresh_for_every_row(made):
    """The same person has the same facts at every exposure, in every text."""
    corpus = made("mini", 40).corpus
    facts = corpus.world.person(17)
    for row in corpus.plan(np.full(30, 17), np.arange(30)):
        written = text(corpus, row)
        assert all(facts[name] in written for name in ("name", *corpus.world.sentences))


def test_documents_are_packed_not_padded(made):
    """Nothing but the very end of the run is padding, and EOS stands once between."""
    m = made("mini", 40)
    stream = Stream(m.corpus, m.pool, 5, 64)
    windows = stream.windows(0, stream.num_windows)
    counted = windows["labels"][:, 1:] != PAD
    assert counted[:-1].all()
    eos = (windows["tokens"][:, 1:] == m.pool.eos) & counted
    assert eos.sum() == 40 * 5  # one opens each but the first, one closes the last
    assert (windows["tokens"][:-1, :] == m.pool.eos).mean() < 0.03


def test_the_pronoun_that_counts_is_written(made):
    """One bit for the gender is credited, so each scored text holds it, once."""
    m = made("bios", 64)
    label = [x.name for x in m.corpus.labels].index("pronoun")
    documents = m.pool.compose(m.corpus.score_plan(np.arange(64)))
    assert (documents.labels == label).sum() == 64
    words = {
        m.tokenizer.decode(m.pool.vocabulary.to_original([token]))
        for token in documents.tokens[documents.labels == label]
    }
    assert words == {" He", " She", " His", " Her"}


def test_the_visits_are_not_held_in_memory(made):
    """Ten million visits would be 80 MB as a list; what is kept is 5 MB."""
    m = made("biod", 64)
    exposures = 10**7 // 64
    stream = Stream(m.corpus, m.pool, exposures, 64)
    stream._starts = np.arange(stream.visits // stream._block + 2) * stream._block * 13
    tracemalloc.start()
    for first in (0, 10**6):
        stream.windows(first, 16)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1e6
    long = Stream(m.corpus, m.pool, 10**10, 64)
    assert long.visits // long._block <= 2**23
    people, exposure = long.visit(np.arange(1000) * (long.visits // 1000))
    assert len({*zip(people.tolist(), exposure.tolist(), strict=True)}) == 1000


def test_devices_share_the_exposures_of_one_run(made):
    """Eight processes see E exposures together; none has a run of its own."""
    m = made("mini", 40)
    stream = Stream(m.corpus, m.pool, 4, 50)
    shares = [Batches(stream, 8, process=i, processes=8) for i in range(8)]
    assert {len(share) for share in shares} == {len(Batches(stream, 8))}
    targets = sum(
        (share[step]["labels"][:, 1:] != PAD).sum()
        for share in shares
        for step in range(len(share))
    )
    assert targets == stream.total_tokens - 1


def test_the_vocabulary_does_not_grow_with_the_data(made):
    small, large = made("bios", 3), made("bios", 5000)
    ids = [m.pool.vocabulary.original_ids for m in (small, large)]
    assert np.array_equal(*ids)
    assert 3000 < len(ids[0]) < 4000
    assert data.tokenize(small.corpus, small.tokenizer).vocabulary.size == len(ids[0])
