"""Indexing: documents become a new edition of a corpus."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.embedded import database, edition
from index.embedded.corpus import identify
from index.embedded.dense import DenseIndex
from index.embedded.edition import Manifest
from index.embedded.lexical import LexicalIndex
from index.encoders.encoder import Encoder
from index.errors import CorpusError
from index.text.chunk import chunk, searchable
from index.text.sentences import split_sentences
from index.types import Document, Passage

PASSAGE_TOKENS = 160
"""The default budget of a passage, in tokens."""

_ENCODED_AT_ONCE = 256

Progress = Callable[[int, int], None]
"""Called with the number of passages done, and of all."""


def publish(
    folder: Path,
    documents: Sequence[Document],
    encoder: Encoder,
    *,
    language: str = "en",
    passage_tokens: int = PASSAGE_TOKENS,
    progress: Progress = lambda done, total: None,
) -> Manifest:
    """Publishes an edition that holds these documents and no others, and makes it current.

    `language` (ISO 639-1) chooses the stemmer. Raises CorpusError and its kinds.
    """
    if not documents:
        raise CorpusError("there is no document to index", "Name at least one")
    passages = passages_of(documents, encoder, passage_tokens)
    if not passages:
        raise CorpusError("the documents hold nothing but blanks", "Name one with text in it")
    texts = [searchable(passage) for passage in passages]
    lexical = LexicalIndex.build(texts, language)
    dense = DenseIndex.build(encode_all(encoder, texts, progress))
    with edition.drafting(folder) as draft:
        database.write(draft, documents, passages)
        dense.save(draft)
        lexical.save(draft)
        return edition.publish(
            folder,
            draft,
            encoder=identify(encoder),
            language=language,
            passage_tokens=passage_tokens,
            documents=len(documents),
            passages=len(passages),
        )


def passages_of(documents: Iterable[Document], encoder: Encoder, passage_tokens: int = PASSAGE_TOKENS) -> list[Passage]:
    """The passages of the documents, in order: sentences grouped to fit `passage_tokens` and the encoder."""
    return [
        passage
        for document in documents
        for passage in chunk(
            document,
            split_sentences(document.text, document.language),
            budget=passage_tokens,
            limit=encoder.max_tokens,
            count_pieces=encoder.count_tokens,
        )
    ]


def encode_all(encoder: Encoder, texts: Sequence[str], progress: Progress) -> NDArray[np.float32]:
    """Unit vectors, (len(texts), dimension), float32, encoded in batches so that progress can be shown."""
    vectors = np.empty((len(texts), encoder.dimension), np.float32)
    progress(0, len(texts))
    for start in range(0, len(texts), _ENCODED_AT_ONCE):
        vectors[start : start + _ENCODED_AT_ONCE] = encoder.encode(texts[start : start + _ENCODED_AT_ONCE])
        progress(min(start + _ENCODED_AT_ONCE, len(texts)), len(texts))
    return vectors
