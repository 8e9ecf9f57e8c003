"""Which public functions compute the items of a file of reference values, as data.

A line of `TABLE` below the prefix of its items says: a function, of the theory or of
this file; the inputs that it takes where they are given, as "theirs=ours" or one name
for both; and the outputs, as "theirs=attribute" of what it returns, one name for both,
or "theirs=" for what it returns. `IDLE` lists inputs that have no effect. Items that
need more than renaming have a function of (inputs, wanted) in `OTHERS`.
"""

import functools
import re
import types

import blocks
import numpy as np

from kscale import theory
from kscale.theory.concepts.poisson import OMEGA

concepts, skills, coding = theory.concepts, theory.skills, theory.coding
pitman_yor, data_scaling = theory.pitman_yor, theory.data_scaling
model_scaling, fitting = theory.model_scaling, theory.fitting

NAMES = """
d_t=d varsigma=sigma epsilon=eps d_r=a ratio=c_ratio T_over_R=c_ratio P_b=Pb S_l=S
eta_l=eta sigma_l=prerequisites s_l=prerequisites b_k=b a_k=a p_k=p log_A=logA
log_K=logK l_knw=L_knw l_syn=L_syn
"""
NAMES = dict(word.split("=") for word in NAMES.split())  # also written: read as
MOST_STEPS = 4e6  # of the chain: R times graphs; fewer graphs have a larger error
NOISE = 0.01  # relative noise of the fitted curves


class Inputs(dict):
    """Inputs by the names of this file, which remembers what is read.

    A file may name any parameter of a formula, and by any of its names. A name that no
    line reads would pass with the default, so it fails.
    """

    def __init__(self, given):
        super().__init__({NAMES.get(name, name): given[name] for name in given})
        if len(self) < len(given):
            raise AssertionError(f"one parameter by two names: {sorted(given)}")
        self.unread = set(self)

    def __getitem__(self, name):
        self.unread.discard(name)
        return super().__getitem__(name)

    def get(self, name, default=None):
        self.unread.discard(name)
        return super().get(name, default)

    def some(self, text):
        """Those that are given of "theirs=ours", under our name."""
        pairs = (word.partition("=") for word in text.split())
        return {ours or name: self[name] for name, _, ours in pairs if name in self}


def outputs(result, text):
    """What a result holds of "theirs=attribute", under their name."""
    found = {}
    for word in text.split():
        name, given, attribute = word.partition("=")
        whole = given and not attribute
        found[name] = result if whole else getattr(result, attribute or name)
    return found


def compute(prefix, inputs, wanted):
    """What our functions give for an item; every name of its inputs must be read."""
    inputs = Inputs(inputs)
    inputs.unread -= set(IDLE.get(prefix, "").split())
    found = {}
    for name, given, results in LINES.get(prefix, ()):
        found |= outputs(CALLS[name](**inputs.some(given)), results)
    if prefix in OTHERS:
        found |= OTHERS[prefix](inputs, wanted)
    unread = sorted(inputs.unread)
    assert not unread, f"no adapter reads {', '.join(unread)}"
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in found.items()
    }


def polynomial(**by_exponent):
    def dense(law):
        return [law.get(str(k), 0.0) for k in range(max(map(int, law)) + 1)]

    laws = {name: dense(law) for name, law in by_exponent.items()}
    return concepts.polynomial_threshold(**laws)


def allocate(**given):
    """The totals of an allocation beside its clusters."""
    found = model_scaling.allocate(**given)
    level = found.level._replace(certificate=None)
    return types.SimpleNamespace(**level._asdict(), **found._asdict())


def code(msg, probs):
    found = coding.arithmetic_code(msg, dict(probs))
    return found._replace(low=float(found.low), high=float(found.high))


