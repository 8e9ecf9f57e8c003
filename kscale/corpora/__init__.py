"""How facts are told: documents with spans that say whose name, which value.

from kscale import corpora, worlds
corpus = corpora.bios(worlds.bios(1000))
plan = corpus.plan(people, exposures)   # which pieces make each document
corpora.document(corpus, plan[0])       # its text, span by span
"""

from kscale.corpora import standin
from kscale.corpora.biographies import Biographies, biod, bios, bios_simple
from kscale.corpora.corpus import (
    NAME,
    TEXT,
    Corpus,
    Label,
    Span,
    document,
    world_labels,
)
from kscale.corpora.questions import Questions, questions
from kscale.corpora.rewrites import Marks, Rewrites
from kscale.corpora.templates import Templates, biod_templates, load_templates, parse

__all__ = [
    "NAME",
    "TEXT",
    "Biographies",
    "Corpus",
    "Label",
    "Marks",
    "Questions",
    "Rewrites",
    "Span",
    "Templates",
    "biod",
    "biod_templates",
    "bios",
    "bios_simple",
    "document",
    "load_templates",
    "parse",
    "questions",
    "standin",
    "world_labels",
]
