"""Sentences with places for a person and a value, as text files or as bioD has them.

A template is a line such as "{pronoun} was born in {value}." In the first sentence of a
document the first mention of the person is the full name; later sentences say what the
template says.
"""

import dataclasses
import pathlib
import re
from collections.abc import Callable, Sequence

from kscale.worlds import Attribute, World
from kscale.worlds.lines import list_files, read_lines

FULL_NAME = "name"


@dataclasses.dataclass(frozen=True)
class Form:
    """A way to mention a person.

    Attributes:
      attribute: name of the attribute that the words follow from ("pronoun"); "" if
        they are the same for everybody.
      words: one for each value of the attribute ("He", "She"), or the only one.
      suffix: what follows a full name in its place ("'s" for a possessive).
    """

    attribute: str
    words: tuple[str, ...]
    suffix: str = ""


@dataclasses.dataclass(frozen=True)
class Slot:
    """A part of a template: literal text, a person (by form) or the value.

    `space` says that one space stands before it, which belongs to it: GPT-2 cuts words
    before their space, so pieces cut there have the tokens of the whole text.
    """

    kind: str  # "text", "person" or "value"
    text: str  # the literal, or the name of the form
    space: bool = False


Template = tuple[Slot, ...]


@dataclasses.dataclass(frozen=True)
class Templates:
    """The templates of each sentence and the forms in them.

    Attributes:
      sentences: {attribute or derived fact: its templates}, in the default order.
      forms: {name of a placeholder: Form}. "name" is always the full name.
    """

    sentences: dict[str, tuple[Template, ...]]
    forms: dict[str, Form]


def parse_template(
    line: str, forms: dict[str, Form], where: str = "template"
) -> Template:
    """Parses a line of text to a template.

    Args:
      line: has {value} once and at least one of {name} and the forms.
      forms: the placeholders that are allowed besides {name} and {value}.
      where: the file and line, for the error.

    Returns:
      Slots, the first preceded by a space, as every sentence is.

    Raises:
      ValueError: a placeholder is unknown, {value} does not stand there once, or no
        person is mentioned.

    Example:
      >>> [slot.text for slot in parse_template("{name} is {value}.", {})]
      ['name', ' is', 'value', '.']
    """
    slots = []
    for part in re.split(r"( ?\{\w*\})", " " + line):
        match = re.fullmatch(r"( ?)\{(\w*)\}", part)
        if match is None:
            slots += [Slot("text", part)] if part else []
            continue
        space, name = bool(match[1]), match[2]
        if name not in ("value", FULL_NAME, *forms):
            raise ValueError(
                f"{where}: {line!r} has {{{name}}}; known are {{value}}, {{name}}"
                + "".join(f", {{{form}}}" for form in forms)
            )
        slots.append(Slot("value" if name == "value" else "person", name, space))
    if any(slot.kind == "text" and set(slot.text) & set("{}") for slot in slots):
        raise ValueError(
            f"{where}: {line!r} has a brace that is part of no placeholder, which are"
            f" {{value}} and words such as {{name}}: remove it"
        )
    kinds = [slot.kind for slot in slots]
    if kinds.count("value") != 1 or "person" not in kinds:
        raise ValueError(
            f"{where}: {line!r} must have {{value}} once and mention the person, by"
            f" {{name}}" + "".join(f" or {{{form}}}" for form in forms)
        )
    return tuple(slots)


def read_sentences(
    folder: pathlib.Path,
    names: Sequence[str],
    parse: Callable[[str, str], Template],
) -> dict[str, tuple[Template, ...]]:
    """Reads a folder with a file of templates for each sentence of a world.

    Args:
      folder: of NAME.txt, a template a line.
      names: of the sentences, in their order.
      parse: makes a template of a line and where it stands.

    Raises:
      ValueError: a file is absent, empty or malformed, or is of no sentence.
    """
    sentences: dict[str, tuple[Template, ...]] = {}
    for name in names:
        path = folder / f"{name}.txt"
        sentences[name] = tuple(
            parse(line, f"{path}, line {i}")
            for i, line in enumerate(read_lines(path), 1)
        )
    for path in list_files(folder):
        if path.suffix != ".txt" or path.stem not in names:
            raise ValueError(
                f"{path} is never used: name {path.stem} in order.txt, or move the file"
                f" elsewhere"
            )
    return sentences


