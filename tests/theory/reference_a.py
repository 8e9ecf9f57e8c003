"""Which public function computes which item: Pitman-Yor and data scaling."""

import pathlib
import runpy

from kscale.theory.data_scaling import (
    bayes,
    finetuning,
    known_weights,
    redundancy,
)
from kscale.theory.data_scaling import redundancy_bounds as bounds
from kscale.theory.pitman_yor import moments, partitions, tails


def pitman_yor_moments(inputs, outputs):
    n, process = inputs["n"], (inputs["alpha"], inputs["beta"])
    constants = tails.power_law_constants(*process)
    return {
        "E_len": moments.stick_remainder(n, *process),
        "E_p": moments.stick_weight(n, *process),
        "E_K": moments.expected_tables(n, *process),
        "E_M1": moments.expected_tables_of_size(1, n, *process),
        "E_M2": moments.expected_tables_of_size(2, n, *process) if n > 1 else 0,
        "E_sum_p2": moments.expected_square(*process),
        "E_entropy_nats": moments.expected_entropy(*process),
        "len_const": constants.stick,
        "K_const": constants.tables,
    }


def table_count_law(inputs, outputs):
    return {"pmf": list(partitions.table_count_law(**names(inputs)))}


def partition_entropy(inputs, outputs):
    return {"H_nats": partitions.partition_entropy(**names(inputs))}


def labelled_atoms(inputs, outputs):
    information = partitions.labelled_atoms_information(
        **names(inputs), log_atoms=inputs["logA"]
    )
    return {"I_nats": information}


def names(inputs):
    return {
        "customers": inputs["n"],
        "alpha": inputs["alpha"],
        "beta": inputs["beta"],
    }


def power_law(inputs, outputs):
    n, alpha = inputs["N"], inputs["alpha"]
    bound = redundancy.data_redundancy_bounds(n, alpha)
    return {
        "RedD": redundancy.data_redundancy_power_law(n, alpha, **inputs.some("loss")),
        "unseen": redundancy.data_redundancy_power_law(n, alpha, loss="unseen"),
        "const": redundancy.data_redundancy_constant(alpha),
        "E_distinct_Nplus1": redundancy.expected_distinct_power_law(n + 1, alpha),
        "lower": bound.lower,
        "upper": bound.upper,
    }


def uniform(inputs, outputs):
    n, clusters = inputs["n"], inputs["M"]
    return {
        "RedD": redundancy.data_redundancy(
            n, [1 / clusters] * clusters, **inputs.some("loss")
        ),
        "closed": redundancy.data_redundancy_uniform(n, clusters),
    }


def theorem_52(inputs, outputs):
    settings = inputs.some(
        "d_knw",
        "d_syn",
        "n_s",
        L_knw="l_knw",
        L_syn="l_syn",
        logK="log_elements",
    )
    process = inputs["N"], inputs["alpha"], inputs["beta"]
    bound = bounds.redundancy_bound(*process, **settings)
    return bound._asdict()


def finetune_knowledge(inputs, outputs):
    old, alpha, scale = inputs["N"], inputs["alpha"], inputs.get("c", 1.0)
    return {
        "per_sample": finetuning.finetuning_knowledge(old, inputs["n"], alpha, scale),
        "ceiling": finetuning.finetuning_knowledge_ceiling(old, alpha, scale),
    }


def conjugate(inputs, outputs):
    return {
        "I_beta11": bayes.coin_information(inputs["t"]),
        "I_dir4_half": bayes.dirichlet_information(inputs["t"], [0.5] * 4),
    }


def many_coins(inputs, outputs):
    alpha = inputs["alpha"]
    return {
        "I": known_weights.known_weights_information_power_law(inputs["N"], alpha),
        "const": known_weights.known_weights_constant(alpha),
    }


def counterexample(inputs, outputs):
    return {"min_KL": bounds.published_cover_gap(inputs["n"], inputs["eps"])}


NAMES = runpy.run_path(str(pathlib.Path(__file__).with_name("reference_names.py")))
ADAPTERS = NAMES["by_name"](
    {
        "pan.pitman_yor_moments": pitman_yor_moments,
        "pan.K_distribution": table_count_law,
        "pan.partition_entropy": partition_entropy,
        "pan.MI_pyp_labelled_atoms": labelled_atoms,
        "pan.data_redundancy_powerlaw": power_law,
        "pan.uniform_closed_form": uniform,
        "pan.thm52_bound": theorem_52,
        "pan.finetune_knowledge": finetune_knowledge,
        "pan.conjugate_MI": conjugate,
        "pan.MI_known_weights_beta11": many_coins,
        "pan.simplex_cover_counterexample": counterexample,
    }
)
