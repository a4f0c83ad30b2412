"""Receipts: citations that can be checked later, against a newer edition of the corpus."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from itertools import chain, groupby, islice
from typing import Any, Literal

from rapidfuzz import fuzz
from rapidfuzz.distance import Indel

from index.corpus import Corpus
from index.errors import ReceiptError
from index.types import Document, Passage, Sentence, Span
from rag.cite import SentencesOf
from rag.types import Citation

LONGEST_SOUGHT = 2000
"""The longest quote, in characters, for which similar text is searched."""

_CONTEXT = 32
"""The number of characters before and after the quote that a receipt keeps."""
_LIKELY = 10
"""The number of passages to find by the quote's words. Similar text is searched only in their documents."""
_OTHERS, _CHARACTERS = 1000, 2_000_000
"""The most other documents that are searched, and about the most characters of them. Most corpora are smaller."""
_PLACES = 300
"""The most places of a quote that are compared: a quote of one letter occurs thousands of times in a text."""
_SIMILAR = 70.0
"""The lowest similarity, rapidfuzz's 0 to 100, at which text counts as changed and not as gone."""
_PIECE = 200
"""The most characters aligned at once: the time grows with their cube, and other threads wait meanwhile."""
_REMEDY = "Take the receipt whole from quoth ask --json"
_TOKEN = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Receipt:
    """A citation with what is needed to check it without its answer."""

    document_sha256: str
    start: int
    end: int
    """The half-open range of the quote in the document's text, in Unicode code points."""
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
        """Reads a receipt from a JSON object; other keys are ignored. Raises ReceiptError if it is malformed."""
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


