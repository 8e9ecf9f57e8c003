"""Text to bytes and back under one model, and what each token costs.

    codec = Codec(config, params, alphabet, context=64)
    codec.decompress(codec.compress(b"any text\n")) == b"any text\n"

One pass over the tokens (`_read`) serves encoder and meter; the decoder feeds the same
step with what it has just decoded.
"""

import dataclasses
import functools
import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from kscale import models
from kscale.compression import container
from kscale.compression.alphabet import Alphabet
from kscale.compression.container import Header
from kscale.compression.lanes import Lanes
from kscale.compression.predictor import Predictor, grid_shape
from kscale.compression.range_coder import Decoder, Encoder, code_bits
from kscale.files import digest
from kscale.trees import leaves_by_path

MOST_LANES = 256
_CACHE_BYTES = 2**30  # of keys and values, in all lanes
_WINDOW = 32  # windows are multiples of it, up to the context: few shapes compile
_BYTES = np.ones((1, 256), np.int32)


class Measure(NamedTuple):
    """What documents cost, item by item, each document's EOS at its end.

    Attributes:
      bits: float64 [total], of the frequencies that the coder uses.
      lengths: int64 [n], items of each document, EOS included.
    """

    bits: np.ndarray
    lengths: np.ndarray


class _Coded(NamedTuple):
    """Items of some lanes, with the weights that they are coded by, in two levels."""

    index: np.ndarray  # [N], where each stands among all items
    items: np.ndarray  # [N]
    symbols: tuple[np.ndarray, np.ndarray]  # the row of each in the grid, its column
    weights: tuple[np.ndarray, np.ndarray]  # [N, R], [N, C]


