"""Reference items of concept learning: names of the file -> our public functions."""

import pathlib
import runpy

import numpy as np

from kscale.theory.concepts import (
    compute,
    density,
    excess,
    finite_length,
    isoflops,
    peeling,
    poisson,
    polynomial_ensemble,
)

OPTIMUM = {
    "Cprime": "budget",
    "R": "concepts",
    "T": "texts",
    "N": "parameters",
    "D": "tokens",
    "c": "texts_per_concept",
    "ER": "learnt",
    "frac": "fraction",
    "R_threshold": "threshold_concepts",
}
MOST_STEPS = 2e7  # of the chain: R times graphs; fewer graphs have a larger error


def scene(inputs, names=("d", "eps", "sigma", "tau")):
    """The parameters that are named; of the others the formula is independent."""
    inputs.idle("d", "eps", "sigma", "tau")
    return inputs.some(*names)


def plain(**values):
    """Arrays as lists."""
    return {
        key: value.tolist() if isinstance(value, np.ndarray) else value
        for key, value in values.items()
    }


def threshold_finite(inputs, outputs):
    graph = (inputs["R"], inputs["T"])
    settings = scene(inputs, ("d", "eps"))
    found = density.threshold(*graph, **settings)
    law = finite_length.printed_law(*graph, **settings)
    return plain(
        kind="none" if np.isnan(found.eps_star) else "critical",
        eps_star=found.eps_star,
        x_star=found.x_star,
        x_minus=found.x_minus,
        eps_localmax=found.eps_local_max,
        nu_star=found.nu_star,
        alpha=law.alpha,
        alpha_term1=law.text_term,
        alpha_term2=law.concept_term,
        Pb_over_eps_eq2=law.unlearnt,
        ER_eq2=law.learnt,
        de_unlearnt_node=density.density_evolution(*graph, **settings),
        eps_ub_matching=density.matching_bound(*graph, **settings),
    )


def poisson_constants(inputs, outputs):
    d = scene(inputs, ("d",)).get("d", 6.0)
    found = poisson.transition(d)
    result = plain(
        kind="none" if np.isnan(found.u) else "critical",
        u_star=found.u,
        a_star=found.texts_of_a_concept,
        c_star=found.texts_per_concept,
        z_star=found.unlearnt,
        sigma_c=found.sigma,
        kappa=found.shift,
        F=found.drift,
        Omega=poisson.OMEGA,
    )
    prefix = "alpha_equiv_eps"
    for key in outputs:
        if key.startswith(prefix):
            eps = float(key.removeprefix(prefix) or inputs.get("eps", 0.5))
            result[key] = finite_length.equivalent_alpha(d, eps)
    return result


def texts_of_a_concept(inputs):
    """a, or d c where the ratio c = T/R is given, or both of its numbers."""
    if "a" in inputs:
        return inputs["a"]
    ratio = inputs["c_ratio"] if "c_ratio" in inputs else inputs["T"] / inputs["R"]
    return ratio * inputs.get("d", 6.0)


def poisson_eps_star(inputs, outputs):
    settings = scene(inputs, ("d", "eps"))
    found = poisson.poisson_threshold(texts_of_a_concept(inputs), **settings)
    return plain(
        kind="none" if np.isnan(found.u) else "critical",
        u=found.u,
        eps_star=found.eps_star,
        x_star=found.x_star,
        u_minus=found.u_minus,
    )


def alpha_general_polynomial(inputs, outputs):
    def coefficients(by_exponent):
        dense = np.zeros(max(map(int, by_exponent)) + 1)
        for exponent, value in by_exponent.items():
            dense[int(exponent)] = value
        return dense

    found = polynomial_ensemble.polynomial_threshold(
        coefficients(inputs["lam"]), coefficients(inputs["rho"])
    )
    return plain(**found._asdict())


def de_fixed_points(inputs, outputs):
    settings = scene(inputs, ("d",))
    found = poisson.fixed_points(texts_of_a_concept(inputs), **settings)
    return plain(z_high=found.high, z_low=found.low)


def compute_optimal(inputs, outputs):
    modes = [mode for mode in ("paper", "iid", "de") if mode in outputs]
    inputs.idle("mode")
    result = {}
    for mode in modes or [inputs.get("mode", "paper")]:
        best = compute.compute_optimal(inputs["C"], mode, **scene(inputs))
        result[mode] = plain(C=inputs["C"])
        result[mode] |= plain(**{k: getattr(best, v) for k, v in OPTIMUM.items()})
    return result if modes else next(iter(result.values()))


def scaling_exponents(inputs, outputs):
    found = compute.scaling_exponents(
        inputs["C"], inputs.get("mode", "paper"), **scene(inputs)
    )
    return plain(
        slope_N=found.parameters,
        slope_D=found.tokens,
        slope_N_last_decade=found.parameters_at_end,
    )


