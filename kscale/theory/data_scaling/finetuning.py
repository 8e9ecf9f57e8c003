"""Fine-tuning: what n new sentences cost after N old ones.

Knowledge costs `c N^alpha` nats in all, syntax, a parametric model of d parameters,
`(d/2) ln(1+N)`; fine-tuning on n more costs the increment if the source is the same,
and the whole price of n from scratch if it is new.

Source: Pan et al. 2025, appendix E; (d/2) ln n for a parametric model is Rissanen's.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax.typing import ArrayLike

from kscale.theory.solver import solver

PRICES = {"old": "[0, inf)", "new": "(0, inf)", "alpha": "(0, 1)", "scale": "[0, inf)"}


class FineTuning(NamedTuple):
    """Redundancy of fine-tuning, nats a new sentence: of both kinds, and of each."""

    per_sample: ArrayLike
    knowledge: ArrayLike
    syntax: ArrayLike


@solver(domain=PRICES)
def finetuning_knowledge(old, new, alpha, scale=1.0):
    """Returns the knowledge redundancy `c ((N+n)^alpha - N^alpha)/n`.

    In nats per sentence. Never above `finetuning_knowledge_ceiling`, which it reaches
    as n/N -> 0; all digits are kept there.

    Args:
      old: N, sentences of pretraining; 0 gives new knowledge, `c n^(alpha-1)`.
      new: n, sentences of fine-tuning.
      alpha: exponent of knowledge.
      scale: c, nats.

    Example:
      >>> round(float(finetuning_knowledge(1e6, 1e6, 0.5)), 15)
      0.000414213562373

    Source: Pan et al. 2025, appendix E, whose display lacks the 1/n on one side.
    """
    some = jnp.where(old > 0, old, 1.0)
    grown = some**alpha * jnp.expm1(alpha * jnp.log1p(new / some)) / new
    # At N = 0 the slope in N is -inf, and this form has it.
    fresh = ((old + new) ** alpha - old**alpha) / new
    return scale * jnp.where(old > 0, grown, fresh)


@solver(domain={"old": "(0, inf)", "alpha": "(0, 1)", "scale": "[0, inf)"})
def finetuning_knowledge_ceiling(old, alpha, scale=1.0):
    """Returns `c alpha N^(alpha-1)`, the most nats that old knowledge costs a sentence.

    Arguments are those of `finetuning_knowledge`.

    Example:
      >>> float(finetuning_knowledge_ceiling(1e4, 0.5))
      0.005

    Source: Pan et al. 2025, appendix E; concavity extends it from n << N to every n.
    """
    return scale * alpha * old ** (alpha - 1)


@solver(
    domain=PRICES
    | {"syntax_parameters": "[0, inf)"}
    | dict.fromkeys(("knowledge", "syntax"), "same | new")
)
def finetuning_redundancy(
    old,
    new,
    alpha,
    scale=1.0,
    syntax_parameters=50.0,
    knowledge: str = "same",
    syntax: str = "new",
):
    """Returns the redundancy of fine-tuning a sentence in appendix E's four cases.

                    same                              new
        knowledge   c ((N+n)^alpha - N^alpha)/n       c n^(alpha-1)
        syntax      (d/2n) ln((1+N+n)/(1+N))          (d/2n) ln(1+n)

    Instruction tuning on what is known is (same, new): all it costs is the syntax.
    Injecting knowledge costs least with (new, same), most with (new, new).

    Args:
      old, new, alpha, scale: as of `finetuning_knowledge`.
      syntax_parameters: d, of all syntax models together (n_s d_syn).
      knowledge, syntax: "same" source as in pretraining, or "new"; static.

    Example:
      >>> found = finetuning_redundancy(1e6, 100, 0.5, knowledge="new", syntax="same")
      >>> float(found.knowledge), round(float(found.syntax), 9)
      (0.1, 2.4999e-05)

    Source: Pan et al. 2025, appendix E.
    """
    none = jnp.zeros_like(old)
    facts, forms = (old if kind == "same" else none for kind in (knowledge, syntax))
    known = finetuning_knowledge(facts, new, alpha, scale)
    said = syntax_parameters / 2 * jnp.log1p(new / (1 + forms)) / new
    return FineTuning(known + said, known, said)
