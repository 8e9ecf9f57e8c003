"""Errata of Nayak & Varshney 2024, for the page that experiments/errata.py writes."""

import math

import numpy as np

from kscale import theory

Shown = dict[str, float | str]


def _threshold() -> Shown:
    concepts, texts, d, eps = 1e5, 4.6e5, 6.0, 0.5
    p = d / concepts
    literal = {}
    for x in (1e-9, 1e-12, 1e-15):
        rho = math.exp((concepts / eps - 1) * math.log1p(-p * x))
        weight = math.exp((texts - 1) * math.log1p(-p * rho))
        literal[f"x/lambda(1 - rho(1 - x)) at x = {x:g}"] = x / weight
    found = theory.concepts.threshold(concepts, texts, d, eps)
    return literal | {
        "local minimum eps*": found.eps_star,
        "at x*": found.x_star,
        "infinite graph, closed form": theory.concepts.poisson_threshold(
            27.6, d, eps
        ).eps_star,
    }


def _alpha() -> Shown:
    regular = theory.concepts.polynomial_threshold([0, 0, 1.0], [0, 0, 0, 0, 0, 1.0])
    printed = theory.concepts.printed_law(1e5, 4.6e5)
    concepts, texts, graphs = 10_000, 46_000, 2000
    found = theory.concepts.sample_chain(
        concepts, texts, graphs, np.random.default_rng(5)
    )
    return {
        "(3,6)-regular ensemble, where (22)-(23) are right": regular.alpha,
        "concept graph, printed alpha": printed.alpha,
        "concept graph, alpha that makes (21) right": theory.concepts.equivalent_alpha(
            6.0, 0.5
        ),
        "unlearnt at R = 10,000, T = 46,000: 2000 sampled graphs": found.mean,
        "their standard error": found.standard_error,
        "by the printed law (2)": theory.concepts.printed_law(concepts, texts).unlearnt,
        "by the corrected law": theory.concepts.corrected_law(concepts, texts).unlearnt,
    }


def _dummy() -> Shown:
    eps = [0.05, 0.2, 0.5, 0.8, 0.95]
    law = theory.concepts.printed_law(1e4, 4.8e4, eps=eps)
    return {
        f"unlearnt by (2), eps = {e:g}": x
        for e, x in zip(eps, law.unlearnt, strict=True)
    }


def _spurious() -> Shown:
    far, best = (
        theory.concepts.spurious_optimum(1e22),
        theory.concepts.compute_optimal(1e22),
    )
    return {
        "intended optimum at C = 1e22: R*": best.concepts,
        "concepts learnt there": best.learnt,
        "global maximum: R": far.concepts,
        "concepts learnt there by (2)": far.learnt,
        "texts there": far.texts,
        "concepts a text would have to teach": far.learnt_per_text,
        "concepts learnt there by density evolution": far.learnt_de,
    }


def _scaling() -> Shown:
    computes = np.geomspace(1e18, 1e26, 9)
    found = {
        mode: theory.concepts.scaling_exponents(computes, mode)
        for mode in ("paper", "iid")
    }
    far = theory.concepts.scaling_exponents(np.geomspace(1e34, 1e36, 3), "iid")
    return {
        "exponent of N*, C = 1e18 to 1e26, law (2)": found["paper"].parameters,
        "exponent of D*": found["paper"].tokens,
        "exponent of N*, corrected law": found["iid"].parameters,
        "exponent of N*, C = 1e34 to 1e36": far.parameters,
    }


def _training_error() -> Shown:
    error = theory.concepts.training_error(0.01, 1e4)
    return {
        "P_b = 0.01, R = 10,000: exact value of (26)": error.exact,
        "(27) as printed": error.printed,
        "(d P_b)^2 / 2": error.small,
        "printed approximation, 4 (d P_b)^2": error.paper,
        "half its square": error.paper**2 / 2,
        "(4) as printed, 2 (d P_b)^4": 2 * (6 * 0.01) ** 4,
        "(27) at P_b = 1e-6, R = 1e4": theory.concepts.training_error(
            1e-6, 1e4
        ).printed,
    }


def _bimodal() -> Shown:
    best = theory.concepts.compute_optimal(1e20)
    law = theory.concepts.training_error(1 - best.fraction, best.concepts)
    mean = theory.concepts.bimodal_error(best.concepts, best.texts)
    excess = theory.concepts.excess_entropy(law.exact)
    return {
        "C = 1e20: P_e of the mean unlearnt fraction": law.exact,
        "mean P_e over graphs": mean.error,
        "printed bound P_e^2 / 2": excess.half,
        "Pinsker for a total variation of P_e, 2 P_e^2": excess.total_variation,
    }


def _dip() -> Shown:
    sizes = np.geomspace(4e9, 6e9, 41)
    found = {
        kind: theory.skills.accuracy_curve(sizes, kind=kind).p[:, 10]
        for kind in ("literal", "monotone")
    }
    at = int(np.argmin(found["literal"]))
    exact = theory.skills.accuracy_curve(sizes[at], kind="exact").p[10]
    return {
        "model size N": sizes[at],
        "p_10, literal": found["literal"][at],
        "p_10, the dip removed": found["monotone"][at],
        "p_10, exact": exact,
    }