PROCESS = "n=customers alpha beta"
GRAPH = "R=concepts T=texts d eps"
LAW = "alpha a b"
SCENE = "C=compute d eps sigma tau"
CURVE = "c_ratio=texts_per_concept d S=skills sigma L=levels eta prerequisites"
TABLE = f"""
pan.pitman_yor_moments
  stick_remainder: n=sticks alpha beta: E_len=
  stick_weight: n=atom alpha beta: E_p=
  expected_tables: {PROCESS}: E_K=
  tables_of_one: {PROCESS}: E_M1=
  tables_of_two: {PROCESS}: E_M2=
  expected_square: alpha beta: E_sum_p2=
  expected_entropy: alpha beta: E_entropy_nats=
  power_law_constants: alpha beta: len_const=stick K_const=tables
pan.K_distribution
  table_count_law: {PROCESS}: pmf=
pan.partition_entropy
  partition_entropy: {PROCESS}: H_nats=
pan.MI_pyp_labelled_atoms
  labelled_atoms_information: {PROCESS} logA=log_atoms: I_nats=
pan.data_redundancy_powerlaw
  data_redundancy_power_law: N=draws alpha loss: RedD=
  unseen: N=draws alpha: unseen=
  data_redundancy_constant: alpha: const=
  one_more_distinct: N alpha: E_distinct_Nplus1=
  data_redundancy_bounds: N=draws alpha: lower upper
pan.uniform_closed_form
  uniform: n=draws M=clusters loss: RedD=
  data_redundancy_uniform: n=draws M=clusters: closed=
pan.thm52_bound
  redundancy_bound: N=draws alpha beta d_knw d_syn n_s L_knw=l_knw L_syn=l_syn
    logK=log_elements: total unseen cover simplex knw syn m
pan.finetune_knowledge
  finetuning_knowledge: N=old n=new alpha c=scale: per_sample=
  finetuning_knowledge_ceiling: N=old alpha c=scale: ceiling=
pan.conjugate_MI
  coin_information: t=draws: I_beta11=
  four_halves: t: I_dir4_half=
pan.MI_known_weights_beta11
  known_weights_information_power_law: N=draws alpha: I=
  known_weights_constant: alpha: const=
pan.simplex_cover_counterexample
  published_cover_gap: n=outcomes eps: min_KL=
pan.model_redundancy_infinite
  infinite_allocation: C=capacity {LAW}: red=redundancy K=active loglam=log_price
    m1=first_memory
  infinite_redundancy_constant: {LAW}: const=
pan.cluster_contribution
  infinite_contribution: ks=rank C=capacity {LAW}: pkDk=
  infinite_allocation: C=capacity {LAW}: K=active
pan.waterfill_finite
  allocate: C=capacity p a b: m=memory contrib=contribution red=redundancy lam=price
    active
nv.threshold_finite
  threshold: {GRAPH}: eps_star x_star x_minus eps_localmax=eps_local_max nu_star
  printed_law: {GRAPH}: alpha alpha_term1=text_term alpha_term2=concept_term
    Pb_over_eps_eq2=unlearnt ER_eq2=learnt
  density_evolution: {GRAPH}: de_unlearnt_node=
  matching_bound: {GRAPH}: eps_ub_matching=
nv.poisson_constants
  transition: d: u_star=u a_star=texts_of_a_concept c_star=texts_per_concept F=drift
    z_star=unlearnt sigma_c=sigma kappa=shift
nv.alpha_general_polynomial
  polynomial: lam rho: eps_star x_star y_star nu_star alpha
nv.scaling_exponents
  scaling_exponents: {SCENE} mode: slope_N=parameters slope_D=tokens
    slope_N_last_decade=parameters_at_end
nv.spurious_global_optimum_eq2
  spurious_optimum: {SCENE}: R=concepts T=texts ER=learnt ratio_ER_to_T=learnt_per_text
    DE_ER=learnt_de
nv.isoflop
  isoflop: {SCENE} ratios=ratio: R=concepts T=texts ER_eq2=learnt_paper
    ER_iid=learnt_iid ER_de=learnt_de eps_star
nv.peeling_exact_dp
  learning_law: R=concepts T=texts d: pmf_unlearnt E_learnt=mean_learnt
    P_all=all_learnt P_stuck=stuck
nv.eq2_eps_dependence
  printed_law: {GRAPH} eps_list=eps: eq2=unlearnt alpha eps_star x_star nu_star
nv.gcc_gamma
  giant_component: c: gamma=
coding.example_A1
  code: msg probs: lo=low hi=high point dyadic ideal_bits
coding.structure_function
  structure_function: model_bits data_bits alpha slack: alpha h total best_total
    min_suff=minimal_sufficient slack
"""
LINES, CALLS = {}, {}
for block in re.split(r"\n(?! )", TABLE.strip().replace("\n    ", " ")):
    prefix, *lines = block.split("\n  ")
    LINES[prefix] = [line.split(": ") for line in lines]
