"""How a formula becomes a solver: float64, compiled, broadcasting, checked.

Float64 is switched on for the length of one call only, so that a process that imports
kscale keeps its own precision. Results come back as NumPy float64, which no later
float32 operation can truncate.
"""

import contextlib
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kscale.theory import checks


def float64() -> contextlib.AbstractContextManager[Any]:
    """Opens a scope in which JAX computes in float64, for transforming solvers.

    A plain call of a solver needs no scope. `jax.vmap`, `jax.grad` and `jax.jit` of one
    do, since they make their tracers before the solver is entered.

    Example:
      >>> import jax
      >>> from kscale import theory
      >>> with theory.float64():
      ...     slope = jax.grad(theory.skills.giant_component)(1.5)
    """
    return jax.enable_x64(True)


def solver(
    *, domain: Mapping[str, str] | None = None, check: Callable[..., None] | None = None
) -> Callable[[Callable], Callable]:
    """Turns a pure function of float64 arrays into a public solver.

    Args:
      domain: what each argument may be, in the language of `kscale.theory.checks`; it
        is checked at every call and added to the docstring. Where it is a number, the
        function takes one number, and the solver takes arrays, too, and broadcasts them
        against each other; their shape leads the shape of every result.
      check: called with all arguments, by name, for what no domain says; raises
        ValueError. Under a transformation there are no values yet to check: what comes
        out for bad ones is undefined.

    Returns:
      A decorator. Arguments annotated as bool, int, float or str choose a program
      (compiled once a value); all others are cast to float64.

    Example:
      >>> @solver(domain={"x": "[0, inf)"})
      ... def root(x):
      ...     return jnp.sqrt(x)
    """
    domains = {name: checks.parse(text) for name, text in (domain or {}).items()}

    def decorate(function: Callable) -> Callable:
        signature = inspect.signature(function)
        required = checks.list_required(signature)
        static = tuple(
            name
            for name, parameter in signature.parameters.items()
            if parameter.annotation in (bool, int, float, str)
        )
        scalars = tuple(
            name
            for name, allowed in domains.items()
            if not allowed.shapes and name not in static
        )

        @functools.partial(jax.jit, static_argnums=0)
        def program(settings: tuple, numbers: dict[str, Any]) -> Any:
            batch = {n: numbers[n] for n in scalars if numbers[n] is not None}
            whole = {k: v for k, v in numbers.items() if k not in batch}
            return _batched(
                lambda **one: function(**whole, **one, **dict(settings)), batch
            )

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            numbers = dict(bound.arguments)
            traced = any(isinstance(x, Tracer) for x in jax.tree.leaves(numbers))
            if traced and not jax.config.jax_enable_x64:  # pyright: ignore
                raise ValueError(
                    f"{function.__name__} is transformed in float32: put the jax.vmap,"
                    " jax.grad or jax.jit of it inside `with kscale.theory.float64():`"
                )
            if not traced:
                checks.check(domains, numbers, required)
                if check is not None:
                    check(**numbers)
            numbers = checks.as_integers(domains, numbers, static)
            settings = tuple((name, numbers.pop(name)) for name in static)
            with float64():
                number = functools.partial(jnp.asarray, dtype=jnp.float64)
                listed = {"is_leaf": lambda x: type(x) in (list, tuple)}
                result = program(settings, jax.tree.map(number, numbers, **listed))
            if traced:
                return result
            return jax.tree.map(lambda leaf: np.asarray(leaf)[()], result)

        call.scalars = scalars  # pyright: ignore
        call.static = static  # pyright: ignore
        call.domain = domains  # pyright: ignore
        call.__doc__ = checks.document(function, domains)
        return call

    return decorate


def _batched(function: Callable, batch: dict[str, jax.Array]) -> Any:
    """Maps `function(**one)` over the elements of the broadcast arrays in `batch`."""
    shape = jnp.broadcast_shapes(*(jnp.shape(x) for x in batch.values()))
    if not shape:
        return function(**batch)
    flat = {k: jnp.broadcast_to(x, shape).reshape(-1) for k, x in batch.items()}
    result = jax.vmap(lambda one: function(**one))(flat)
    return jax.tree.map(lambda y: y.reshape(shape + y.shape[1:]), result)