def _whole_eta() -> Shown:
    literal, bound, exact = (
        theory.skills.pair_tail(1000.0, 4533.0, 2.01375, kind=kind).tail
        for kind in ("literal", "bound", "exact")
    )
    return {
        "eta = 2.01375, R = 1000, T = 4533: printed bound": literal,
        "exact P(X >= 2.01375) = P(X >= 3)": exact,
        "the bound at ceil(eta)": bound,
    }


def _two_ways() -> Shown:
    concepts, texts, skills = 400, 1813, 20
    rng = np.random.default_rng(0)
    found = []
    for _ in range(20):
        pairs = theory.skills.concept_pairs(concepts, texts, rng, 6.0)
        skill = rng.integers(0, skills, concepts)[pairs]
        found.append(np.sum((skill.min(1) == 0) & (skill.max(1) == 1)))
    mean = theory.skills.pair_tail(concepts, texts, 1.0, skills=skills).mean
    return {
        "mean links of two skills, 20 sampled graphs": float(np.mean(found)),
        "their standard error": float(np.std(found, ddof=1) / len(found) ** 0.5),
        "C(R,2) p_rr, as printed": mean,
        "2 C(R,2) p_rr": 2 * mean,
    }


def _published_code() -> Shown:
    ours = theory.concepts.printed_law(1e5, 4.6e5).alpha
    theirs = theory.concepts.printed_law(1e5, 4.6e5, as_published=True).alpha
    half = [
        theory.skills.emergence_size(0.5, kind=kind, as_published=published)
        for kind, published in (("literal", False), ("literal", True))
    ]
    return {
        "alpha, T/R = 4.6: (22)-(23)": ours,
        "alpha of the authors' code": theirs,
        "homogeneous task reaches 1/2 at N, by the text": half[0][0],
        "by the authors' code": half[1][0],
    }


# place, what is printed, what holds, what shows it
ERRATA = (
    (
        "Nayak & Varshney 2024, equation (20)",
        "The threshold is the infimum of eps at which x = f(x, eps) has a solution in"
        " (0, 1]. Since lambda(0) = (1-p)^(T-1) > 0, that infimum is 0.",
        "The local minimum of x/lambda(1 - rho(1-x)) at the larger critical point.",
        _threshold,
    ),
    (
        "Nayak & Varshney 2024, equations (21) to (23)",
        "The scaling parameter is that of codes with fixed degrees and a noisy channel."
        " Here degrees are random and exactly R symbols are erased.",
        "alpha^2 = eps((1-z)/z - ln(z)^2/c), or the law without eps of"
        " `corrected_law`.",
        _alpha,
    ),
    (
        "Nayak & Varshney 2024, footnote 4",
        "The result is said not to depend on the dummy eps. Peeling does not; equation"
        " (2) does.",
        "eps = 0.5 is a part of the printed law's definition.",
        _dummy,
    ),
    (
        "Nayak & Varshney 2024, equation (1)",
        "(R*, T*) maximizes (2). The global maximum lies where nothing is learnt, and"
        " claims more concepts than there are texts.",
        "The first local maximum in R; always R+ <= min(R, T), since a text teaches at"
        " most one concept.",
        _spurious,
    ),
    (
        "Nayak & Varshney 2024, proposition 1",
        "N and D must scale equally.",
        "They do in the limit; at any compute in reach N* grows a little faster.",
        _scaling,
    ),
    (
        "Nayak & Varshney 2024, equations (3), (4) and (27)",
        "P_e is printed as about 4 (d P_b)^2, and half its square as 2 (d P_b)^4. (27)"
        " has R-1 where R belongs, and turns negative where P_b is small.",
        "P_e = 1 - (1-q)^R - R q (1-q)^(R-1) with q = d P_b/R, about (d P_b)^2/2.",
        _training_error,
    ),
    (
        "Nayak & Varshney 2024, equations (3) and (4)",
        "P_e is quadratic in the mean unlearnt fraction, and the excess entropy at"
        " least P_e^2/2.",
        "A graph learns nearly all or nearly nothing, so the mean of P_e is linear in"
        " the chance of sticking; and P_e is a total variation distance, half an L1"
        " distance, so Pinsker's inequality gives 2 P_e^2.",
        _bimodal,
    ),
    (
        "Nayak & Varshney 2024, equations (5) and (28)",
        "The first case is 0 where the mean just reaches eta, so that accuracy dips at"
        " each onset.",
        "The larger of the cases (kind='monotone').",
        _dip,
    ),
    (
        "Nayak & Varshney 2024, equation (28)",
        "The bound is used at eta_l = exp(7 l/L), which is no whole number. It bounds"
        " the tail at whole numbers only.",
        "ceil(eta) (kind='bound'), or the exact tail.",
        _whole_eta,
    ),
    (
        "Nayak & Varshney 2024, appendix E",
        "A pair of concepts is counted once. An unordered pair can realize a pair of"
        " skills in two ways.",
        "The mean is 2 C(R,2) p_rr (kind='two_ways').",
        _two_ways,
    ),
    (
        "Nayak & Varshney 2024, the authors' code",
        "It adds three terms of (22) and (23) that are subtracted there, takes the"
        " prerequisites of every level above 11 from level 11, and its homogeneous task"
        " is level 11 with m = 7 instead of level 10 with m = 2..7.",
        "`as_published=True` reproduces it; the docstrings name each slip.",
        _published_code,
    ),
)