for topic in (coding, concepts, data_scaling, model_scaling, pitman_yor, skills):
    CALLS |= vars(topic)
CALLS |= {name: call for name, call in vars(blocks).items() if name in CALLS}
CALLS |= {"allocate": allocate, "code": code, "polynomial": polynomial}
CALLS |= {
    "uniform": lambda draws, clusters, **loss: data_scaling.data_redundancy(
        draws, [1 / clusters] * clusters, **loss
    ),
    "tables_of_one": functools.partial(pitman_yor.expected_tables_of_size, 1),
    "tables_of_two": lambda customers, **process: (
        pitman_yor.expected_tables_of_size(2, customers, **process)
        if customers >= 2
        else 0
    ),
    "data_redundancy_power_law": blocks.power_law,
    "unseen": functools.partial(blocks.power_law, loss="unseen"),
    "one_more_distinct": lambda N, alpha: blocks.distinct(N + 1, alpha),
    "four_halves": lambda t: data_scaling.dirichlet_information(t, [0.5] * 4),
}
# What has no effect on these formulas, if it is given.
IDLE = {"nv.peeling_mc": "seed eps sigma tau"}
for names, idle in (
    ("threshold_finite poisson_eps_star", "sigma tau"),
    ("poisson_constants de_fixed_points peeling_exact_dp", "eps sigma tau"),
    ("eq2_eps_dependence train_error pair_tail", "eps sigma tau"),
    ("accuracy_vs_N emergence_crossing_N plateau_heights", "eps tau"),
):
    IDLE |= {f"nv.{name}": idle for name in names.split()}


def kind(found):
    return {"kind": "none" if np.isnan(found[0]) else "critical"}


def threshold_kind(inputs, wanted):
    return kind(blocks.threshold(**inputs.some(GRAPH)))


def poisson_constants(inputs, wanted):
    d = inputs.get("d", 6.0)
    found = kind(concepts.transition(d))
    prefix = "alpha_equiv_eps"
    for key in wanted:
        if key.startswith(prefix):
            eps = float(key.removeprefix(prefix) or inputs.get("eps", 0.5))
            found[key] = concepts.equivalent_alpha(d, eps)
    return found | {"Omega": OMEGA}


def texts_of_a_concept(inputs):
    """a, or d c where the ratio c = T/R is given, or both of its numbers."""
    if "a" in inputs:
        return inputs["a"]
    ratio = inputs["c_ratio"] if "c_ratio" in inputs else inputs["T"] / inputs["R"]
    return ratio * inputs.get("d", 6.0)


def poisson_eps_star(inputs, wanted):
    a = texts_of_a_concept(inputs)
    found = concepts.poisson_threshold(a, **inputs.some("d eps"))
    return found._asdict() | kind(found)


def fixed_points(inputs, wanted):
    found = concepts.fixed_points(texts_of_a_concept(inputs), **inputs.some("d"))
    return {"z_high": found.high, "z_low": found.low}


def compute_optimal(inputs, wanted):
    modes = [mode for mode in ("paper", "iid", "de") if mode in wanted]
    given = inputs.some(SCENE + " mode")
    results = {
        mode: outputs(
            blocks.compute_optimal(**given | {"mode": mode}),
            "Cprime=budget R=concepts T=texts N=parameters D=tokens c=texts_per_concept"
            " ER=learnt frac=fraction R_threshold=threshold_concepts",
        )
        | {"C": given["compute"]}
        for mode in modes or [given.get("mode", "paper")]
    }
    return results if modes else next(iter(results.values()))


def peeling_sampled(inputs, wanted):
    R, T, d = int(inputs["R"]), int(inputs["T"]), inputs.get("d", 6.0)
    graphs = int(min(inputs.get("n", 2000), max(200, MOST_STEPS / R)))
    found = concepts.sample_chain(R, T, graphs, np.random.default_rng(2024), d)
    return {
        "mean_unlearnt_frac": found.mean,
        "se": found.standard_error,
        "n": graphs,
        "P_stuck": found.stuck_fraction,
        "iid_law": blocks.corrected_law(R, T, d).unlearnt,
        "eq2": blocks.printed_law(**inputs.some(GRAPH)).unlearnt,
    }