@dataclasses.dataclass(frozen=True, eq=False)
class Codec:
    """A model as a lossless code of text, a line a document.

    Attributes:
      config: of the model; products are computed in float32, whatever it says.
      params: of one model, without adapters.
      alphabet: what its tokens write.
      context: T, tokens of a training window. A longer document is cut into such.
      most_lanes: documents coded side by side, at most: as many as there are and as
        have a cache of 1 GiB, in powers of 2.

    Raises:
      ValueError: weights that are not finite.
    """

    config: models.ModelConfig
    params: models.Params
    alphabet: Alphabet
    context: int
    most_lanes: int = MOST_LANES

    def __post_init__(self) -> None:
        config = dataclasses.replace(self.config, compute="float32")
        object.__setattr__(self, "config", config)
        for path, leaf in leaves_by_path(self.params).items():
            if not np.isfinite(leaf).all():
                raise ValueError(
                    f"{path} of the model must be finite, and some of it is not: a"
                    f" model that diverged is no code; choose another"
                )

    @functools.cached_property
    def fingerprint(self) -> str:
        """Twelve hex digits of every weight and what no default of the config is."""
        default = dataclasses.asdict(type(self.config)())
        mine = dataclasses.asdict(self.config)
        changed = {name: mine[name] for name in mine if mine[name] != default[name]}
        parts = [json.dumps(changed, sort_keys=True).encode()]
        for path, leaf in sorted(leaves_by_path(self.params).items()):
            array = np.asarray(leaf)
            parts += [f"{path} {array.shape} {array.dtype}".encode(), array.tobytes()]
        return digest(*parts)

    def split(self, text: bytes) -> list[np.ndarray]:
        """Returns the items of each line: int32 [n] each."""
        lines = text.removesuffix(b"\n").split(b"\n") if text else []
        return list(map(self.alphabet.encode, lines))

    def compress(
        self, text: bytes, documents: Sequence[np.ndarray] | None = None
    ) -> bytes:
        """Returns a file that `decompress` turns into the text again, always.

        Any bytes are taken; each line is a document of its own. It takes one step of
        the model for each token of the longest lane, and at most 64 bits more than
        `measure` says, besides a header of `HEADER_BYTES`.

        Args:
          text: any bytes.
          documents: `split(text)`, where it is known.
        """
        documents = self.split(text) if documents is None else documents
        lanes, window = self._choose_shape(documents)
        predictor, encoder = self._predictor(lanes, window), Encoder()
        probe = predictor.probe()
        for step in self._read(documents, predictor, lanes, window):
            for symbols, weights in zip(step.symbols, step.weights, strict=True):
                encoder.write(symbols, weights)
            raw = step.items[step.items >= self.alphabet.size] - self.alphabet.size
            if len(raw):
                encoder.write(raw, np.tile(_BYTES, (len(raw), 1)))
        prints = (self.fingerprint, self.alphabet.fingerprint, probe)
        counts = (text.endswith(b"\n"), lanes, window, len(documents), len(text))
        ends = (*prints, container.hash_text(text), *container.name_place())
        return container.pack(Header(*counts, *ends), encoder.finish())

    def decompress(self, data: bytes) -> bytes:
        """Returns the text of a file.

        Raises:
          ValueError: the file is not whole, is another model's, or was written where
            floating point sums come out otherwise; the text is never a wrong one.
        """
        header, payload = self.check(data)
        predictor = self._predictor(header.lanes, header.window)
        computed = predictor.probe()
        text, why = b"", f"they give {computed}, the file needs {header.weights}"
        if computed == header.weights:
            why = "the text that they give has another checksum"
            text = self._decode(header, predictor, Decoder(payload))
        if computed != header.weights or container.hash_text(text) != header.sha256:
            here = container.name_place()
            raise ValueError(
                f"the model's probabilities differ here in their last bits ({why}):"
                f" it was compressed by JAX {header.jax} on {header.machine}, this is"
                f" JAX {here[0]} on {here[1]}; decompress it on a processor of that"
                f" kind with that JAX"
            )
        return text

    def check(self, data: bytes) -> tuple[Header, bytes]:
        """Returns header and payload of a whole file of this model; else ValueError."""
        header, payload = container.unpack(data)
        model = ("model", header.model, self.fingerprint)
        alphabet = ("vocabulary", header.alphabet, self.alphabet.fingerprint)
        for what, its, mine in (alphabet, model):
            if its != mine:
                raise ValueError(
                    f"the file was compressed with the {what} {its}, and this one is"
                    f" {mine}: name the run and member that compressed it"
                )
        return header, payload

    def measure(self, documents: Sequence[np.ndarray]) -> Measure:
        """Returns what each item of some documents costs, EOS included.

        Args:
          documents: int [n] each, dense tokens (or items) without prefix and EOS.

        Returns:
          The bits of the very frequencies that `compress` codes with: their sum is the
          length of its payload, but for the 64 bits by which a stream ends.
        """
        lanes, window = self._choose_shape(documents)
        lengths = np.array([len(x) + 1 for x in documents], np.int64)
        bits = np.zeros(lengths.sum())
        for step in self._read(
            documents, self._predictor(lanes, window), lanes, window
        ):
            for symbols, weights in zip(step.symbols, step.weights, strict=True):
                bits[step.index] += code_bits(symbols, weights)
            bits[step.index[step.items >= self.alphabet.size]] += 8.0
        return Measure(bits, lengths)

    def _choose_shape(self, documents: Sequence[np.ndarray]) -> tuple[int, int]:
        """Returns how many lanes code some documents, in a window of what size."""
        longest = max(map(len, documents), default=0) + len(self.alphabet.prefix)
        window = min(self.context, -(-longest // _WINDOW) * _WINDOW)
        kept = 2 * self.config.layers * self.config.key_value_heads
        row = 4 * kept * self.config.head_size * window  # bytes of keys and values
        many = min(self.most_lanes, _CACHE_BYTES // row)
        wanted = 1 << max(0, len(documents) - 1).bit_length()
        return min(wanted, 1 << max(1, many).bit_length() - 1), window

    def _predictor(self, lanes: int, window: int) -> Predictor:
        return Predictor(self.config, self.params, lanes, window)

    def _read(
        self,
        documents: Sequence[np.ndarray],
        predictor: Predictor,
        lanes: int,
        window: int,
    ) -> Iterator[_Coded]:
        """Yields the items of all documents, step by step, with their weights."""
        alphabet = self.alphabet
        eos = np.array([alphabet.prefix[0]], np.int32)
        parts = [part for document in documents for part in (document, eos)]
        items = np.concatenate([*parts, eos])
        lengths = np.array([len(x) + 1 for x in documents], np.int64)
        starts = np.append(np.cumsum(lengths) - lengths, 0)
        state = Lanes(len(documents), lanes, window, alphabet.prefix, alphabet.size)
        while state.busy:
            # Waiting for each step took half the time of coding beside the next one.
            sums, grid = map(np.asarray, predictor.step(state.tokens, state.past))
            coded = state.coded
            index = starts[state.document[coded]] + state.place[coded]
            found = items[index]
            symbols = np.divmod(np.minimum(found, alphabet.size), grid.shape[2])
            yield _Coded(index, found, symbols, (sums[coded], grid[coded, symbols[0]]))
            state.advance(found)

    def _decode(self, header: Header, predictor: Predictor, decoder: Decoder) -> bytes:
        """Returns the text that a stream decodes to, right or not."""
        alphabet = self.alphabet
        size, columns = alphabet.size, grid_shape(alphabet.size)[1]
        state = Lanes(
            header.documents, header.lanes, header.window, alphabet.prefix, size
        )
        numbers, found, left = [], [], header.text_bytes + header.documents
        while state.busy and left >= 0:  # a wrong stream may have no end
            weights = predictor.step(state.tokens, state.past)
            coded = state.coded
            sums, grid = map(np.asarray, weights)
            rows = decoder.read(sums[coded]) if len(coded) else coded
            items = rows * columns
            if len(coded):
                items = items + decoder.read(grid[coded, rows])
            items = np.minimum(items, size)
            raw = items == size
            if raw.any():
                items[raw] += decoder.read(np.tile(_BYTES, (raw.sum(), 1)))
            numbers.append(state.document[coded])
            found.append(items)
            left -= len(coded)
            state.advance(items)
        if not found:
            return b""
        order = np.argsort(np.concatenate(numbers), kind="stable")
        items = np.concatenate(found)[order]
        ends = np.flatnonzero(items == alphabet.prefix[0])
        lines = map(alphabet.decode, np.split(items, ends))
        text = b"\n".join(list(lines)[:-1])
        return text + b"\n" * header.newline
