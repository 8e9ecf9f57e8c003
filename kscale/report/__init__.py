"""Result rows as figures, theory beside them. Never reads models or checkpoints.

from kscale import report
report.draw_capacity(rows, pathlib.Path("capacity.png"), "bioS(N), GPT-2")
"""

from .capacity import draw_capacity as draw_capacity
from .capacity import draw_exposures as draw_exposures
from .capacity import values_right as values_right
from .comparison import BestRate as BestRate
from .comparison import choose_rates as choose_rates
from .comparison import draw_comparison as draw_comparison
from .extraction import draw_extraction as draw_extraction
from .fits import AllocationFit as AllocationFit
from .fits import LearningFit as LearningFit
from .fits import Line as Line
from .fits import describe_line as describe_line
from .fits import fit_allocation as fit_allocation
from .fits import fit_learning as fit_learning
from .fits import fit_line as fit_line
from .fits import predict_threshold as predict_threshold
from .panels import COLORS as COLORS
from .panels import Curve as Curve
from .panels import Panel as Panel
from .panels import draw_panels as draw_panels
from .quantization import draw_ablation as draw_ablation
from .quantization import draw_quantization as draw_quantization