def train_error(inputs, wanted):
    error = concepts.training_error(**inputs.some("Pb=unlearnt R=concepts d"))
    exact = concepts.excess_entropy(error.exact)
    return {
        **outputs(error, "eq27_as_printed=printed exact small paper_4d2=paper"),
        **outputs(exact, "excess_half_exact=half excess_TV=total_variation"),
        "excess_half_eq27": concepts.excess_entropy(error.printed).half,
    }


def excess_at_optimum(inputs, wanted):
    best = blocks.compute_optimal(**inputs.some(SCENE + " mode"))
    d, lost = inputs.get("d", 6.0), 1 - best.fraction
    error = concepts.training_error(lost, best.concepts, d)
    mean = concepts.bimodal_error(best.concepts, best.texts, d)
    return {
        "C": inputs["C"],
        **outputs(best, "N=parameters R=concepts T=texts"),
        "Pb_over_eps": lost,
        "Pe_exact": error.exact,
        "excess_lb_half": concepts.excess_entropy(error.exact).half,
        "excess_lb_paper_approx": 2 * (d * lost) ** 4,
        **outputs(mean, "Pe_bimodal_iid=error excess_bimodal=half"),
    }


def contribution(inputs, wanted):
    alpha, C = inputs["alpha"], inputs["C"]
    law = inputs.some(LAW)
    level = blocks.infinite_contribution(1, C, **law)
    return {
        "active_level": level,
        "active_level_times_C_pow": level * C ** (1 / alpha),
        "inactive_const": blocks.infinite_contribution(1, 0.0, **law),
    }


def individuals(inputs, wanted):
    p = model_scaling.zipf_frequencies(
        inputs.get("M", 400_000), inputs.get("a", 1.2), inputs.get("bias", 1000.0)
    )
    loss, base = inputs.get("loss", 1.0), inputs.get("b", 2.0)
    capacity = inputs.get("C_list", [])
    best = [model_scaling.allocate(c, p, loss, base).level for c in capacity]
    draws = inputs.get("n_list", [])
    out = {
        "p1": p[0],
        "pM": p[-1],
        "H_bits": model_scaling.entropy_bits(p),
        "top1pct": model_scaling.top_mass(0.01, p),
        "top25pct": model_scaling.top_mass(0.25, p),
        "RedD": [data_scaling.data_redundancy(n, p) for n in draws],
        "RedM": [level.redundancy for level in best],
        "active": [int(level.active) for level in best],
    }
    for by in ("count", "mass"):
        labels = model_scaling.frequency_classes(p, 4, by)
        parts = model_scaling.class_losses(capacity, p, labels, loss, base)
        out[f"class_sizes_{by}"] = np.bincount(labels, minlength=4).tolist()
        out[f"class_mean_loss_{by}"] = parts.mean_loss.tolist()
        out[f"class_contribution_{by}"] = parts.contribution.tolist()
    return out


def fit_exact(inputs, wanted):
    y = fitting.power_law(**inputs.some("x alpha x0 eps"))
    fit = fitting.fit_power_law(inputs["x"], y, robust=False)
    fitted = outputs(fit, "alpha x0 eps")
    return fitted | {"y": y, "fitted": fitted}


def fit_noisy(inputs, wanted):
    x, noise = inputs["x"], inputs.get("noise", NOISE)
    rng = np.random.default_rng(inputs["seed"])
    y = fitting.power_law(**inputs.some("x alpha x0 eps"))
    y = y * (1 + noise * rng.normal(size=len(x)))
    if inputs.get("outlier") is not None:
        y = wanted["y"]  # data, too: how large an outlier is the inputs do not say
    out = {"y": y}
    for name, robust in (("relLS", False), ("huber", True)):
        fit = fitting.fit_power_law(x, y, robust=robust)
        out[name] = outputs(fit, "alpha x0 eps") | {
            "alpha_profile": [fit.alpha_low, fit.alpha_high],
            "max_rel_resid": abs(fit.residual).max(),
        }
    return out


KINDS = """
eq5=literal eq28=literal eq5mono=monotone eq28_monotone=monotone exact=exact
exact_ceil=exact exact_factor2=two_ways exact_ceil_factor2=two_ways
"""
KINDS = dict(word.split("=") for word in KINDS.split())


