"""How facts are told: documents whose spans say whose name and which value.

from kscale import corpora, worlds
corpus = corpora.Biographies(worlds.build_bios(1000))
plan = corpus.plan(people, exposures)          # which pieces make each document
corpora.compose_document(corpus, plan[0])      # its text, span by span
"""

from . import standin as standin
from .biographies import Biographies as Biographies
from .corpus import NAME as NAME
from .corpus import TEXT as TEXT
from .corpus import Corpus as Corpus
from .corpus import Label as Label
from .corpus import Span as Span
from .corpus import build_labels as build_labels
from .corpus import compose_document as compose_document
from .questions import Questions as Questions
from .rewrites import FactFinder as FactFinder
from .rewrites import Rewrites as Rewrites
