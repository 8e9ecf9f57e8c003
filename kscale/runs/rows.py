"""What a row says besides its bits, in lines for a person to read.

Who is known, by class of frequency; how often people were met; what experts drop when
they are scored; what is known of each part of a mixture. Nothing is said where
everybody is met alike, nothing is dropped and nothing is mixed in.
"""

from kscale.files import Row


def findings(row: Row) -> list[str]:
    """Lines about classes, visits, experts and parts; none of a dense run of people.

    Args:
      row: of a trained or scored run.

    Returns:
      Sentences, each of which fits a line or two.
    """
    lines = []
    if row["visits"]["fewest"] != row["visits"]["most"] and row["visits"]["total"]:
        lines.append(_of_visits(row["visits"]))
        lines.append(_of_classes(row["classes"]))
    if row["config"].get("start"):
        lines.append(
            f"It went on from {row['config']['start']}; counts are of this run."
        )
    trained = row["config"].get("train", {}).get("trainable", ["*"])
    if list(trained) != ["*"]:
        lines.append(f"Only {', '.join(trained)} was trained.")
    if row.get("dropped_when_scored"):
        lines.append(
            f"When scored, experts dropped {100 * row['dropped_when_scored']:.2g}% of"
            f" the choices; model.eval_capacity_factor=0 drops none."
        )
    return lines + [_of_part(name, told) for name, told in row.get("parts", {}).items()]


def _of_visits(visits: Row) -> str:
    never = f", {visits['never']:,} never" if visits["never"] else ""
    return (
        f"People were met {visits['fewest']:,} to {visits['most']:,} times{never};"
        f" visits.npy has each."
    )


def _of_classes(classes: list[Row]) -> str:
    right = ", ".join(f"{each['accuracy']:.0%}" for each in classes)
    lost = ", ".join(f"{each['loss_bits']:.1f}" for each in classes)
    return (
        f"Values right by class of frequency, the most frequent first: {right}; bits"
        f" lost a person: {lost}."
    )


def _of_part(name: str, told: Row) -> str:
    if "trained" not in told:
        return f"Part {name}: {told['accuracy']:.0%} of values right."
    said = f"Part {name}: {told['trained']['accuracy']:.0%} of answers right"
    if "held_out" in told:
        said += f", {told['held_out']['accuracy']:.0%} about the people held out"
    return said + "."
