"""A receipt: a citation that can be checked later, against whatever the corpus has become."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from rapidfuzz import fuzz

from index.corpus import Corpus
from index.errors import ReceiptError
from index.types import Document, Sentence, Span
from rag.types import Citation

_CONTEXT = 32
"""Characters of the text before and after that a receipt holds."""
_CANDIDATES = 10
"""Documents in which close words are looked for, where the receipt's own is gone."""
_CLOSE = 70.0
"""rapidfuzz's similarity, 0 to 100, from which words are the same but changed."""

_WORD_OR_BLANK = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is needed to check a citation without the answer that it came from."""

    document_sha256: str
    start: int
    end: int
    """The half-open range of the quote, in Unicode code points, in the document's text."""
    quote: str
    prefix: str
    suffix: str
    """The text just before and after the quote."""
    edition: str

    @classmethod
    def of(cls, citation: Citation, edition: str) -> Receipt:
        document, span = citation.excerpt.document, citation.excerpt.span
        return cls(
            document_sha256=document.id,
            start=span.start,
            end=span.end,
            quote=citation.excerpt.text,
            prefix=document.text[max(0, span.start - _CONTEXT) : span.start],
            suffix=document.text[span.end : span.end + _CONTEXT],
            edition=edition,
        )

    @classmethod
    def from_json(cls, given: Any) -> Receipt:
        """The receipt in this JSON object. Raises ReceiptError where it is none."""
        if not isinstance(given, Mapping):
            raise ReceiptError(f"a receipt is a JSON object, not {type(given).__name__}", _REMEDY)
        for field in fields(cls):
            value, kind = given.get(field.name), int if field.type == "int" else str
            if not isinstance(value, kind) or isinstance(value, bool):
                raise ReceiptError(f"the receipt's {field.name} is {value!r}, expected {kind.__name__}", _REMEDY)
            if any(unicodedata.category(c) == "Cs" for c in str(value)):
                raise ReceiptError(f"the receipt's {field.name} holds half of a surrogate pair", _REMEDY)
        receipt = cls(**{field.name: given[field.name] for field in fields(cls)})
        if not 0 <= receipt.start < receipt.end or len(receipt.quote) != receipt.end - receipt.start:
            raise ReceiptError(
                f"the receipt's quote has {len(receipt.quote)} characters, its range [{receipt.start}, {receipt.end}) "
                "another number",
                _REMEDY,
            )
        return receipt

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


_REMEDY = "Take the receipt whole from quoth ask --json"

Status = Literal["valid", "moved", "changed", "gone"]


@dataclass(frozen=True, slots=True)
class Change:
    """A run of text that differs: `kind` says whether both have it, only the receipt or only the document."""

    kind: Literal["same", "removed", "added"]
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a citation.

    valid    the document is in the corpus and holds the quote at its place
    moved    the same words stand at `span` of `document`
    changed  close words stand there; `changes` turns the quote into them
    gone     nothing close was found
    """

    status: Status
    document: Document | None = None
    span: Span | None = None
    changes: tuple[Change, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """{"status"} and, but for gone, document_id, title, start, end and text; for changed also changes."""
        if self.document is None or self.span is None:
            return {"status": self.status}
        place = {
            "document_id": self.document.id,
            "title": self.document.title,
            "start": self.span.start,
            "end": self.span.end,
            "text": self.document[self.span],
        }
        return {"status": self.status, **place, "changes": [asdict(change) for change in self.changes]}


def check(receipt: Receipt, corpus: Corpus) -> Verdict:
    """What became of the receipt's citation in this edition of the corpus."""
    ids = corpus.document_ids()
    span = Span(receipt.start, receipt.end)
    if receipt.document_sha256 in ids:
        document = corpus.document(receipt.document_sha256)
        if document[span] == receipt.quote:
            return Verdict("valid", document, span)
    places = [(document, span) for document in map(corpus.document, ids) for span in _occurrences(receipt, document)]
    if places:
        document, span = max(places, key=lambda place: _agreement(receipt, *place))
        return Verdict("moved", document, span)
    return _closest(receipt, _likely(receipt, corpus), corpus)


def _occurrences(receipt: Receipt, document: Document) -> list[Span]:
    starts = []
    start = document.text.find(receipt.quote)
    while start >= 0:
        starts.append(start)
        start = document.text.find(receipt.quote, start + 1)
    return [Span(start, start + len(receipt.quote)) for start in starts]


def _agreement(receipt: Receipt, document: Document, span: Span) -> tuple[int, int]:
    """How much of what stood around the quote stands there too; between equals, the nearest to its old place."""
    before = document.text[max(0, span.start - _CONTEXT) : span.start]
    after = document.text[span.end : span.end + _CONTEXT]
    same = _common_start(before[::-1], receipt.prefix[::-1]) + _common_start(after, receipt.suffix)
    return same, -abs(span.start - receipt.start)


def _common_start(a: str, b: str) -> int:
    return next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _likely(receipt: Receipt, corpus: Corpus) -> list[Document]:
    """The documents that share most words with the quote, best first, none twice."""
    _, rows = corpus.lexical.search(receipt.quote, _CANDIDATES)
    return list(
        {passage.document.id: passage.document for passage in (corpus.passages[int(row)] for row in rows)}.values()
    )


def _closest(receipt: Receipt, documents: Sequence[Document], corpus: Corpus) -> Verdict:
    best: tuple[float, Document, Span] | None = None
    for document in documents:
        found = fuzz.partial_ratio_alignment(receipt.quote, document.text, score_cutoff=_CLOSE)
        # a document shorter than the quote is aligned the other way about: then all of it is what is close
        if found and (best is None or found.score > best[0]):
            whole = len(document.text) < len(receipt.quote)
            span = Span(0, len(document.text)) if whole else Span(found.dest_start, found.dest_end)
            best = found.score, document, span
    if best is None:
        return Verdict("gone")
    _, document, span = best
    span = _to_sentences(span, corpus.sentences(document.id)).trimmed(document.text)
    return Verdict("changed", document, span, _changes(receipt.quote, document[span]))


def _to_sentences(span: Span, sentences: Sequence[Sentence]) -> Span:
    """The run of whole sentences that `span` stands for: those that it holds half of, or that hold half of it."""

    def shared(sentence: Span) -> int:
        return min(span.end, sentence.end) - max(span.start, sentence.start)

    spans = [sentence.span for sentence in sentences]
    held = [one for one in spans if 2 * shared(one) >= min(len(one), len(span))] or [max(spans, key=shared)]
    return Span(held[0].start, held[-1].end)


def _changes(old: str, new: str) -> tuple[Change, ...]:
    a, b = _WORD_OR_BLANK.findall(old), _WORD_OR_BLANK.findall(new)
    changes: list[Change] = []
    for tag, a1, a2, b1, b2 in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag == "equal":
            changes.append(Change("same", "".join(a[a1:a2])))
            continue
        if a2 > a1:
            changes.append(Change("removed", "".join(a[a1:a2])))
        if b2 > b1:
            changes.append(Change("added", "".join(b[b1:b2])))
    return tuple(changes)
