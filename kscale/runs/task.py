"""From a config to everything that a run needs: world, corpus, tokens, population.

config -> world -> corpus -> pool -> order -> batches
             +-> parts ------+  +-> vocabulary -> model
"""

import dataclasses
import functools
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from kscale import corpora, data, files, models, quant, train, trees, worlds
from kscale.configs import fields, validate
from kscale.configs.base import Config, list_members, member_config, require_same
from kscale.runs import mixture
from kscale.runs.finetune import Start, require_start
from kscale.runs.folder import RunFolder
from kscale.runs.mixture import Part
from kscale.runs.order import Order
from kscale.tokenizers.vocabulary import NO_VOCABULARY, VocabularyRecord
from kscale.train.config import Hyper
from kscale.trees import leaves_by_path


@dataclasses.dataclass(frozen=True, eq=False)
class Task:
    """A config made real; nothing in it is trained or needs an accelerator.

    Attributes:
      config: as given, the model's vocabulary set.
      world, corpus, pool: the facts, their text, and that as tokens.
      hypers: the members of the population, one or more.
      parts: what is mixed with the run's own text.
      domains: names of all domain tokens, in the order of their ids.
      start: the finished run whose model is trained further; None: a new model.
    """

    config: Config
    world: worlds.World
    corpus: corpora.Corpus
    pool: data.TokenPool
    hypers: Sequence[Hyper]
    parts: tuple[Part, ...] = ()
    domains: tuple[str, ...] = ()
    start: Start | None = None

    @functools.cached_property
    def order(self) -> Order:
        """Which document is read when."""
        return Order(self.config, self.corpus, self.pool, self.parts)

    @functools.cached_property
    def content(self) -> str:
        """Twelve hex digits of everything that a text can hold, in tokens.

        A config names lists and files by their path; this tells whether what lies there
        is still the same. Weights of people that come from a file count as well.
        """
        arrays: list[Any] = []
        for pool in (self.pool, *(part.pool for part in self.parts)):
            arrays += [pool.tokens, pool.labels, pool.lengths]
        for world in (self.world, *(part.corpus.world for part in self.parts)):
            if world.law.kind == "file":  # no other law can change behind its config
                weights = world.law.frequencies(world.people, world.seed)
                arrays.append(np.asarray(weights, np.float64))
        return files.digest(*(array.tobytes() for array in arrays))

    @property
    def vocabulary(self) -> VocabularyRecord:
        """What the model's tokens stand for."""
        ids = self.pool.vocabulary.original_ids.tolist()
        return VocabularyRecord(
            tuple(ids[: len(ids) - len(self.domains)]), self.domains
        )

    @property
    def labels(self) -> list[str]:
        """What losses are logged of: the corpus' labels, then those of each part."""
        named = [("", self.corpus)]
        named += [(f"{part.config.name}/", part.corpus) for part in self.parts]
        return [
            f"{where}{label.name}{'/first' * (label.kind == 'value1')}"
            for where, corpus in named
            for label in corpus.labels
        ]

    @property
    def parameters(self) -> models.ParameterCounts:
        """P, before anything is allocated."""
        return models.count_parameters(self.config.model)

    @property
    def shapes(self) -> Any:
        """The parameters of one model as shapes; nothing is allocated."""
        config = self.config.model
        return jax.eval_shape(lambda: models.init(config, jax.random.key(0)))

    @property
    def counts(self) -> worlds.Counts:
        """The counts of the people of the corpus."""
        return dataclasses.replace(self.world.counts, people=self.corpus.num_people)


def prepare(
    config: Config,
    *,
    start: pathlib.Path | None = None,
    hypers: Sequence[Hyper] = (),
    begun: bool = False,
) -> Task:
    """Makes what a config describes, or says in one line what to change in it.

    Args:
      config: the model's vocabulary is 0: it follows from the corpus.
      start: folder of the finished run to go on from, in place of `config.start`.
      hypers: members in place of the config's own, for a population that is no grid.
      begun: a run of this very config is there, perhaps of a version that let fields
        pass that nothing reads.

    Returns:
      The task. Its config needs no further check; what can be trained on the devices
      that there are is the matter of `devices.arrange`.

    Raises:
      ValueError: a contradiction in the config, a list or text that is missing or
        malformed, a context that always cuts documents at the same place, parameters
        that the model does not have, or a start that cannot be gone on from.
    """
    if not begun:
        validate.require_read(config)
    begin, known = None, NO_VOCABULARY
    if start is not None or config.start:
        path = require_start(start or pathlib.Path(config.start))
        begin = Start(path, *open_run(path))
        known = begin.task.vocabulary
    task = _build(config, known)
    if begin is not None:
        begin.check(task)
        task = dataclasses.replace(task, start=begin)
    _check_parameters(task)
    return dataclasses.replace(task, hypers=hypers) if hypers else task


