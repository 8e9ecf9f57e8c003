"""How facts are told: documents with spans that say whose name, which value.

from kscale import corpora, worlds
corpus = corpora.Biographies(worlds.build_bios(1000))
plan = corpus.plan(people, exposures)   # which pieces make each document
corpora.compose_document(corpus, plan[0])       # its text, span by span
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
from kscale.corpora.templates import Templates, biod_templates, load_templates, parse

__all__ = [
    "NAME",
    "TEXT",
    "Biographies",
    "Corpus",
    "Label",
    "FactFinder",
    "Questions",
    "Rewrites",
    "Span",
    "Templates",
    "biod_templates",
    "compose_document",
    "load_templates",
    "parse",
    "standin",
    "build_labels",
]