def load_templates(world: World) -> Templates:
    """Reads the templates in the folder of a world.

    Args:
      world: from `kscale.worlds.build_bios`.

    Returns:
      Templates for each of `world.sentences`.

    Raises:
      ValueError: a file is absent, empty or malformed; the world counts an attribute
        that no sentence can ever tell; more than one attribute has no sentence; one
        word of reference stands for two values.
    """
    _check_references(world)
    forms = {}
    for attribute in world.references:
        # The first column stands for the person, further ones for the possessive.
        forms[attribute.name] = Form(attribute.name, attribute.columns[0].strings)
        for fact in attribute.derived:
            suffix = "'s" if fact.name.startswith("possessive") else ""
            forms[fact.name] = Form(attribute.name, fact.strings, suffix)
    sentences = read_sentences(
        pathlib.Path(world.folder) / "templates",
        world.sentences,
        lambda line, where: parse_template(line, forms, where),
    )
    slots = {slot.text for ts in sentences.values() for t in ts for slot in t}
    used = {name: form for name, form in forms.items() if name in slots}
    for attribute in world.references:
        _check_forms(world, attribute, used)
    written = {form.attribute for form in used.values()}
    for attribute in world.attributes:
        if attribute.name not in written | set(sentences):
            raise ValueError(
                f"the attribute {attribute.name!r} has bits but is never written: name"
                f" it in order.txt and give it templates, or use {{{attribute.name}}}"
                f" in a template"
            )
    return Templates(sentences, forms)


def biod_templates(world: World, style: str = "paper") -> Templates:
    """Returns the one fixed template of each bioD attribute.

    Args:
      world: from `kscale.worlds.build_biod`.
      style: "paper" writes "n1 n2 n3 's ID 7 is s4 s2 . Her ID 2 is s3 s1 ."; "bare"
        keeps the names and values: "n1 n2 n3 ID 7 s4 s2 ID 2 s3 s1".

    Returns:
      Templates, one for each attribute.

    Raises:
      ValueError: an unknown style.

    Source: Allen-Zhu & Li 2024, section 2.2.
    """
    if style not in ("paper", "bare"):
        raise ValueError(f"bioD style={style!r}: choose 'paper' or 'bare'")
    paper = style == "paper"
    forms = {"subject": Form("", ("Her" if paper else "",), " 's" if paper else "")}
    sentences = {}
    for name in world.sentences:
        slots = [
            Slot("person", "subject", space=True),
            Slot("text", f" {name}" + (" is" if paper else "")),
            Slot("value", "value", space=True),
        ]
        sentences[name] = ((*slots, Slot("text", " .")) if paper else tuple(slots),)
    return Templates(sentences, forms)


def _check_references(world: World) -> None:
    """Checks that what has no sentence is one attribute, which forms alone can tell."""
    if len(world.references) > 1:
        raise ValueError(
            f"the attributes {[a.name for a in world.references]} have no sentence, but"
            f" only one can be told by how a person is referred to: name the others in"
            f" order.txt"
        )
    for attribute in world.references:
        if len(attribute.columns) > 1:
            raise ValueError(
                f"the attribute {attribute.name!r} has {len(attribute.columns)} columns"
                f" and so needs a sentence of its own: name it in order.txt"
            )
        for fact in attribute.derived:
            if fact.name in world.sentences:
                raise ValueError(
                    f"the sentence {fact.name!r} gives {attribute.name!r} away, which"
                    f" has no sentence itself: name both in order.txt or neither"
                )


def _check_forms(world: World, attribute: Attribute, used: dict[str, Form]) -> None:
    """Checks that each word of reference tells which value it is of."""
    values = attribute.columns[0].strings
    owner: dict[str, str] = {}
    for name, form in used.items():
        for word, value in zip(form.words, values, strict=True):
            if owner.setdefault(word, value) != value:
                file = "+".join([attribute.name, *(x.name for x in attribute.derived)])
                raise ValueError(
                    f"{pathlib.Path(world.folder) / 'values' / file}.txt: {word!r} is"
                    f" said of {owner[word]!r} and of {value!r}, so it does not tell"
                    f" which: change it or use no {{{name}}} in the templates"
                )