def open_run(path: pathlib.Path, member: int = 0) -> tuple[Task, models.Params]:
    """Opens a finished run: its task and the parameters of one member.

    Raises:
      ValueError: the folder holds no finished run, or no such member, one that diverged
        or parameters of another model than its config says; the lists or texts have
        changed.
    """
    folder = RunFolder.find(path)
    config, hypers = folder.read_config(), list_members(folder.read_config())
    if not 0 <= member < len(hypers):
        raise ValueError(
            f"member={member}: the run in {path} has {len(hypers)} members"
        )
    if step := folder.diverged_at(member):
        raise ValueError(
            f"member {member} of the run in {path} diverged at step {step}: choose"
            f" another with --member"
        )
    file, rows = folder.params(member), folder.read_members()
    if not file.exists() or len(rows) != len(hypers):
        raise ValueError(f"{path} holds no finished run: finish it with --resume")
    folder.require_unchanged(file, folder.result, folder.vocabulary)
    if not isinstance(scored := rows[member].get("config"), dict):
        raise ValueError(
            f"{folder.result} lacks its config: make it anew with --resume"
        )
    require_same(
        fields.from_dict(Config, scored),
        member_config(config, hypers[member]),
        f"{folder.config} is not that of {folder.result}",
        "bring the old values back, or train it anew with --overwrite",
    )
    task = _build(config, folder.read_vocabulary())
    content = rows[member].get("content", task.content)
    if content != task.content:
        raise ValueError(
            f"{path} was trained on other lists or texts than are now in"
            f" {' and '.join(_list_sources(task)) or 'kscale'}, or before 0.2 cut them"
            f" as it does: their digest was {content}, is {task.content}; bring the old"
            f" ones back, or train it anew with --overwrite"
        )
    params = train.load_params(file)
    found, wanted = (
        {x: f"shape {y.shape} of {y.dtype}" for x, y in leaves_by_path(each).items()}
        for each in (params, task.shapes)
    )
    for leaf in sorted(found.keys() | wanted.keys()):
        if found.get(leaf) != wanted.get(leaf):
            raise ValueError(
                f"{file} is of another model: {leaf} has"
                f" {found.get(leaf, 'no shape')}, the config in {path} makes it"
                f" {wanted.get(leaf, 'none')}"
            )
    for leaf, array in leaves_by_path(params).items():
        if not np.isfinite(array).all():
            raise ValueError(f"{file} is broken: {leaf} holds what is no finite number")
    return task, params


def _list_sources(task: Task) -> list[str]:
    """Lists the folders and files of the user's own that a task is read from."""
    leaves = fields.flatten(task.config)
    own = [x for x in (task.config.world.lists,) if x not in worlds.LISTS]
    return own + [x for path, x in leaves.items() if path.endswith(".path") and x]


def _build(config: Config, known: VocabularyRecord) -> Task:
    """Makes what a config describes; the model has the known tokens besides."""
    world = validate.validate(config)
    corpus = mixture.build_corpus(config.corpus, world)
    others = mixture.part_corpora(config.parts, config.world, config.corpus)
    all_corpora = [corpus, *(other for _, other in others)]
    domains = [config.corpus.domain, *(part.domain for part in config.parts)]
    pool, *pools = data.tokenize_all(
        all_corpora,
        mixture.build_tokenizer(config.corpus, *all_corpora),
        domains,
        tokens=known.tokens,
        names=known.domains,
    )
    validate.check_scored(config.score.people, corpus.num_people)
    validate.check_documents(config.data.context, corpus, pool)
    parts = tuple(
        Part(part, other, its_pool)
        for (part, other), its_pool in zip(others, pools, strict=True)
    )
    for part in parts:
        try:
            validate.check_documents(config.data.context, part.corpus, part.pool)
        except ValueError as error:
            raise ValueError(f"part {part.config.name!r}: {error}") from None
    model = dataclasses.replace(config.model, vocab=pool.vocabulary.size)
    config = dataclasses.replace(config, model=model)
    names = tuple(filter(None, dict.fromkeys([*known.domains, *domains])))
    return Task(config, world, corpus, pool, list_members(config), parts, names)


def _check_parameters(task: Task) -> None:
    """Refuses patterns of parameters that the model does not have."""
    shapes, trainable = task.shapes, task.config.train.trainable
    adapters = [pattern for pattern in trainable if pattern.startswith("lora/")]
    if adapters and "lora" not in shapes:
        raise ValueError(
            f"train.trainable has {adapters[0]!r}, and the model has no adapters: name"
            f" some in model.lora.rules, such as '*/attention/query:8'"
        )
    trees.require_matches(trainable, leaves_by_path(shapes), "TrainConfig.trainable")
    require_weights(shapes, task.config.qat)


def require_weights(params: Any, scheme: quant.Scheme) -> None:
    """Checks that each pattern of a scheme matches weights of a model or its shapes."""
    jax.eval_shape(lambda tree: quant.fake_quantize(tree, scheme), params)


def merge_adapters(task: Task, params: models.Params) -> tuple[Task, models.Params]:
    """Returns the same model with its adapters merged into the weights, and no `qat`.

    `qat` is dropped: to keep its rounding, give the parameters of
    `evaluate.effective_params`.
    """
    model, params = models.merge_adapters(task.config.model, params)
    config = dataclasses.replace(task.config, model=model, qat=quant.NO_ROUNDING)
    return dataclasses.replace(task, config=config), params
