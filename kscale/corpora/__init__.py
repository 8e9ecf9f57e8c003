"""How facts are told: documents whose spans say whose name and which value.

from kscale import corpora, worlds
corpus = corpora.Biographies(worlds.build_bios(1000))
plan = corpus.plan(people, exposures)          # which pieces make each document
corpora.compose_document(corpus, plan[0])      # its text, span by span
"""

from kscale.corpora import standin
from kscale.corpora.biographies import Biographies
from kscale.corpora.corpus import (
    NAME,
    TEXT,
    Corpus,
    Label,
    Span,
    build_labels,
    compose_document,
)
from kscale.corpora.questions import Questions
from kscale.corpora.rewrites import FactFinder, Rewrites

__all__ = [
    "NAME",
    "TEXT",
    "Biographies",
    "Corpus",
    "FactFinder",
    "Label",
    "Questions",
    "Rewrites",
    "Span",
    "build_labels",
    "compose_document",
    "standin",
]