def curve_settings(inputs, kind):
    found = inputs.some(CURVE) | {"kind": KINDS[kind]}
    if "T" in inputs:
        sigma = inputs.get("sigma", 2e5)
        R = inputs["R"] if "R" in inputs else inputs["N"] / sigma
        found["texts_per_concept"] = inputs["T"] / R
    return found


def three_tasks(inputs):
    """The three tasks of figure 3 for the levels, weights and shares given."""
    levels = int(inputs.get("L", 100))
    weights = inputs.get("w", (0.4, 0.4, 0.2))
    shares = inputs.get("pi", (0.2, 0.6, 0.95))
    mixture = skills.mixture_task(weights, shares, levels)
    return np.stack([*skills.paper_tasks(levels)[:2], mixture])


def curve(N, inputs, given):
    """Accuracy of the three tasks; the paper's own are part of the program."""
    tasks = three_tasks(inputs)
    own = np.array_equal(tasks, skills.paper_tasks(tasks.shape[1] - 1))
    return blocks.accuracy_curve(N, tasks=None if own else tasks, **given)


def pair_tail(inputs, wanted):
    given = inputs.some("R=concepts T=texts eta d S=skills")
    found = outputs(skills.pair_tail(**given), "p_rr=p npairs=pairs mean")
    for key in set(wanted) - set(found):
        found[key] = skills.pair_tail(**given, kind=KINDS[key]).tail
    return found


def accuracy(inputs, wanted):
    sigma = inputs.get("sigma", 2e5)
    N = inputs["N"] if "N" in inputs else inputs["R"] * sigma
    found = {}
    for tail in wanted:
        at = curve(N, inputs, curve_settings(inputs, tail))
        names = "acc_l10", "acc_binomial", "acc_mixture"
        one = dict(zip(names, at.accuracy, strict=True))
        one |= {f"gamma{level}": g for level, g in enumerate(at.gamma)}
        one |= {f"p{level}": p for level, p in enumerate(at.p)}
        found[tail] = one | {"max_level": at.top}
    return found


def crossing(inputs, wanted):
    given = curve_settings(inputs, inputs.get("tail", "eq5mono"))
    name = str(inputs["task"])
    if name[1:].isdigit():  # l10
        task = skills.homogeneous_task(int(name[1:]), int(inputs.get("L", 100)))
    else:
        task = three_tasks(inputs)[["binomial", "mixture"].index(name) + 1]
    return {"N": skills.emergence_size(inputs["level"], task, **given)}


def plateaus(inputs, wanted):
    found = {"heights": skills.plateau_heights(inputs["w"], inputs["pi"])}
    given = curve_settings(inputs, inputs.get("tail", "eq5mono"))
    for key in wanted:
        if key.startswith("acc_at_"):
            N = float(key.removeprefix("acc_at_"))
            found[key] = curve(N, inputs, given).accuracy[2]
    return found


def lengths(inputs, wanted):
    source = dict(inputs.get("probs", [["A", "1/2"], ["B", "3/10"], ["C", "1/5"]]))
    return outputs(
        coding.expected_lengths(source, inputs["n"]),
        "n E_point=point E_dyadic=dyadic nH=entropy max_over_point=overhead_point"
        " max_over_dyadic=overhead_dyadic kraft_point kraft_dyadic",
    )


OTHERS = {
    "nv.threshold_finite": threshold_kind,
    "nv.poisson_constants": poisson_constants,
    "nv.poisson_eps_star": poisson_eps_star,
    "nv.de_fixed_points": fixed_points,
    "nv.compute_optimal": compute_optimal,
    "nv.peeling_mc": peeling_sampled,
    "nv.train_error": train_error,
    "nv.excess_entropy_at_optimum": excess_at_optimum,
    "nv.pair_tail": pair_tail,
    "nv.accuracy_vs_N": accuracy,
    "nv.emergence_crossing_N": crossing,
    "nv.plateau_heights": plateaus,
    "pan.cluster_contribution": contribution,
    "pan.individuals_400k": individuals,
    "pan.fit_noise_free": fit_exact,
    "pan.fit_noisy": fit_noisy,
    "coding.expected_lengths": lengths,
}
FUNCTIONS = {
    prefix: functools.partial(compute, prefix) for prefix in LINES.keys() | OTHERS
}
