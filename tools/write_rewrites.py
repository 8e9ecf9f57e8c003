"""Asks a local language model for biographies, as JSONL: bioR by a model at hand.

    pip install -e '.[huggingface]'
    python -m tools.write_rewrites --model=FOLDER --lists=mini --people=1000 \
        --output=rewrites.jsonl

FOLDER holds any causal language model that Hugging Face transformers loads; nothing is
downloaded. A text is kept if `Rewrites` scores it whole: it opens with the name, has
every value word for word, none after what gives it away, and the pronoun. Others are
counted and asked for again. Texts are appended as they come; the same command goes on
where it stopped.

Allen-Zhu & Li 2024, section 2.2: 40 texts a person by LLaMA2. This was run with
transformers 5.23.0 and a Llama of two layers that had learnt eight texts by heart (5 of
16 answers kept), never yet with a model that writes by itself: how many of such a
model's answers are kept is not known, and its texts are bioR only as far as it can
write.
"""

import collections
import dataclasses
import itertools
import json
import pathlib
import sys
from collections.abc import Callable, Sequence

from absl import flags

from kscale import worlds
from kscale.corpora import FactFinder
from tools.texts import build_world, define_world, format_record, run_tool

Ask = Callable[[str, int, int], list[str]]  # (prompt, texts, seed) -> texts

PROMPT = """\
Write a short biography of {name} in plain English prose: one paragraph of five to \
eight sentences. Begin with the full name; later write "{he}". State every fact below \
once, word for word, the employer before its city. Vary order and wording, and add \
harmless details of daily life.

{facts}

Biography:
"""


def format_prompt(world: worlds.World, person: int) -> str:
    """Formats what a model is asked, with the person's facts in the default order."""
    facts = world.person(person)
    lines = [f"- {n.replace('_', ' ')}: {facts[n]}" for n in world.sentences]
    he = facts[world.references[0].name if world.references else "name"]
    return PROMPT.format(name=facts["name"], he=he, facts="\n".join(lines))


def tidy(text: str, name: str) -> str:
    """Returns the biography in an answer.

    It is one paragraph from the line that begins with the name, up to the last full
    sentence, with single spaces.

    Example:
      >>> tidy("Sure! Here it is:\\nAl Ek is old.  He naps.\\nHe ea", "Al Ek")
      'Al Ek is old. He naps.'
    """
    text = text.strip()
    start = f"\n{text}".find(f"\n{name}")
    paragraph = text[max(start, 0) :].split("\n\n")[0]
    words = " ".join(paragraph.split())
    return words[: max(words.rfind(mark) for mark in ".!?") + 1]


@dataclasses.dataclass
class Tally:
    """Counts of what became of the answers.

    Attributes:
      kept: texts written by this call.
      found: texts that were there before.
      refused: {reason: texts}; the reason is the first missing fact, "order" where a
        fact came too early or the name does not open, "repeated" for a text twice.
      short: people with fewer texts than asked for.
    """

    kept: int = 0
    found: int = 0
    refused: collections.Counter[str] = dataclasses.field(
        default_factory=collections.Counter
    )
    short: list[int] = dataclasses.field(default_factory=list)

    def line(self) -> str:
        """Returns one line of report."""
        reasons = ", ".join(f"{n} {name}" for name, n in self.refused.most_common())
        return (
            f"{self.kept} texts written, {self.found} were there,"
            f" {self.refused.total()} refused{f' ({reasons})' if reasons else ''},"
            f" {len(self.short)} people have fewer than asked for"
        )


def find_fault(finder: FactFinder, person: int, text: str) -> str:
    """Returns why a text is refused; "" if it is not."""
    if finder.scores_whole(person, text):
        return ""
    missing = finder.missing(person, " " + text)
    return missing[0] if missing else "order"


def read_texts(world: worlds.World, output: pathlib.Path) -> dict[int, set[str]]:
    """Reads the texts of each person that an earlier call wrote.

    A last line without its end, from a call that was killed, is cut off.

    Raises:
      ValueError: a line is no text of this world's people.
    """
    found: dict[int, set[str]] = collections.defaultdict(set)
    if not output.exists():
        return found
    finder, good = FactFinder(world), 0
    with output.open("r+b") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                break
            try:
                written = json.loads(line)
                person, text = written["id"], written["text"]
                right = person in range(world.people) and finder.scores_whole(
                    person, text
                )
            except (ValueError, KeyError, TypeError):
                right = False
            if not right:
                raise ValueError(
                    f"{output}, line {number}: no text of this world's people: the same"
                    f" --lists, --people and --seed go on with a file, or name another"
                )
            found[person].add(text)
            good += len(line)
        file.truncate(good)
    return found