@dataclass(frozen=True, slots=True)
class Change:
    """A run of text in receipt and document ("same"), only in the receipt ("removed"), or only in the document."""

    kind: Literal["same", "removed", "added"]
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of checking a receipt.

    valid    the document is in the corpus and has the quote at its place
    moved    the same text is at `span` of `document`
    changed  similar text is there; `changes` turn the quote into it
    gone     neither was found. A quote of more than LONGEST_SOUGHT characters is gone as soon as one of them differs.
    """

    status: Literal["valid", "moved", "changed", "gone"]
    document: Document | None = None
    span: Span | None = None
    changes: tuple[Change, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """{"status"} and, unless gone, document_id, title, start, end, text and changes."""
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
    """Checks each receipt against this edition of the corpus.

    The time depends on the receipts and hardly on the corpus. In a large corpus a quote is searched only in the
    cited document, in those that share most words with it, and in the first _OTHERS others.
    """
    ids = [title.id for title in corpus.titles(limit=_OTHERS + _LIKELY + 1)]
    sentences_of = lru_cache(maxsize=16)(corpus.sentences)
    return [_check(receipt, corpus, ids, sentences_of) for receipt in receipts]


def _check(receipt: Receipt, corpus: Corpus, ids: Sequence[str], sentences_of: SentencesOf) -> Verdict:
    try:
        own = [corpus.document(receipt.document_sha256)]
    except KeyError:
        own = []
    span = Span(receipt.start, receipt.end)
    if own and own[0][span] == receipt.quote:
        return Verdict("valid", own[0], span)
    likely = corpus.like(receipt.prefix[-_CONTEXT:] + receipt.quote + receipt.suffix[:_CONTEXT], _LIKELY)
    first = {document.id: document for document in (*own, *(passage.document for passage in likely))}
    documents = chain(first.values(), _others(corpus, (id for id in ids if id not in first)))
    occurrences = ((document, span) for document in documents for span in _occurrences(receipt, document))
    if places := list(islice(occurrences, _PLACES)):
        return Verdict("moved", *max(places, key=lambda place: _agreement(receipt, *place)))
    if len(receipt.quote) > LONGEST_SOUGHT:
        return Verdict("gone")
    return _most_similar(receipt.quote, likely, sentences_of)


def _others(corpus: Corpus, ids: Iterable[str]) -> Iterator[Document]:
    left = _CHARACTERS
    for id in islice(ids, _OTHERS):
        document = corpus.document(id)
        yield document
        left -= len(document.text)
        if left < 0:
            return


def _occurrences(receipt: Receipt, document: Document) -> Iterator[Span]:
    """The places of the quote: up to half of _PLACES from the old place on, then those before it, nearest first."""
    quote, text = receipt.quote, document.text
    if quote not in text:
        return
    for start in islice(_starts(quote, text, receipt.start), _PLACES // 2):
        yield Span(start, start + len(quote))
    # backwards in the reversed text, since str.rfind takes much longer than str.find if letters repeat
    before = text[: receipt.start + len(quote) - 1][::-1]
    for start in _starts(quote[::-1], before, 0):
        yield Span(len(before) - start - len(quote), len(before) - start)


def _starts(quote: str, text: str, start: int) -> Iterator[int]:
    while (start := text.find(quote, start)) >= 0:
        yield start
        start += 1


def _agreement(receipt: Receipt, document: Document, span: Span) -> tuple[int, int]:
    """How many characters around the quote agree, then how near the old place is; higher is better."""
    before = document.text[max(0, span.start - _CONTEXT) : span.start]
    after = document.text[span.end : span.end + _CONTEXT]
    same = _common_start(before[::-1], receipt.prefix[-_CONTEXT:][::-1]) + _common_start(after, receipt.suffix)
    return same, -abs(span.start - receipt.start)


def _common_start(a: str, b: str) -> int:
    return next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _most_similar(quote: str, likely: Sequence[Passage], sentences_of: SentencesOf) -> Verdict:
    aligned = [
        (score, document, span)
        for document, window in _windows(likely, len(quote))
        for score, span in _aligned(quote, document, window)
    ]
    score, document, span = max(aligned, key=lambda candidate: candidate[0], default=(0.0, None, None))
    if document is None or span is None or score < _SIMILAR:
        return Verdict("gone")
    span = _to_sentences(span, sentences_of(document.id)).trimmed(document.text)
    return Verdict("changed", document, span, _changes(quote, document[span]))


def _windows(passages: Sequence[Passage], reach: int) -> Iterator[tuple[Document, Span]]:
    """The passages with `reach` characters before and after each; windows that touch are joined."""
    by_document: dict[str, list[Passage]] = {}
    for passage in passages:
        by_document.setdefault(passage.document.id, []).append(passage)
    for group in by_document.values():
        document = group[0].document
        windows: list[Span] = []
        for span in sorted(passage.span for passage in group):
            start, end = max(0, span.start - reach), min(len(document.text), span.end + reach)
            if windows and start <= windows[-1].end:
                start, end = windows[-1].start, max(end, windows.pop().end)
            windows.append(Span(start, end))
        yield from ((document, window) for window in windows)


def _aligned(quote: str, document: Document, window: Span) -> Iterator[tuple[float, Span]]:
    """(similarity, place) of the part of the window that is most similar to the quote, if any piece of it is."""
    text, score, spans = document[window], 0.0, []
    size = -(-len(quote) // -(-len(quote) // _PIECE))
    for piece in (quote[n : n + size] for n in range(0, len(quote), size)):
        alignment = fuzz.partial_ratio_alignment(piece, text)
        # never None without a cutoff
        assert alignment is not None
        score += alignment.score * len(piece) / len(quote)
        if alignment.score >= _SIMILAR:
            # a text shorter than the piece is aligned the other way round: then all of it is similar
            short = len(text) < len(piece)
            spans.append(Span(0, len(text)) if short else Span(alignment.dest_start, alignment.dest_end))
    if spans:
        start, end = min(span.start for span in spans), max(span.end for span in spans)
        yield score, Span(window.start + start, window.start + end)


def _to_sentences(span: Span, sentences: Sequence[Sentence]) -> Span:
    """The run of whole sentences that contain half of `span`, or of which `span` contains half."""

    def shared(sentence: Span) -> int:
        return min(span.end, sentence.end) - max(span.start, sentence.start)

    first = bisect_right(sentences, span.start, key=lambda sentence: sentence.span.start) - 1
    last = bisect_left(sentences, span.end, key=lambda sentence: sentence.span.start)
    spans = [sentence.span for sentence in sentences[max(0, first) : last]]
    run = [one for one in spans if 2 * shared(one) >= min(len(one), len(span))] or [max(spans, key=shared)]
    return Span(run[0].start, run[-1].end)


def _changes(old: str, new: str) -> tuple[Change, ...]:
    a, b = _TOKEN.findall(old), _TOKEN.findall(new)
    numbers: dict[str, int] = {}
    # compared as numbers, since rapidfuzz would compare words by their hashes
    numbered = [[numbers.setdefault(token, len(numbers)) for token in tokens] for tokens in (a, b)]
    changes: list[Change] = []
    for same, run in groupby(Indel.opcodes(*numbered), lambda opcode: opcode.tag == "equal"):
        codes = list(run)
        removed = "".join(a[codes[0].src_start : codes[-1].src_end])
        added = "".join(b[codes[0].dest_start : codes[-1].dest_end])
        if same:
            changes.append(Change("same", removed))
        else:
            changes += [Change("removed", removed)] * bool(removed) + [Change("added", added)] * bool(added)
    return tuple(changes)
