"""Parts of mixtures that tests share, and what their windows hold."""

import numpy as np

from kscale import tokenizers
from kscale.configs.base import PartConfig
from kscale.worlds import Law

JUNK = PartConfig(people=40, weight=7.0)
ASKED = PartConfig("asked", "questions", people=6, exposures=3)
UNEVEN = Law("zipf", bias=1.0)


def read_windows(task, kind):
    """Tokens and labels that are predicted in the windows of one kind, in order."""
    whole = task.order.stream
    arrays = whole.windows(0, whole.num_windows)
    rows = whole.parts(0, whole.num_windows) == kind
    return arrays["tokens"][rows, 1:].ravel(), arrays["labels"][rows, 1:].ravel()


def count_names(task, world, tokens):
    """How often each person's name, three tokens, stands in the text: int [people]."""
    encode, vocabulary = tokenizers.load_gpt2().encode, task.pool.vocabulary
    ids = [encode(f" {world.person(i)['name']}") for i in range(world.people)]
    triples = np.lib.stride_tricks.sliding_window_view(tokens, 3)
    wanted = vocabulary.to_dense(np.array(ids, np.int32))
    return [int((triples == name).all(axis=1).sum()) for name in wanted]