def spurious_global_optimum(inputs, outputs):
    found = isoflops.spurious_optimum(inputs["C"], **scene(inputs))
    return plain(
        R=found.concepts,
        T=found.texts,
        ER=found.learnt,
        ratio_ER_to_T=found.learnt_per_text,
        DE_ER=found.learnt_de,
    )


def isoflop_curve(inputs, outputs):
    found = isoflops.isoflop(inputs["C"], inputs["ratios"], **scene(inputs))
    return plain(
        R=found.concepts,
        T=found.texts,
        ER_eq2=found.learnt_paper,
        ER_iid=found.learnt_iid,
        ER_de=found.learnt_de,
        eps_star=found.eps_star,
    )


def peeling_exact_dp(inputs, outputs):
    sizes = int(inputs["R"]), int(inputs["T"])
    law = peeling.learning_law(*sizes, **scene(inputs, ("d",)))
    return plain(
        pmf_unlearnt=law.pmf_unlearnt,
        E_learnt=law.mean_learnt,
        P_all=law.all_learnt,
        P_stuck=law.stuck,
    )


def peeling_mc(inputs, outputs):
    inputs.idle("seed")  # of their numbers
    concepts, texts, d = int(inputs["R"]), int(inputs["T"]), inputs.get("d", 6.0)
    graphs = int(min(inputs.get("n", 2000), max(200, MOST_STEPS / concepts)))
    rng = np.random.default_rng(2024)
    found = peeling.sample_chain(concepts, texts, graphs, rng, d)
    law = finite_length.corrected_law(concepts, texts, d)
    printed = finite_length.printed_law(concepts, texts, **scene(inputs, ("d", "eps")))
    return plain(
        mean_unlearnt_frac=found.mean,
        se=found.standard_error,
        n=graphs,
        P_stuck=found.stuck_fraction,
        iid_law=law.unlearnt,
        eq2=printed.unlearnt,
    )


def eq2_eps_dependence(inputs, outputs):
    settings = scene(inputs, ("d",)) | {"eps": inputs["eps_list"]}
    law = finite_length.printed_law(inputs["R"], inputs["T"], **settings)
    return plain(
        eq2=law.unlearnt,
        alpha=law.alpha,
        eps_star=law.eps_star,
        x_star=law.x_star,
        nu_star=law.nu_star,
    )


def train_error(inputs, outputs):
    error = excess.training_error(inputs["Pb"], inputs["R"], **scene(inputs, ("d",)))
    exact = excess.excess_entropy(error.exact)
    printed = excess.excess_entropy(error.printed)
    return plain(
        eq27_as_printed=error.printed,
        exact=error.exact,
        small=error.small,
        paper_4d2=error.paper,
        excess_half_eq27=printed.half,
        excess_half_exact=exact.half,
        excess_TV=exact.total_variation,
    )


def excess_at_optimum(inputs, outputs):
    best = compute.compute_optimal(
        inputs["C"], inputs.get("mode", "paper"), **scene(inputs)
    )
    d, lost = inputs.get("d", 6.0), 1 - best.fraction
    error = excess.training_error(lost, best.concepts, d)
    mean = excess.bimodal_error(best.concepts, best.texts, d)
    return plain(
        C=inputs["C"],
        N=best.parameters,
        R=best.concepts,
        T=best.texts,
        Pb_over_eps=lost,
        Pe_exact=error.exact,
        excess_lb_half=excess.excess_entropy(error.exact).half,
        excess_lb_paper_approx=2 * (d * lost) ** 4,
        Pe_bimodal_iid=mean.error,
        excess_bimodal=mean.half,
    )


NAMES = runpy.run_path(str(pathlib.Path(__file__).with_name("reference_names.py")))
ADAPTERS = NAMES["by_name"](
    {
        "nv.threshold_finite": threshold_finite,
        "nv.poisson_constants": poisson_constants,
        "nv.poisson_eps_star": poisson_eps_star,
        "nv.alpha_general_polynomial": alpha_general_polynomial,
        "nv.de_fixed_points": de_fixed_points,
        "nv.compute_optimal": compute_optimal,
        "nv.scaling_exponents": scaling_exponents,
        "nv.spurious_global_optimum_eq2": spurious_global_optimum,
        "nv.isoflop": isoflop_curve,
        "nv.eq2_eps_dependence": eq2_eps_dependence,
        "nv.peeling_exact_dp": peeling_exact_dp,
        "nv.peeling_mc": peeling_mc,
        "nv.train_error": train_error,
        "nv.excess_entropy_at_optimum": excess_at_optimum,
    }
)