def write(
    world: worlds.World,
    ask: Ask,
    output: pathlib.Path,
    texts: int = 40,
    samples: int = 8,
    tries: int = 8,
    seed: int = 0,
) -> Tally:
    """Asks until everybody has their texts, and appends them.

    Args:
      world: from `worlds.build_bios`.
      ask: the model: a prompt, how many answers, and a seed, to as many answers.
      output: the file; what is in it counts.
      texts: biographies of each person.
      samples: answers asked for at once.
      tries: calls in a row without a new text after which a person is given up.
      seed: of the sampling.

    Returns:
      What was kept and refused.

    Raises:
      ValueError: the file holds something else.
    """
    tally, found, finder = Tally(), read_texts(world, output), FactFinder(world)
    tally.found = sum(map(len, found.values()))
    with output.open("a", encoding="utf-8") as file:
        for person in range(world.people):
            have, idle = found[person], 0
            name, prompt = world.person(person)["name"], format_prompt(world, person)
            for turn in itertools.count(len(have)):
                if len(have) >= texts or idle == tries:
                    break
                key = worlds.derive_key(seed, "rewrites", person, turn)
                number = min(samples, texts - len(have))
                before = len(have)
                for answer in ask(prompt, number, key % 2**32):
                    text = tidy(answer, name)
                    reason = find_fault(finder, person, text)
                    reason = "repeated" if text in have else reason
                    if reason:
                        tally.refused[reason] += 1
                    else:
                        have.add(text)
                        file.write(format_record(person, text))
                file.flush()
                tally.kept += len(have) - before
                idle = 0 if len(have) > before else idle + 1
            if len(have) < texts:
                tally.short.append(person)
    return tally


def load_model(
    folder: str, device: str, tokens: int, temperature: float, top_p: float
) -> Ask:
    """Loads a causal language model as a function. Imports transformers."""
    try:
        import torch  # pyright: ignore[reportMissingImports]
        import transformers  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ValueError(f"{error}: pip install -e '.[huggingface]'") from error

    tokenizer = transformers.AutoTokenizer.from_pretrained(
        folder, local_files_only=True
    )
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, local_files_only=True, dtype="auto"
    )
    model = model.to(device).eval()

    def ask(prompt: str, number: int, seed: int) -> list[str]:
        """Returns so many texts that the model gives in answer."""
        torch.manual_seed(seed)
        if tokenizer.chat_template:
            inputs = tokenizer.apply_chat_template(
                [{"role": "user", "content": prompt}],
                add_generation_prompt=True,
                return_dict=True,
                return_tensors="pt",
            )
        else:
            inputs = tokenizer(prompt, return_tensors="pt")
        with torch.inference_mode():
            answers = model.generate(
                **inputs.to(device),
                do_sample=True,
                temperature=temperature,
                top_p=top_p,
                max_new_tokens=tokens,
                num_return_sequences=number,
                pad_token_id=tokenizer.eos_token_id,
            )
        start = inputs["input_ids"].shape[1]
        return tokenizer.batch_decode(answers[:, start:], skip_special_tokens=True)

    return ask


def define_flags() -> flags.FlagValues:
    """Defines the tool's flags."""
    values = flags.FlagValues()
    define_world(values)
    flags.DEFINE_string("model", None, "folder of the model", flag_values=values)
    flags.DEFINE_string("device", "cpu", "where it runs: cpu, cuda", flag_values=values)
    flags.DEFINE_integer("samples", 8, "texts at once", 1, flag_values=values)
    flags.DEFINE_integer(
        "tries", 8, "calls without a new text to give up after", 1, flag_values=values
    )
    flags.DEFINE_integer("tokens", 300, "of a text, at most", 1, flag_values=values)
    flags.DEFINE_float("temperature", 0.8, "of sampling", 1e-3, flag_values=values)
    flags.DEFINE_float("top_p", 0.95, "of sampling", 1e-3, 1.0, flag_values=values)
    flags.DEFINE_integer("sampling_seed", 0, "of sampling", flag_values=values)
    return values


def write_from_flags(values: flags.FlagValues) -> str:
    """Writes what the flags ask for and returns a line about the answers."""
    for name in ("output", "model"):
        if not values[name].value:
            raise ValueError(f"--{name} is needed")
    output = pathlib.Path(values.output).expanduser()
    if not output.parent.is_dir():
        raise ValueError(f"{output.parent} is no folder: make it first")
    if not pathlib.Path(values.model).is_dir():
        raise ValueError(f"--model={values.model} is no folder: nothing is downloaded")
    world = build_world(values)
    read_texts(world, output)  # before a model is loaded
    ask = load_model(
        values.model, values.device, values.tokens, values.temperature, values.top_p
    )
    tally = write(
        world,
        ask,
        output,
        values.texts,
        values.samples,
        values.tries,
        values.sampling_seed,
    )
    return f"{output}: {tally.line()}"


def main(argv: Sequence[str]) -> int:
    """Runs the tool and returns the exit code."""
    tool = write_from_flags
    return run_tool("write_rewrites", tool, define_flags(), argv, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
