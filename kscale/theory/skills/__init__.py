"""When do skills emerge, and how does the accuracy of a task follow?

Skills are linked by pairs of learnt concepts; a level of skills emerges with its giant
component (Nayak & Varshney 2024, section 4).
"""

from kscale.theory.skills.emergence import Phases as Phases
from kscale.theory.skills.emergence import emergence_size as emergence_size
from kscale.theory.skills.emergence import phases as phases
from kscale.theory.skills.levels import accuracy_curve as accuracy_curve
from kscale.theory.skills.levels import giant_component as giant_component
from kscale.theory.skills.levels import skill_levels as skill_levels
from kscale.theory.skills.simulation import component_labels as component_labels
from kscale.theory.skills.simulation import concept_pairs as concept_pairs
from kscale.theory.skills.simulation import simulate_skills as simulate_skills
from kscale.theory.skills.tails import binomial_tail as binomial_tail
from kscale.theory.skills.tails import pair_tail as pair_tail
from kscale.theory.skills.tasks import binomial_task as binomial_task
from kscale.theory.skills.tasks import homogeneous_task as homogeneous_task
from kscale.theory.skills.tasks import mixture_task as mixture_task
from kscale.theory.skills.tasks import paper_tasks as paper_tasks
from kscale.theory.skills.tasks import plateau_heights as plateau_heights
from kscale.theory.skills.tasks import task as task
from kscale.theory.skills.tasks import task_accuracy as task_accuracy
