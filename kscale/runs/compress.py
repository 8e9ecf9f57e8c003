"""A finished run's model as a lossless code of text.

codec = open_codec(pathlib.Path("runs/mine"))
codec.decompress(codec.compress(b" Anya was born in Ulm.\\n"))
"""

import pathlib

from kscale import models
from kscale.compression import Alphabet, Codec
from kscale.runs import mixture
from kscale.runs.evaluate import effective_params
from kscale.runs.task import Task, merge_adapters, open_run


def open_codec(workdir: pathlib.Path, member: int = 0) -> Codec:
    """Returns the code of a member of a finished run; errors as `open_run`."""
    return build_codec(*open_run(workdir, member))


def build_codec(task: Task, params: models.Params) -> Codec:
    """Returns the code that a run's model is, as it is scored.

    Args:
      task: of the run; its own corpus says how a document begins.
      params: of one model.
    """
    task, params = merge_adapters(task, effective_params(task.config, params))
    others = (part.corpus for part in task.parts)
    alphabet = Alphabet(
        mixture.build_tokenizer(task.config.corpus, task.corpus, *others),
        task.pool.vocabulary,
        tuple(task.pool.prefix.tolist()),
    )
    return Codec(task.config.model, params, alphabet, task.config.data.context)
