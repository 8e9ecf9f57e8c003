"""When do skills emerge, and how does the accuracy of a task follow?

Skills are linked by pairs of learnt concepts; a level of skills emerges with its giant
component (Nayak & Varshney 2024, section 4).
"""

from kscale.theory.skills.emergence import (
    Phases,
    emergence_size,
    phases,
)
from kscale.theory.skills.levels import (
    accuracy_curve,
    giant_component,
    skill_levels,
)
from kscale.theory.skills.simulation import (
    component_labels,
    concept_pairs,
    simulate_skills,
)
from kscale.theory.skills.tails import (
    binomial_tail,
    pair_tail,
)
from kscale.theory.skills.tasks import (
    binomial_task,
    homogeneous_task,
    mixture_task,
    paper_tasks,
    plateau_heights,
    task,
    task_accuracy,
)

__all__ = [
    "Phases",
    "accuracy_curve",
    "binomial_tail",
    "binomial_task",
    "component_labels",
    "concept_pairs",
    "emergence_size",
    "giant_component",
    "homogeneous_task",
    "mixture_task",
    "pair_tail",
    "paper_tasks",
    "phases",
    "plateau_heights",
    "simulate_skills",
    "skill_levels",
    "task",
    "task_accuracy",
]
