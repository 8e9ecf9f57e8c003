"""How a setup is trained on the devices that there are, and what cannot be.

chosen, hyper = arrangement.check(setup)    # also for a dry run
chosen, hyper, mesh = arrangement.arrange(setup)
"""

import dataclasses

import jax
from jax.sharding import Mesh

from kscale import build, rounding, train
from kscale import curve as curve_module
from kscale.train.config import Hyper
from kscale.train.dispatch import abstract_state


def arrange(setup: build.Setup) -> tuple[train.TrainConfig, Hyper | None, Mesh]:
    """How a setup is trained on the devices that there are.

    Returns:
      The train config without automatic values, the population (None: one model, whose
      values are in the config), the mesh.

    Raises:
      ValueError: as `check`; the devices are not those of the mesh; members, matrices
        or experts cannot be shared out over it.
    """
    _require_experts(setup)
    mesh = train.make_mesh(**dataclasses.asdict(setup.config.mesh))
    chosen, hyper = check(setup)
    one = hyper or train.solo(chosen)
    abstract_state(rounding.problem(setup), one, mesh, chosen.trained)
    return chosen, hyper, mesh


def check(setup: build.Setup) -> tuple[train.TrainConfig, Hyper | None]:
    """Refuse what cannot be trained, without asking for the devices of its mesh.

    Returns:
      The train config and the population, as `arrange`.

    Raises:
      ValueError: rows cannot be shared out; there are no experts to share out; no
        parameter is what `trained` or `qat` names; the run is too short to be scored
        on its way.
    """
    _require_experts(setup)
    order, hyper = setup.config.data, None
    chosen = train.resolve(
        setup.config.train,
        rows=order.batch,
        context=order.context,
        total_steps=setup.total_steps,
        members=len(setup.hypers),
        together=setup.config.model.route_rows,
    )
    steps = chosen.steps_per_dispatch
    steps = curve_module.dispatch(setup.config, setup.total_steps, steps)
    chosen = dataclasses.replace(chosen, steps_per_dispatch=steps)
    if len(setup.hypers) > 1:
        hyper = train.population(setup.hypers)
    else:
        chosen = dataclasses.replace(chosen, **setup.hypers[0]._asdict())
    _require_rows(setup, chosen.rows_per_gradient)
    _require_parameters(setup, chosen)
    return chosen, hyper


def _require_experts(setup: build.Setup) -> None:
    if setup.config.mesh.expert > 1 and not setup.config.model.experts:
        raise ValueError(
            f"mesh.expert={setup.config.mesh.expert} shares out experts, and"
            f" model.experts=0: the model has none; take mesh.expert=1, or give it some"
        )


def _require_rows(setup: build.Setup, rows_per_gradient: int) -> None:
    """Refuses a batch that cannot be shared out over the mesh, or over the devices."""
    batch, mesh = setup.config.data.batch, setup.config.mesh
    others = max(1, mesh.population * mesh.expert * mesh.model)
    shards = mesh.data if mesh.data > 0 else max(1, jax.device_count() // others)
    at_once = min(rows_per_gradient, batch // shards)
    share = shards * max(at_once, 1)
    if at_once % setup.config.model.route_rows:
        raise ValueError(
            f"data.batch={batch} over the {shards} devices of mesh.data leaves"
            f" {at_once} rows at once, which must be a multiple of"
            f" model.route_rows={setup.config.model.route_rows}; change one of them"
        )
    if batch % share:
        raise ValueError(
            f"data.batch={batch} must be divisible by {share}, the {shards}"
            f" devices of mesh.data times train.rows_per_gradient={max(at_once, 1)};"
            f" take {-(-batch // share) * share}, or change one of them"
        )


def _require_parameters(setup: build.Setup, chosen: train.TrainConfig) -> None:
    """Refuses patterns of parameters that the model does not have."""
    problem = rounding.problem(setup)
    shapes = jax.eval_shape(problem.init, jax.random.key(0))
    adapters = [x for x in chosen.trained if x.startswith("lora/")]
    if adapters and "lora" not in shapes:
        raise ValueError(
            f"train.trained has {adapters[0]!r}, and the model has no adapters: name"
            f" some in model.lora.rules, such as '*/attention/query:8'"
        )
    one = train.solo(chosen)
    jax.eval_shape(lambda: train.init_state(problem, one, chosen.trained))
