"""What TensorBoard shows of knowledge: scalars by step, hparams, the final figure.

knowledge/...              bits, whole and by part, R, R_max, values right
accuracy/PIECE             share of people whose whole piece is greedily right
accuracy_by_class/NUMBER   values right by class of frequency, 0 the most frequent
"""

import io
import json
import struct
from collections.abc import Sequence
from typing import Any

from tensorboardX.summary import hparams

from kscale.configs import fields
from kscale.configs.base import Config, select_meaningful
from kscale.files import Row
from kscale.runs.folder import RunFolder
from kscale.train import logs

# Shown also at their defaults, so that the table of hparams has a value for every run.
_COMPARED = (
    *("world.people", "data.exposures"),
    *(f"train.{name}" for name in ("learning_rate", "weight_decay", "seed")),
)


def tag_knowledge(known: Row) -> dict[str, float]:
    """Returns what a model knows by its TensorBoard tags; what is None is left out.

    Args:
      known: a result row, or a member's of a curve (`Known.progress`).
    """
    tags = {
        f"knowledge/{name}": known[name]
        for name in ("bits_per_param", "max_bits_per_param")
    }
    for part, bits in known["bits"].items():
        tags["knowledge/bits" + f"_{part}" * (part != "total")] = bits
    tags["knowledge/accuracy"] = known["loss"]["accuracy"]
    tags |= {f"accuracy/{piece}": x for piece, x in known["accuracy"].items()}
    for each in known["classes"]:
        tags[f"accuracy_by_class/{each['frequency_class']}"] = each["accuracy"]
    return {tag: value for tag, value in tags.items() if value is not None}


def write_end(folder: RunFolder, members: int | None, rows: Sequence[Row]) -> None:
    """Shows the result rows of a finished run, in place of those of an earlier end.

    Each member gets its scalars and hparams. The first also gets a figure of them all:
    bits per parameter against exposures.

    Args:
      folder: of the run.
      members: of its population; None: one model.
      rows: one per member.
    """
    tags = [{} if row.get("diverged") else tag_knowledge(row) for row in rows]
    values = [
        [*logs.scalar_values(tag), *_hparams(row)]
        for tag, row in zip(tags, rows, strict=True)
    ]
    known = [row for row in rows if not row.get("diverged")]
    if rows[0]["exposures"] and known:  # else the run has read its parts alone
        values[0].append(_figure(known))
    logs.write_result(folder.path, rows[0]["steps"], members, values)


def list_hparams(row: Row) -> Row:
    """Lists the fields by which TensorBoard compares a run with others.

    These are name, model, and by path the fields that sweeps vary most often and all
    that are not at their defaults; a list of values is a text.
    """
    config = fields.from_dict(Config, row["config"])
    leaves = fields.flatten(config)
    chosen = {x: leaves[x] for x in _COMPARED} | select_meaningful(config)
    return {"name": row["name"], "model": row["model"]} | {
        path: leaf if isinstance(leaf, str | int | float) else json.dumps(leaf)
        for path, leaf in chosen.items()
    }


def _hparams(row: Row) -> list[Any]:
    """Returns the start and the end of a session of TensorBoard's hparams.

    Without an experiment around it TensorBoard takes as metrics the last scalars of
    each run, as fields those of all runs: of an experiment it takes the first run's.
    """
    _, start, end = hparams(list_hparams(row), {})
    return [*start.value, *end.value]


def _figure(rows: Sequence[Row]) -> Any:
    from kscale import report  # Matplotlib is imported where something is drawn

    with io.BytesIO() as file:
        report.draw_exposures(rows, file, f"What {rows[0]['name']} holds of its world")
        png = file.getvalue()
    width, height = struct.unpack(">II", png[16:24])  # of the header, IHDR
    image = logs.Summary.Image(
        width=width, height=height, colorspace=4, encoded_image_string=png
    )
    return logs.Summary.Value(tag="knowledge/exposures", image=image)
