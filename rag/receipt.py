"""Receipts: citations that can be checked later, against a corpus that may have changed since."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from itertools import chain, groupby, islice
from typing import Any, Literal, Self

from rapidfuzz import fuzz
from rapidfuzz.distance import Indel, Postfix, Prefix

from index.corpus import Corpus
from index.errors import ReceiptError
from index.types import Document, Passage, Sentence, Span
from rag.types import Citation

LONGEST_SOUGHT = 2000
"""Characters of the longest quote for which similar text is sought."""

_CONTEXT = 32
"""Characters of the text before and after the quote that a receipt holds."""
_LIKELY = 10
"""Passages that share most words with the quote. Their documents are searched first, and similar text only there."""
_OTHERS, _CHARACTERS = 1000, 2_000_000
"""The most other documents that are searched, and about how many characters of them: in most corpora all."""
_PLACES = 300
"""Places of one quote that are compared: a single letter stands in any text thousands of times."""
_CLOSE = 70.0
"""The least similarity, 0 to 100 (rapidfuzz's ratio), of text that counts as the quote changed."""
_PIECE = 200
"""Characters of a quote that are aligned at once. Aligning takes cubic time and holds the interpreter's lock."""

_WORD_OR_BLANK = re.compile(r"\s+|\w+|[^\w\s]")
_REMEDY = "Take the receipt whole from quoth ask --json"

Status = Literal["valid", "moved", "changed", "gone"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """The data that checks a citation without the answer that it came from."""

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
    def of(cls, citation: Citation, edition: str) -> Self:
        document, span = citation.excerpt.document, citation.excerpt.span
        return cls(document.id, span.start, span.end, citation.excerpt.text, *_around(document, span), edition)

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """The receipt in a JSON object. Ignores unknown keys. Raises ReceiptError if the object is not a receipt."""
        if not isinstance(value, Mapping):
            raise ReceiptError(f"a receipt is a JSON object, not {type(value).__name__}", _REMEDY)
        parts: dict[str, Any] = {field.name: value.get(field.name) for field in fields(cls)}
        for name, part in parts.items():
            kind = int if name in ("start", "end") else str
            if type(part) is not kind:
                raise ReceiptError(f"the receipt's {name} is {part!r}, expected {kind.__name__}", _REMEDY)
            if re.search(r"[\ud800-\udfff]", str(part)):
                raise ReceiptError(f"the receipt's {name} holds half of a surrogate pair", _REMEDY)
        receipt = cls(**parts)
        if not 0 <= receipt.start < receipt.end or len(receipt.quote) != receipt.end - receipt.start:
            raise ReceiptError(
                f"the receipt's range is [{receipt.start}, {receipt.end}), expected one of the quote's "
                f"{len(receipt.quote)} characters",
                _REMEDY,
            )
        return receipt

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Change:
    """A run of text that is in both the receipt and the document ("same"), or only in one of them."""

    kind: Literal["same", "removed", "added"]
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of checking a receipt.

    valid    the document is in the corpus and has the quote at its old place
    moved    the quote stands at `span` of `document`
    changed  similar text stands there; `changes` turn the quote into it
    gone     neither was found; similar text is not sought for quotes of more than LONGEST_SOUGHT characters
    """

    status: Status
    document: Document | None = None
    span: Span | None = None
    changes: tuple[Change, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """{"status"}; unless it is gone also document_id, title, start, end, text and changes."""
        if self.document is None or self.span is None:
            return {"status": self.status}
        return {
            "status": self.status,
            "document_id": self.document.id,
            "title": self.document.title,
            "start": self.span.start,
            "end": self.span.end,
            "text": self.document[self.span],
            "changes": [asdict(change) for change in self.changes],
        }


def check_all(receipts: Iterable[Receipt], corpus: Corpus) -> list[Verdict]:
    """The verdict on each receipt in this edition of the corpus.

    The time grows with the number of receipts and the length of their quotes, hardly with the corpus. Therefore a
    quote is sought only in its own document, in those that share most words with it, and in the first thousand
    others.
    """
    ids = [title.id for title in corpus.titles(limit=_OTHERS)]
    return [_check(receipt, corpus, ids) for receipt in receipts]


def _check(receipt: Receipt, corpus: Corpus, ids: Iterable[str]) -> Verdict:
    documents: dict[str, Document] = {}
    with suppress(KeyError):
        document = documents[receipt.document_sha256] = corpus.document(receipt.document_sha256)
        span = Span(receipt.start, receipt.end)
        if document[span] == receipt.quote:
            return Verdict("valid", document, span)
    likely = corpus.like(receipt.prefix[-_CONTEXT:] + receipt.quote + receipt.suffix[:_CONTEXT], _LIKELY)
    documents |= {passage.document.id: passage.document for passage in likely}
    others = _read(corpus, (id for id in ids if id not in documents))
    places = (
        (document, span)
        for document in chain(documents.values(), others)
        for span in _occurrences(receipt, document.text)
    )
    if place := max(islice(places, _PLACES), key=lambda place: _agreement(receipt, *place), default=None):
        return Verdict("moved", *place)
    return _closest(receipt.quote, likely, corpus) if len(receipt.quote) <= LONGEST_SOUGHT else Verdict("gone")


def _read(corpus: Corpus, ids: Iterable[str]) -> Iterator[Document]:
    """The documents with these ids, until they have _CHARACTERS characters."""
    left = _CHARACTERS
    for id in ids:
        if left < 0:
            return
        document = corpus.document(id)
        left -= len(document.text)
        yield document


def _occurrences(receipt: Receipt, text: str) -> Iterator[Span]:
    """The places of the quote: first those from its old place on, then those before, each nearest first."""
    quote = receipt.quote
    if quote not in text:
        return
    for start in islice(_starts(quote, text, receipt.start), _PLACES // 2):
        yield Span(start, start + len(quote))
    # the text is reversed because str.rfind is slow if letters repeat
    before = text[: receipt.start + len(quote) - 1][::-1]
    for start in _starts(quote[::-1], before, 0):
        yield Span(len(before) - start - len(quote), len(before) - start)


def _starts(quote: str, text: str, start: int) -> Iterator[int]:
    """Where `quote` begins in `text`, from `start` on; places may overlap."""
    while (start := text.find(quote, start)) >= 0:
        yield start
        start += 1


def _agreement(receipt: Receipt, document: Document, span: Span) -> tuple[int, int]:
    """The number of characters around `span` that stood around the quote; if equal, nearness to its old place."""
    before, after = _around(document, span)
    same = Postfix.similarity(before, receipt.prefix) + Prefix.similarity(after, receipt.suffix)
    return same, -abs(span.start - receipt.start)


def _around(document: Document, span: Span) -> tuple[str, str]:
    """The text just before and after `span`."""
    text = document.text
    return text[max(0, span.start - _CONTEXT) : span.start], text[span.end : span.end + _CONTEXT]


def _closest(quote: str, likely: Sequence[Passage], corpus: Corpus) -> Verdict:
    """The verdict on a quote that no document has: the most similar text in the likely passages or around them."""
    similar = []
    for passage in likely:
        start = max(0, passage.span.start - len(quote))
        score, span = _aligned(quote, passage.document.text[start : passage.span.end + len(quote)])
        if score >= _CLOSE:
            similar.append((score, passage.document, Span(start + span.start, start + span.end)))
    if not similar:
        return Verdict("gone")
    _, document, span = max(similar, key=lambda candidate: candidate[0])
    span = _whole_sentences(span, corpus.sentences(document.id)).trimmed(document.text)
    return Verdict("changed", document, span, _changes(quote, document[span]))


def _aligned(quote: str, text: str) -> tuple[float, Span]:
    """The similarity, 0 to 100, of the part of `text` that is most similar to the quote, and that part's span."""
    score, ends = 0.0, []
    size = -(-len(quote) // -(-len(quote) // _PIECE))
    for piece in (quote[start : start + size] for start in range(0, len(quote), size)):
        part = fuzz.partial_ratio_alignment(piece, text)
        # it is None only below a cutoff, and none is given
        assert part is not None
        score += part.score * len(piece) / len(quote)
        if part.score >= _CLOSE:
            ends += [part.dest_start, part.dest_end]
    return score, Span(min(ends, default=0), max(ends, default=0))


def _whole_sentences(span: Span, sentences: Iterable[Sentence]) -> Span:
    """The sentences that `span` stands for: it holds half of each, or each holds half of it."""

    def shared(other: Span) -> int:
        return min(span.end, other.end) - max(span.start, other.start)

    spans = [sentence.span for sentence in sentences]
    held = [other for other in spans if 2 * shared(other) >= min(len(other), len(span))] or [max(spans, key=shared)]
    return Span(held[0].start, held[-1].end)


def _changes(old: str, new: str) -> tuple[Change, ...]:
    a, b = _WORD_OR_BLANK.findall(old), _WORD_OR_BLANK.findall(new)
    numbers: dict[str, int] = {}
    # compared as numbers, because rapidfuzz would compare words by their hashes
    numbered = [[numbers.setdefault(word, len(numbers)) for word in words] for words in (a, b)]
    changes: list[Change] = []
    for same, run in groupby(Indel.opcodes(*numbered), lambda code: code.tag == "equal"):
        codes = list(run)
        removed = "".join(a[codes[0].src_start : codes[-1].src_end])
        added = "".join(b[codes[0].dest_start : codes[-1].dest_end])
        changes += [Change("same", removed)] if same else [Change("removed", removed), Change("added", added)]
    return tuple(change for change in changes if change.text)
