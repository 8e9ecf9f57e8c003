"""Reference items of allocation and fitting: names of the file -> our functions."""

import pathlib
import runpy

import numpy as np

from kscale.theory.fitting.power_laws import fit_power_law, power_law
from kscale.theory.model_scaling.allocation import allocate
from kscale.theory.model_scaling.frequencies import (
    entropy_bits,
    frequency_classes,
    top_mass,
    zipf_frequencies,
)
from kscale.theory.model_scaling.homogeneous import (
    infinite_allocation,
    infinite_contribution,
    infinite_redundancy_constant,
)
from kscale.theory.model_scaling.learning_order import class_losses

NOISE = 0.01  # relative noise of the fitted curves


def homogeneous(inputs):
    return inputs["alpha"], inputs.get("a", 1.0), inputs.get("b", 2.0)


def infinite(inputs, wanted):
    law = homogeneous(inputs)
    best = infinite_allocation(inputs["C"], *law)
    return {
        "red": best.redundancy,
        "K": int(best.active),
        "loglam": best.log_price,
        "m1": best.first_memory,
        "const": infinite_redundancy_constant(*law),
    }


def contribution(inputs, wanted):
    alpha, a, b = homogeneous(inputs)
    capacity = inputs["C"]
    level = infinite_contribution(1, capacity, alpha, a, b)
    return {
        "pkDk": list(infinite_contribution(inputs["ks"], capacity, alpha, a, b)),
        "active_level": level,
        "active_level_times_C_pow": level * capacity ** (1 / alpha),
        "inactive_const": infinite_contribution(1, 0.0, alpha, a, b),
        "K": int(infinite_allocation(capacity, alpha, a, b).active),
    }


def waterfill(inputs, wanted):
    best = allocate(inputs["C"], inputs["p"], **inputs.some("a", "b"))
    return {
        "m": list(best.memory),
        "contrib": list(best.contribution),
        "red": best.level.redundancy,
        "lam": best.level.price,
        "active": int(best.level.active),
    }


def individuals(inputs, wanted):
    from kscale.theory.data_scaling.redundancy import data_redundancy

    p = zipf_frequencies(
        inputs.get("M", 400_000), inputs.get("a", 1.2), inputs.get("bias", 1000.0)
    )
    loss, base = inputs.get("loss", 1.0), inputs.get("b", 2.0)
    capacity = inputs.get("C_list", [])
    best = [allocate(c, p, loss, base).level for c in capacity]
    out = {
        "p1": p[0],
        "pM": p[-1],
        "H_bits": entropy_bits(p),
        "top1pct": top_mass(0.01, p),
        "top25pct": top_mass(0.25, p),
        "RedD": [data_redundancy(n, p) for n in inputs.get("n_list", [])],
        "RedM": [level.redundancy for level in best],
        "active": [int(level.active) for level in best],
    }
    for by in ("count", "mass"):
        labels = frequency_classes(p, 4, by)
        parts = class_losses(capacity, p, labels, loss, base)
        out[f"class_sizes_{by}"] = np.bincount(labels, minlength=4).tolist()
        out[f"class_mean_loss_{by}"] = parts.mean_loss.tolist()
        out[f"class_contribution_{by}"] = parts.contribution.tolist()
    return out


def law_of(fit):
    return {"alpha": fit.alpha, "x0": fit.x0, "eps": fit.eps}


def noise_free(inputs, wanted):
    law = {name: inputs[name] for name in ("alpha", "x0", "eps")}
    y = power_law(inputs["x"], **law)
    fitted = law_of(fit_power_law(inputs["x"], y, robust=False))
    return {"y": list(y), **fitted, "fitted": fitted}


def noisy(inputs, wanted):
    law = {name: inputs[name] for name in ("alpha", "x0", "eps")}
    noise = inputs.get("noise", NOISE)
    rng = np.random.default_rng(inputs["seed"])
    y = power_law(inputs["x"], **law) * (1 + noise * rng.normal(size=len(inputs["x"])))
    if inputs.get("outlier") is not None:
        y = wanted["y"]  # data, too: how large an outlier is the inputs do not say
    out = {"y": list(y)}
    for name, robust in (("relLS", False), ("huber", True)):
        fit = fit_power_law(inputs["x"], y, robust=robust)
        out[name] = law_of(fit) | {
            "alpha_profile": [fit.alpha_low, fit.alpha_high],
            "max_rel_resid": abs(fit.residual).max(),
        }
    return out


NAMES = runpy.run_path(str(pathlib.Path(__file__).with_name("reference_names.py")))
ADAPTERS = NAMES["by_name"](
    {
        "pan.model_redundancy_infinite": infinite,
        "pan.cluster_contribution": contribution,
        "pan.waterfill_finite": waterfill,
        "pan.individuals_400k": individuals,
        "pan.fit_noise_free": noise_free,
        "pan.fit_noisy": noisy,
    }
)
