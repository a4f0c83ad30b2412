"""What the tests of floors 1 and 2 share: a stand-in for the encoder, texts of every kind, a corpus of them."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from index.corpus import Corpus, open_corpus
from index.encoders.encoder import Encoder
from index.publish import publish
from index.types import Document, Encoding, Query

SEEDS = Path(__file__).parent.parent / "seeds"


class HashEncoder:
    """An encoder without weights: a word's vector follows from its hash, a text's is the sum of its words'."""

    name = "hash"
    checksum = "0" * 64
    dimension = 32
    max_tokens = 64

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array([encoding.vector for encoding in self.encode_pieces(texts)], np.float32).reshape(
            len(texts), self.dimension
        )

    def encode_pieces(self, texts: Sequence[str]) -> list[Encoding]:
        return [self._encode(text) for text in texts]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(self._pieces(text)) for text in texts]

    def _encode(self, text: str) -> Encoding:
        found = self._pieces(text)[: self.max_tokens]
        ids = np.array([zlib.crc32(piece[0].lower().encode()) for piece in found], np.int64)
        pieces = np.array([_vector(int(id)) for id in ids], np.float32).reshape(len(found), self.dimension)
        total = pieces.sum(0) + _vector(0)
        return Encoding(
            vector=total / np.linalg.norm(total),
            pieces=pieces,
            ids=ids,
            offsets=np.array([piece.span() for piece in found], np.int64).reshape(-1, 2),
        )

    @staticmethod
    def _pieces(text: str) -> list[re.Match[str]]:
        # at most four letters, so that a long word has several, as with word pieces
        return list(re.finditer(r"\w{1,4}|[^\w\s]", text))


class OtherHashEncoder(HashEncoder):
    """Another encoder, of the same shape."""

    name = "other"
    checksum = "1" * 64


@lru_cache(maxsize=10_000)
def _vector(seed: int) -> NDArray[np.float32]:
    vector = np.random.default_rng(seed).standard_normal(HashEncoder.dimension).astype(np.float32)
    return vector / np.linalg.norm(vector)


def make_corpus(folder: Path, *texts: str, encoder: Encoder | None = None) -> Corpus:
    """The corpus of these texts, published into `folder` and opened."""
    encoder = encoder or HashEncoder()
    documents = [Document.of(text, title=f"Document {n}") for n, text in enumerate(dict.fromkeys(texts), start=1)]
    publish(folder, documents, encoder)
    return open_corpus(folder, encoder)


def documents_of(corpus: Corpus) -> list[Document]:
    """Every document, in order of indexing."""
    return [corpus.document(title.id) for title in corpus.titles(limit=corpus.counts.documents)]


def query_for(text: str) -> Query:
    return Query(text, HashEncoder().encode_pieces([text])[0])


# what texts are made of, besides whatever Unicode has
_PARTS = (
    "The river Dee rises in the hills above Ballater.",
    "It was built in 1888 by Dr. J. Smith, cf. Fig. 3, at 9 a.m.",
    "It was built in 1888 by Dr. J. Smith, cf. Fig. 3, at 9 a.m.",
    "‘We shall see …’ she said; “Never!” he cried.",
    "A heading without a stop",
    "# Markdown heading",
    "- first item\n- second item\n- third item",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "1. One.\n2. Two.",
    "Windows\r\nlines\r\n\r\nand a lone\rcarriage return.",
    "Cafe\u0301 na\u0131ve Z\u0351\u036b\u0343\u036a\u0302.",
    "Parents \U0001f468\u200d\U0001f469\u200d\U0001f467 wave \U0001f1eb\U0001f1ee \U0001f44b\U0001f3fd!",
    "שלום עולם. مرحبا بالعالم؟ نعم.",
    "\u202ebackwards\u202c and \u200bzero\u200b width \ufeff marks.",
    "这是第一句。这是第二句！真的吗？",
    "यह पहला वाक्य है। यह दूसरा है।",
    "word " * 300,
    "x" * 700,
    "木" * 400,
    "One, two; three: " * 60,
    "<script>alert(1)</script> & **bold** [link](http://example.invalid)",
    "\x1b[31mred\x1b[0m \x07 \x85 \x0b \x0c",
    "...",
    " ",
    "\u2003\u3000",
)
_SEAMS = ("", " ", "  ", "\n", "\n\n", "\r\n", "\r\n\r\n", "\r", "\t", "\n \n", "\u2028", "\u2029", "\x0c", "\x1c")

any_character = st.characters(exclude_categories=("Cs",))
texts = st.one_of(
    st.text(any_character, max_size=300),
    st.lists(
        st.tuples(st.one_of(st.sampled_from(_PARTS), st.text(any_character, max_size=40)), st.sampled_from(_SEAMS)),
        max_size=12,
    ).map(lambda parts: "".join(part + seam for part, seam in parts)),
)
