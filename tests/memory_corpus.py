"""A corpus in memory: the slow and obvious reference that passes the contract of index.corpus.Corpus as well."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from index.encoders.encoder import Encoder
from index.publish import passages_of
from index.text.chunk import searchable
from index.text.words import words_of
from index.types import Counts, Document, Hit, Passage, Query, Sentence, Title


class MemoryCorpus:
    """Every search goes through all passages, and every view is a new corpus of the readable documents."""

    created = "2024-06-18T00:00:00+00:00"

    def __init__(
        self, documents: Sequence[Document], encoder: Encoder, edition: str = "memory", language: str = "en"
    ) -> None:
        self.edition = edition
        self.language = language
        self._documents = {document.id: document for document in documents}
        self._encoder = encoder
        self._passages = passages_of(documents, encoder)
        texts = [searchable(passage) for passage in self._passages]
        self._vectors = dict(zip((passage.id for passage in self._passages), encoder.encode(texts), strict=True))
        self._words = {
            passage.id: Counter(words_of(language)(text)) for passage, text in zip(self._passages, texts, strict=True)
        }
        self._views: dict[frozenset[str], MemoryCorpus] = {}

    @property
    def counts(self) -> Counts:
        return Counts(len(self._documents), len(self._passages))

    def search(self, query: Query, k: int, within: Sequence[str] = ()) -> list[Hit]:
        chosen = [passage for passage in self._passages if not within or passage.document.id in within]
        dense = {passage.id: float(query.encoding.vector @ self._vectors[passage.id]) for passage in chosen}
        scores = {"dense": dense, "lexical": self._bm25(query.text, chosen)}
        best = {name: max([0.0, *its.values()]) or 1.0 for name, its in scores.items()}
        fused = {
            passage.id: sum(max(0.0, its.get(passage.id, 0.0)) / best[name] for name, its in scores.items()) / 2
            for passage in chosen
        }
        ordered = sorted(chosen, key=lambda passage: -fused[passage.id])[:k]
        hits = []
        for rank, passage in enumerate(ordered, start=1):
            found_by = {name: its[passage.id] for name, its in scores.items() if passage.id in its}
            hits.append(Hit(passage, fused[passage.id], rank, found_by))
        return hits

    def like(self, text: str, k: int) -> list[Passage]:
        scores = self._bm25(text, self._passages)
        sharing = [passage for passage in self._passages if passage.id in scores]
        return sorted(sharing, key=lambda passage: -scores[passage.id])[:k]

    def seen_by(self, groups: frozenset[str]) -> MemoryCorpus:
        named = frozenset(group for document in self._documents.values() for group in document.groups)
        return self._views.setdefault(groups & named, self._view(groups))

    def document(self, id: str) -> Document:
        return self._documents[id]

    def sentences(self, id: str) -> Sequence[Sentence]:
        self.document(id)
        return [sentence for passage in self._passages if passage.document.id == id for sentence in passage.sentences]

    def titles(self, words: str = "", after: str = "", limit: int = 100) -> Sequence[Title]:
        ids = list(self._documents)
        if after:
            ids = ids[ids.index(after) + 1 :] if after in ids else []
        titles = [Title(id, self._documents[id].title) for id in ids]
        wanted = words.casefold().split()
        return [title for title in titles if all(word in title.title.casefold() for word in wanted)][:limit]

    def close(self) -> None:
        pass

    def _view(self, groups: frozenset[str]) -> MemoryCorpus:
        readable = [d for d in self._documents.values() if not d.groups or groups.intersection(d.groups)]
        if len(readable) == len(self._documents):
            return self
        return type(self)(readable, self._encoder, self.edition, self.language)

    def _bm25(self, text: str, passages: Sequence[Passage]) -> dict[str, float]:
        """Passage.id -> score, for the passages that share a word with `text`."""
        counts = {passage.id: self._words[passage.id] for passage in passages}
        average = sum(count.total() for count in counts.values()) / (len(counts) or 1) or 1.0
        scores: dict[str, float] = {}
        for word in set(words_of(self.language)(text)):
            holding = [id for id, count in counts.items() if count[word]]
            rarity = math.log(1 + (len(counts) - len(holding) + 0.5) / (len(holding) + 0.5))
            for id in holding:
                length = 1.5 * (0.25 + 0.75 * counts[id].total() / average)
                scores[id] = scores.get(id, 0.0) + rarity * counts[id][word] / (length + counts[id][word])
        return scores
