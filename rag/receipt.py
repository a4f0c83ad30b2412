"""A receipt: a citation that can be checked later, against whatever the corpus has become."""

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
"""Characters of the longest quote for which close words are sought."""

_CONTEXT = 32
"""Characters of the text before and after that a receipt holds."""
_LIKELY = 10
"""Passages, those that share most words with a quote, in whose documents it is looked for before all others, and
around which close words are sought."""
_OTHERS, _CHARACTERS = 1000, 2_000_000
"""How many other documents are looked through, and about how much text: in most corpora all there is."""
_PLACES = 300
"""Places of one quote that are weighed against each other: a letter stands in any text thousands of times."""
_CLOSE = 70.0
"""rapidfuzz's similarity, 0 to 100, from which words are the same but changed."""
_PIECE = 200
"""Characters of a quote that are aligned at once: that takes time with the cube of their number, and no other thread
runs meanwhile."""

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
    gone     neither was found; for a quote of more than LONGEST_SOUGHT characters close words are not sought, so it is
             gone as soon as a letter of it has changed
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
    """What became of the receipt's citation in this edition of the corpus: see check_all."""
    return check_all([receipt], corpus)[0]


def check_all(receipts: Iterable[Receipt], corpus: Corpus) -> list[Verdict]:
    """What became of each receipt's citation in this edition of the corpus.

    How long that takes follows from how many receipts there are and how long their quotes, hardly from the corpus. So
    in a large one a quote is not looked for everywhere: only in its own document, in those that share most words with
    it and in the first thousand others. Close words are sought only for a quote of up to LONGEST_SOUGHT characters,
    around the passages that share most words with it.
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
    likely = _likely(receipt, corpus)
    first = {document.id: document for document in (*own, *(passage.document for passage in likely))}
    documents = chain(first.values(), _others(corpus, (id for id in ids if id not in first)))
    found = ((document, span) for document in documents for span in _occurrences(receipt, document))
    if places := list(islice(found, _PLACES)):
        document, span = max(places, key=lambda place: _agreement(receipt, *place))
        return Verdict("moved", document, span)
    if len(receipt.quote) > LONGEST_SOUGHT:
        return Verdict("gone")
    return _closest(receipt.quote, likely, sentences_of)


def _others(corpus: Corpus, ids: Iterable[str]) -> Iterator[Document]:
    left = _CHARACTERS
    for id in islice(ids, _OTHERS):
        document = corpus.document(id)
        yield document
        left -= len(document.text)
        if left < 0:
            return


def _occurrences(receipt: Receipt, document: Document) -> Iterator[Span]:
    """Where the quote stands: from its old place on, then before it, each way the nearest first.

    So whoever stops after a while has, of very many, those among which the nearest to the old place is; half of them
    lie before it, where as many do.
    """
    quote, text = receipt.quote, document.text
    if quote not in text:
        return
    after = _starts(quote, text, receipt.start)
    yield from (Span(start, start + len(quote)) for start in islice(after, _PLACES // 2))
    # backwards in a text turned round, since str.rfind takes much longer than str.find where letters repeat
    before = text[: receipt.start + len(quote) - 1][::-1]
    for start in _starts(quote[::-1], before, 0):
        yield Span(len(before) - start - len(quote), len(before) - start)


def _starts(quote: str, text: str, start: int) -> Iterator[int]:
    while (start := text.find(quote, start)) >= 0:
        yield start
        start += 1


def _agreement(receipt: Receipt, document: Document, span: Span) -> tuple[int, int]:
    """How much of what stood around the quote stands there too; between equals, the nearest to its old place."""
    before = document.text[max(0, span.start - _CONTEXT) : span.start]
    after = document.text[span.end : span.end + _CONTEXT]
    same = _common_start(before[::-1], receipt.prefix[-_CONTEXT:][::-1]) + _common_start(after, receipt.suffix)
    return same, -abs(span.start - receipt.start)


def _common_start(a: str, b: str) -> int:
    return next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _likely(receipt: Receipt, corpus: Corpus) -> list[Passage]:
    """The passages that share most words with the quote and what stood around it, best first."""
    words = receipt.prefix[-_CONTEXT:] + receipt.quote + receipt.suffix[:_CONTEXT]
    return corpus.like(words, _LIKELY)


def _closest(quote: str, likely: Sequence[Passage], sentences_of: SentencesOf) -> Verdict:
    best: tuple[float, Document, Span] | None = None
    for document, window in _windows(likely, len(quote)):
        found = _aligned(quote, document, window)
        if found and found[0] >= _CLOSE and (best is None or found[0] > best[0]):
            best = found[0], document, found[1]
    if best is None:
        return Verdict("gone")
    _, document, span = best
    span = _to_sentences(span, sentences_of(document.id)).trimmed(document.text)
    return Verdict("changed", document, span, _changes(quote, document[span]))


def _windows(passages: Sequence[Passage], reach: int) -> Iterator[tuple[Document, Span]]:
    """The passages with `reach` characters before and after each; those that then touch are one."""
    by_document: dict[str, list[Passage]] = {}
    for passage in passages:
        by_document.setdefault(passage.document.id, []).append(passage)
    for group in by_document.values():
        document = group[0].document
        windows: list[Span] = []
        for span in sorted(passage.span for passage in group):
            start, end = max(0, span.start - reach), min(len(document.text), span.end + reach)
            if windows and start <= windows[-1].end:
                windows[-1] = Span(windows[-1].start, max(end, windows[-1].end))
            else:
                windows.append(Span(start, end))
        yield from ((document, window) for window in windows)


def _aligned(quote: str, document: Document, window: Span) -> tuple[float, Span] | None:
    """How close the quote is to what of the window is closest to it, and where that is; None where nothing is."""
    text, score, spans = document[window], 0.0, []
    size = -(-len(quote) // -(-len(quote) // _PIECE))
    for piece in (quote[n : n + size] for n in range(0, len(quote), size)):
        found = fuzz.partial_ratio_alignment(piece, text)
        # there is one always, since it is asked for without a cutoff
        assert found is not None
        score += found.score * len(piece) / len(quote)
        if found.score >= _CLOSE:
            # a text shorter than the quote is aligned the other way about: then all of it is what is close
            short = len(text) < len(piece)
            spans.append(Span(0, len(text)) if short else Span(found.dest_start, found.dest_end))
    if not spans:
        return None
    start, end = min(span.start for span in spans), max(span.end for span in spans)
    return score, Span(window.start + start, window.start + end)


def _to_sentences(span: Span, sentences: Sequence[Sentence]) -> Span:
    """The run of whole sentences that `span` stands for: those that it holds half of, or that hold half of it."""

    def shared(sentence: Span) -> int:
        return min(span.end, sentence.end) - max(span.start, sentence.start)

    first = bisect_right(sentences, span.start, key=lambda one: one.span.start) - 1
    last = bisect_left(sentences, span.end, key=lambda one: one.span.start)
    spans = [sentence.span for sentence in sentences[max(0, first) : last]]
    held = [one for one in spans if 2 * shared(one) >= min(len(one), len(span))] or [max(spans, key=shared)]
    return Span(held[0].start, held[-1].end)


def _changes(old: str, new: str) -> tuple[Change, ...]:
    a, b = _WORD_OR_BLANK.findall(old), _WORD_OR_BLANK.findall(new)
    numbers: dict[str, int] = {}
    # compared as numbers, since rapidfuzz would compare words by their hashes
    numbered = [[numbers.setdefault(word, len(numbers)) for word in words] for words in (a, b)]
    changes: list[Change] = []
    for same, run in groupby(Indel.opcodes(*numbered), lambda one: one.tag == "equal"):
        codes = list(run)
        removed = "".join(a[codes[0].src_start : codes[-1].src_end])
        added = "".join(b[codes[0].dest_start : codes[-1].dest_end])
        if same:
            changes.append(Change("same", removed))
            continue
        if removed:
            changes.append(Change("removed", removed))
        if added:
            changes.append(Change("added", added))
    return tuple(changes)
