"""The solvers that the command line offers, each with a command that shows it.

`SOLVERS` is behind `kscale theory`; what a solver does stands in its docstring.
"""

import inspect
from collections.abc import Callable
from typing import NamedTuple

from kscale import theory


class Solver(NamedTuple):
    """A solver or simulator of the command line.

    Attributes:
      function: of a topic of `kscale.theory`.
      topic: its name.
      example: arguments that show it, as typed.
      axis: an argument of which the function takes many values at once, as the first
        axis of its results; the scalar arguments of a solver need not be named.
    """

    function: Callable
    topic: str
    example: tuple[str, ...]
    axis: str

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]


EXAMPLES: dict[str, dict[str, str]] = {
    "numerics": {
        "log_zeta": "--excess=1e-6:10:8",
        "lambert_w_minus1": "--x=-0.3,-0.1,-0.001",
    },
    "pitman_yor": {
        "expected_tables": "--customers=10:1e9:9 --alpha=0.3,0.5,0.8 --beta=1",
        "expected_tables_of_size": (
            "--seats=1,2,3,10 --customers=1e6 --alpha=0.5 --beta=1"
        ),
        "table_count_law": "--customers=50 --alpha=0.5 --beta=1",
        "table_size_law": "--seats=1:1000:10 --alpha=0.5",
        "stick_remainder": "--sticks=1:1e6:7 --alpha=0.5 --beta=1",
        "stick_weight": "--atom=1:1e6:7 --alpha=0.5 --beta=1",
        "zipf_curve": "--rank=1:1e6:7 --alpha=0.5 --beta=1",
        "expected_atoms_above": "--weight=1e-6:0.5:7 --alpha=0.5 --beta=1",
        "power_law_constants": "--alpha=0.5 --beta=1",
        "expected_square": "--alpha=0:0.9:+0.1 --beta=1",
        "expected_entropy": "--alpha=0:0.9:+0.1 --beta=1",
        "partition_entropy": "--customers=100 --alpha=0.5 --beta=1",
        "labelled_atoms_information": (
            "--customers=100 --alpha=0.5 --beta=1 --log_atoms=20"
        ),
        "log_partition_probability": "--counts=3,2,1 --alpha=0.5 --beta=1",
        "chinese_restaurant": "--customers=1000 --alpha=0.5 --beta=1",
        "stick_breaking": "--atoms=20 --alpha=0.5 --beta=1",
        "syntax_knowledge_corpus": "--sentences=1000",
    },
    "data_scaling": {
        "data_redundancy_power_law": "--draws=10:1e9:9 --alpha=0.5,0.8",
        "data_redundancy": "--draws=1:1e4:5 --p=0.5,0.25,0.15,0.1",
        "data_redundancy_of_table": "--draws=0,10,100 --p=0.5,0.5 --table=1,0.4,0.1,0",
        "data_redundancy_power_law_of_table": (
            "--draws=10:1e6:6 --alpha=0.5 --table=1,0.4,0.1,0"
        ),
        "data_redundancy_bounds": "--draws=10:1e9:9 --alpha=0.5",
        "data_redundancy_constant": "--alpha=0.1:0.9:+0.1",
        "data_redundancy_uniform": "--draws=1:1e6:7 --clusters=1000",
        "expected_distinct_power_law": "--draws=10:1e9:9 --alpha=0.5",
        "redundancy_bound": "--draws=1e4:1e12:9 --alpha=0.5 --beta=1",
        "simplex_cover": "--outcomes=3 --eps=1",
        "published_cover_gap": "--outcomes=3,5,10 --eps=1,0.4,0.3",
        "coin_information": "--draws=1:1e6:7",
        "dirichlet_information": "--draws=100 --concentrations=0.5,0.5,0.5",
        "dirichlet_regret": "--draws=100 --nature=1,1 --player=0.5,0.5",
        "known_weights_information": "--draws=10,100 --p=0.5,0.3,0.2",
        "known_weights_information_power_law": "--draws=100:1e6:3 --alpha=0.5",
        "known_weights_constant": "--alpha=0.5",
        "finetuning_redundancy": "--old=1e6 --new=10:1e6:6 --alpha=0.5 --knowledge=new",
        "finetuning_knowledge": "--old=1e6 --new=10:1e6:6 --alpha=0.5",
        "finetuning_knowledge_ceiling": "--old=1e3:1e9:7 --alpha=0.5",
    },
    "model_scaling": {
        "water_level": "--capacity=0.5:20:8 --p=0.5,0.25,0.15,0.1",
        "allocate": "--capacity=3 --p=0.5,0.25,0.15,0.1",
        "kkt_certificate": (
            "--memory=0.5,0,0 --log_price=-1.2 --capacity=0.5 --p=0.5,0.3,0.2"
        ),
        "infinite_allocation": "--capacity=1:1e12:13 --alpha=0.5,0.8",
        "infinite_contribution": "--rank=1:1e4:5 --capacity=1000 --alpha=0.5",
        "infinite_onset_capacity": "--rank=1:1e6:7 --alpha=0.5",
        "infinite_redundancy_constant": "--alpha=0.1:0.9:+0.1",
        "threshold_frequency": "--capacity=0.5:20:8 --p=0.5,0.25,0.15,0.1",
        "onset_capacity": "--frequency=0.1,0.2,0.4 --p=0.5,0.25,0.15,0.1",
        "class_losses": (
            "--capacity=0.5:20:8 --p=0.5,0.25,0.15,0.1 --labels=0,0,1,1 --classes=2"
        ),
        "table_allocation": (
            "--capacity=0.5,1,2 --p=0.6,0.4 --memory=0,1,2 --loss=1,0.3,0.1"
        ),
        "convex_minorant": "--memory=0,1,2 --loss=1,0.9,0",
        "zipf_frequencies": "--size=10 --exponent=1.2 --bias=0",
        "entropy_bits": "--p=0.5,0.25,0.25",
        "top_mass": "--share=0.25,0.5 --p=0.5,0.25,0.15,0.1",
        "frequency_classes": "--p=0.5,0.25,0.15,0.1 --classes=2",
    },
    "fitting": {
        "fit_power_law": "--x=1,2,4,8,16 --y=3,2,1.5,1.25,1.125",
        "power_law": "--x=1:1e4:5 --alpha=0.5 --x0=10 --eps=0.1",
        "diagnose": "--x=1:128:8 --y=3,2,1.5,1.25,1.125,1.0625,1.03125,1.015625",
        "bootstrap_power_law": (
            "--x=1:128:8 --y=3,2,1.5,1.25,1.12,1.06,1.03,1.02 --resamples=200"
        ),
        "chinchilla_law": (
            "--parameters=7e9,7e10 --tokens=1.4e12,1.4e12 --A=406.4 --a=0.34 "
            "--B=410.7 --b=0.28 --E=1.69"
        ),
        "fit_chinchilla": (
            "--parameters=1e8,1e8,1e9,1e9,1e10,1e10,1e8,1e9 "
            "--tokens=1e9,1e10,1e10,1e11,1e11,1e12,1e11,1e12 "
            "--loss=3.66,3.11,2.64,2.32,2.10,1.95,2.81,2.23"
        ),
    },
    "concepts": {
        "threshold": "--concepts=1e5 --texts=4.6e5",
        "density_evolution": "--concepts=1e5 --texts=4e5:5e5:6",
        "matching_bound": "--concepts=1e5 --texts=4e5:5e5:6",
        "printed_law": "--concepts=1e4 --texts=4e4:6e4:6 --eps=0.2,0.5,0.8",
        "corrected_law": "--concepts=1e4 --texts=4e4:6e4:6",
        "equivalent_alpha": "--d=6 --eps=0.2,0.5,0.8",
        "transition": "--d=3:12:+1",
        "poisson_threshold": "--texts_of_a_concept=27.6",
        "fixed_points": "--texts_of_a_concept=20:30:+2",
        "polynomial_threshold": "--lam=0,0,1 --rho=0,0,0,0,0,1",
        "learning_law": "--concepts=30 --texts=150",
        "sample_chain": "--concepts=1000 --texts=4000:5500:+250 --graphs=100",
        "compute_optimal": "--compute=1e18:1e26:9",
        "scaling_exponents": "--compute=1e18,1e22,1e26 --mode=iid --d=5,6",
        "isoflop": "--compute=1e20 --ratio=0.3:2.5:12",
        "spurious_optimum": "--compute=1e22",
        "training_error": "--unlearnt=1e-6:0.1:6 --concepts=1e4",
        "excess_entropy": "--error=1e-6:0.1:6",
        "bimodal_error": "--concepts=1e4 --texts=4.5e4:5.5e4:6",
    },
    "skills": {
        "pair_tail": "--concepts=1e3:1e6:7 --texts=4.5e6 --eta=2",
        "binomial_tail": "--n=1e6 --p=1e-6 --k=0:5:+1",
        "giant_component": "--c=0.5:3:+0.25",
        "skill_levels": "--concepts=1e5 --texts=4.533e5",
        "accuracy_curve": "--parameters=1e8:1e13:11",
        "emergence_size": "--level=0.5",
        "simulate_skills": "--concepts=500 --texts=2266 --graphs=2 --levels=20",
        "phases": "--sizes=1,2,4,8,16,32,64,128 --accuracy=0,0,0.1,0.4,0.4,0.4,0.9,1",
        "plateau_heights": "--weights=0.4,0.4,0.2 --shares=0.2,0.6,0.95",
    },
    "coding": {
        "play_coding_game": "--draws=50 --games=200 --nature=1,1",
        "kraft_sum": "--lengths=1,2,3,3",
        "shannon_lengths": "--probabilities=0.5,0.3,0.2",
        "optimal_lengths": "--probabilities=0.5,0.3,0.2",
        "structure_function": "--model_bits=10,20,40,80 --data_bits=1000,700,650,660",
    },
}

# Solvers that take many values of this argument without broadcasting it.
AXES: dict[str, str] = dict.fromkeys(
    ("water_level", "allocate", "class_losses", "table_allocation"), "capacity"
)

SOLVERS: dict[str, Solver] = {
    name: Solver(
        getattr(getattr(theory, topic), name),
        topic,
        tuple(example.split()),
        AXES.get(name, ""),
    )
    for topic, examples in EXAMPLES.items()
    for name, example in examples.items()
}
