"""Labels of worlds, and documents as spans."""

import itertools

import numpy as np
import pytest

from kscale import corpora, worlds
from kscale.corpora import Label, Span, build_labels, compose_document


def test_labels_of_a_folder(write):
    assert build_labels(write()) == (
        Label("text", "text"),
        Label("name", "name"),
        Label("pronoun", "form", 0),
        Label("birth", "value", 1),
        Label("employer", "value", 2),
        Label("possessive", "derived", 0),
        Label("city", "derived", 2),
    )


def test_labels_of_biod():
    """The first chunk and the others; a value of one chunk has no others."""
    two, one = (
        [(x.name, x.kind) for x in build_labels(world)][2:]
        for world in (worlds.build_biod(1, 1, chunks=2), worlds.build_biod(1, 2))
    )
    assert two == [("ID 1", "value1"), ("ID 1", "value")]
    assert one == [("ID 1", "value1"), ("ID 2", "value1")]
    assert len(build_labels(worlds.build_biod(1, 126, 2))) == 254
    with pytest.raises(ValueError, match="need 256 labels"):
        build_labels(worlds.build_biod(1, 127, 2))


def test_documents_join_neighbors_of_one_label(write):
    corpus = corpora.Biographies(write(), shuffled=False)
    row = corpus.plan(np.array([0]), np.array([0]))[0]
    pieces = [span for index in row for span in corpus.pieces[index]]
    spans = compose_document(corpus, row)
    assert "".join(s.text for s in spans) == "".join(s.text for s in pieces)
    assert all(a.label != b.label for a, b in itertools.pairwise(spans))
    assert compose_document(corpus, np.zeros(3, int)) == []
    assert isinstance(spans[0], Span)
