"""When do skills emerge, and how does the accuracy of a task follow?

Skills are linked by pairs of learnt concepts; a level of skills emerges with its giant
component (Nayak & Varshney 2024, section 4).
"""

from .emergence import emergence_size as emergence_size
from .emergence import phases as phases
from .levels import accuracy_curve as accuracy_curve
from .levels import giant_component as giant_component
from .levels import skill_levels as skill_levels
from .simulation import component_labels as component_labels
from .simulation import concept_pairs as concept_pairs
from .simulation import simulate_skills as simulate_skills
from .tails import binomial_tail as binomial_tail
from .tails import pair_tail as pair_tail
from .tasks import binomial_task as binomial_task
from .tasks import homogeneous_task as homogeneous_task
from .tasks import mixture_task as mixture_task
from .tasks import paper_tasks as paper_tasks
from .tasks import plateau_heights as plateau_heights
from .tasks import task as task
from .tasks import task_accuracy as task_accuracy
