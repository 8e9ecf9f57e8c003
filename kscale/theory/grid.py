"""Solvers and simulators over a grid of their arguments.

>>> evaluate(expected_tables, {"customers": np.geomspace(1, 1e6, 7), "alpha": 0.5, ...})
"""

import inspect
import itertools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np


class Answer(NamedTuple):
    """What came out of a solver.

    Attributes:
      solver: its name.
      arguments: name -> value; the swept ones are arrays.
      swept: names of the arguments that were given several values, outermost first.
      result: name -> array; the swept axes lead, for what depends on them.
    """

    solver: str
    arguments: dict[str, Any]
    swept: tuple[str, ...]
    result: dict[str, Any]

    @property
    def mesh(self) -> dict[str, np.ndarray]:
        """The swept arguments at each point of the grid."""
        axes = [np.asarray(self.arguments[name]) for name in self.swept]
        return dict(zip(self.swept, np.meshgrid(*axes, indexing="ij"), strict=True))


def evaluate(
    function: Callable, arguments: Mapping[str, Any], axis: str = ""
) -> Answer:
    """Evaluates a solver over the grid of all arguments that have several values.

    Args:
      function: a solver, or a simulator: it is called at each point, with a generator
        of the argument `seed` (default 0) if it takes one.
      arguments: name -> a number, an array, or a word.
      axis: an argument of which the function itself takes many values.

    Returns:
      All results, flattened to one level of names: a nested field is `outer.inner`.

    Raises:
      ValueError: the solver refuses a value, there are several values of the axis and
        of another argument, or results at two points differ in shape.
    """
    name, takes = function.__name__, inspect.signature(function).parameters
    numeric = [n for n, p in takes.items() if p.annotation in (int, float)]
    scalars = getattr(function, "scalars", None)
    numbers = numeric if scalars is None else scalars
    swept = tuple(n for n in arguments if n in numbers and np.ndim(arguments[n]))
    if axis in arguments and np.ndim(arguments[axis]):
        if swept:
            raise ValueError(
                f"give several values to {axis} or to {swept[0]}, not both"
            )
        result = _flatten(function(**arguments), name)
        return Answer(name, dict(arguments), (axis,), result)
    answer = Answer(name, dict(arguments), swept, {})
    if scalars is not None:
        whole = function(**answer.arguments | answer.mesh)
        return answer._replace(result=_flatten(whole, name))
    points = []
    for point in itertools.product(*(arguments[n].tolist() for n in swept)):
        words = answer.arguments | dict(zip(swept, point, strict=True))
        if "rng" in takes:
            words["rng"] = np.random.default_rng(words.pop("seed", 0))
        points.append(_flatten(function(**words), name))
    return answer._replace(result=_stack(points, answer))


def _flatten(result: Any, name: str) -> dict[str, Any]:
    if hasattr(result, "_asdict"):
        result = result._asdict()
    if not isinstance(result, dict):
        return {name: result if isinstance(result, str) else np.asarray(result)}
    flat = {}
    for key, value in result.items():
        inner = _flatten(value, str(key))
        deeper = isinstance(value, dict) or hasattr(value, "_asdict")
        flat |= {f"{key}.{k}": v for k, v in inner.items()} if deeper else inner
    return flat


def _stack(points: list[dict[str, Any]], answer: Answer) -> dict[str, np.ndarray]:
    """Returns the results at all points as arrays, the swept axes first."""
    grid, stacked = tuple(np.size(answer.arguments[n]) for n in answer.swept), {}
    for field in points[0]:
        values = [point[field] for point in points]
        sizes = sorted({np.shape(value) for value in values})
        if len(sizes) > 1:
            raise ValueError(
                f"give one value to {' and '.join(answer.swept)}: {field} has"
                f" {sizes[0]} numbers at one and {sizes[-1]} at another"
            )
        stacked[field] = np.array(values).reshape(grid + sizes[0])
    return stacked
