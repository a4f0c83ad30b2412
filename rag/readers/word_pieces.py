"""Word pieces of questions and passages: the input of the trained reader's model, in training and in use alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import tokenizers
import torch
from numpy.typing import NDArray
from torch.nn.utils.rnn import pad_sequence

from index.encoders.packaged import packaged_folder
from index.types import Passage

LONGEST = 512
"""Word pieces of a pair, special ones included: the model has as many positions."""
_START, _SEPARATOR = 101, 102
SHARED = 2
"""Added to the type of a piece that both texts contain."""


@dataclass(frozen=True, slots=True)
class Framed:
    """A passage's text as a reader sees it: under its heading."""

    text: str
    shift: int
    """Added to an offset into `text`, after the heading, it gives the offset into the document."""
    body: int
    """The offset in `text` at which the passage's own words begin."""

    @classmethod
    def of(cls, passage: Passage) -> Self:
        span = passage.span.trimmed(passage.document.text)
        headed = passage.heading and not passage.sentences[0].heading
        prefix = f"{passage.heading}\n" if headed else ""
        return cls(prefix + passage.document[span], span.start - len(prefix), len(prefix))


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """The word pieces of a framed passage."""

    ids: NDArray[np.uint16]
    """(n,)"""
    sentences: NDArray[np.uint8]
    """(n,): the number, from 1, of the passage's sentence in which the piece begins; 0 in a heading."""
    offsets: NDArray[np.int64]
    """(n, 2): half-open, into the framed text."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Pairs for one forward pass, each as [CLS] question [SEP] passage [SEP]; every tensor is (pairs, length)."""

    ids: torch.Tensor
    mask: torch.Tensor
    """False at padding."""
    types: torch.Tensor
    """0 in the question, 1 in the passage; SHARED is added if the other text contains the same word piece."""
    sentences: torch.Tensor
    """The number, from 1, of the piece's sentence; 0 outside the passage's sentences."""


Pair = tuple[NDArray[np.integer], NDArray[np.integer], NDArray[np.integer]]
"""The word pieces of a question, those of a passage, and the sentence numbers of the passage's pieces."""


def load_tokenizer() -> tokenizers.Tokenizer:
    """The packaged encoder's tokenizer, without truncation."""
    tokenizer = tokenizers.Tokenizer.from_file(str(packaged_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def question_pieces(tokenizer: tokenizers.Tokenizer, questions: Sequence[str]) -> list[NDArray[np.uint16]]:
    encoded = tokenizer.encode_batch([question.strip() for question in questions], add_special_tokens=False)
    return [np.array(encoding.ids, np.uint16) for encoding in encoded]


def passage_pieces(tokenizer: tokenizers.Tokenizer, passages: Sequence[Passage]) -> list[Pieces]:
    pieces = []
    encoded = tokenizer.encode_batch([Framed.of(passage).text for passage in passages], add_special_tokens=False)
    for passage, encoding in zip(passages, encoded, strict=True):
        offsets = np.array(encoding.offsets, np.int64).reshape(-1, 2)
        numbers = sentence_numbers(passage, offsets[:, 0]).astype(np.uint8)
        pieces.append(Pieces(np.array(encoding.ids, np.uint16), numbers, offsets))
    return pieces


def sentence_numbers(passage: Passage, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,): the number, from 1, of the sentence at each of `places` in the framed text, (n,); 0 in a heading."""
    framed = Framed.of(passage)
    # the framed text has no blanks before the passage's first word, so the first sentence begins at its body
    starts = [max(framed.body, sentence.span.start - framed.shift) for sentence in passage.sentences]
    read = np.array([False, *(not sentence.heading for sentence in passage.sentences)])
    numbers = np.searchsorted(starts, places, side="right")
    return np.where(read[numbers], numbers, 0)


def collate(pairs: Sequence[Pair], length: int = LONGEST) -> Batch:
    """The batch of `pairs`, each cut to `length` pieces."""
    ids, types, sentences = [], [], []
    for question, passage, numbers in pairs:
        room = length - len(question) - 3
        passage, numbers = passage[:room], numbers[:room]
        ids.append(np.concatenate([[_START], question, [_SEPARATOR], passage, [_SEPARATOR]]))
        of_question, of_passage = SHARED * np.isin(question, passage), 1 + SHARED * np.isin(passage, question)
        types.append(np.concatenate([[0], of_question, [0], of_passage, [1]]))
        sentences.append(np.concatenate([np.zeros(len(question) + 2, np.int64), numbers, [0]]))
    masks = [np.ones(len(row), bool) for row in ids]
    return Batch(_padded(ids), _padded(masks), _padded(types), _padded(sentences))


def _padded(rows: Sequence[NDArray[np.integer | np.bool_]]) -> torch.Tensor:
    """(rows, length): the rows, filled up with zeros."""
    return pad_sequence([torch.from_numpy(row) for row in rows], batch_first=True)
