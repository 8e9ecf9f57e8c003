"""`kscale show`: one person's facts, text with its spans, tokens, and bits.

kscale show --config=mini --person=3
kscale show --workdir=runs/demo --person=3       # with the bits that the model holds
"""

from kscale.cli.flags import CONFIG, Command, Flag, UsageError
from kscale.cli.verb import Reply, Verb
from kscale.files import Row
from kscale.runs.inspect import describe_person
from kscale.runs.task import open_run, prepare


def run(command: Command) -> Reply:
    """Shows one person: facts, text with its spans, tokens, and bits."""
    config, chosen = command.config, command.flags
    if (config is None) == (chosen.workdir is None):
        raise UsageError("name either --config or --workdir: what shall be shown?")
    if config is None:
        task, params = open_run(command.workdir, chosen.member)
    else:
        task, params = prepare(config), None
    params = None if chosen.dry_run else params
    answer = describe_person(task, chosen.person, chosen.exposure, params)
    return Reply(answer, text(answer))


VERB = Verb(
    "show",
    __doc__ or "",
    {
        "config": CONFIG,
        "workdir": Flag(None, "a run's folder, to show its bits"),
        "person": Flag(0, "which person, 0 to N-1"),
        "exposure": Flag(0, "which text"),
        "member": Flag(0, "which member of a population"),
    },
    run,
    dry_run="leave out what needs the model",
)


def text(answer: Row) -> str:
    """Returns the answer for a person to read."""
    marked = ""
    for part, label in answer["spans"]:
        bracketed = f"{' ' * part.startswith(' ')}[{part.strip()}]({label})"
        marked += part if label == "text" else bracketed
    out = [f"person {answer['person']}"]
    out += [f"  {name:<14} {value}" for name, value in answer["facts"].items()]
    out += ["", "text, with what counts in brackets", f" {marked}", ""]
    out += [f"{len(answer['tokens'])} tokens: {answer['tokens']}", ""]
    held = answer.get("bits")
    out.append("bits of knowledge" + (" held, of" if held else " to hold"))
    for name, most in answer["max_bits"].items():
        shown = f"{held[name]:8.2f} of" if held else ""
        out.append(f"  {name:<14}{shown}{most:8.2f}")
    if held and min(held.values()) < 0:
        out.append("  below 0: the truth costs the model more than an even guess")
    most = sum(answer["max_bits"].values())
    there = f"there are {most:.1f} bits to know"
    if held:
        there = f"the model holds {sum(held.values()):.1f} of {most:.1f} bits"
    out += ["", f"Of person {answer['person']} {there}."]
    return "\n".join(out)
