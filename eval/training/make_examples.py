"""Makes training examples from question sets, with hard negatives from quoth's search."""

import hashlib
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from eval.questions.data import Question, read_questions
from eval.questions.documents import read_documents
from eval.run.asking import opened
from eval.training.checkpoint import save_base
from eval.training.examples import BASE, SPANS, Examples, Kind, write_examples
from index.encoders.encoder import Encoder
from index.errors import QuestionSetError
from index.publish import passages_of
from index.sources.read import CORPUS_FILE
from index.types import Document, Passage, Query, Span
from rag.judge import READ
from rag.readers.word_pieces import Framed, Pieces, load_tokenizer, passage_pieces, question_pieces
from rag.settings import Settings

_ANSWERING = 2
"""The most passages that answer a question."""
_RETRIEVED = 4
"""The most retrieved passages that do not answer, for a question that has an answer."""
_UNANSWERABLE = 3
"""The most retrieved passages for a question that has no answer."""
_SWAPPED = 0.6
"""The share of the answerable questions to make a swapped question from, if possible."""
_LONGEST_QUESTION = 64
"""Word pieces. Longer questions are rare and would lengthen every batch that they are in."""
_ENCODED_AT_ONCE = 128
_NUMBER = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)*(?![\w])")
# after a lower-case word, so that the first word of a sentence is not taken for a name
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][\w’'-]+(?: [A-Z][\w’'-]+)*")


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """A question set to train on: the questions that need no history and whose answering words are known."""

    name: str
    documents: tuple[Document, ...]
    questions: tuple[tuple[Question, Document], ...]
    """Each question with the document that it is about."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The set in `folder`. Raises SourceError and QuestionSetError."""
        documents = read_documents([folder / CORPUS_FILE])
        questions = []
        for question in read_questions(folder / "questions.jsonl", documents):
            document = documents.by_row_id.get(question.document_id or "")
            if document is None:
                raise QuestionSetError(
                    f"{folder}: the question {question.id} is about the document {question.document_id!r}, "
                    f"which is not in {CORPUS_FILE}",
                    "Give the doc_id of a document that is there",
                )
            if not question.history and (answers_of(question) or not question.answerable):
                questions.append((question, document))
        return cls(folder.name, documents.all, tuple(questions))


@dataclass(frozen=True, slots=True)
class Example:
    """A question paired with a passage."""

    question: str
    passage: Passage
    answers: tuple[Span, ...]
    """The answering words, as spans of the document; empty if the passage does not answer."""
    kind: Kind
    answerable: bool
    """Whether a document of the set answers the question."""


def make_examples(
    folders: Sequence[Path],
    out: Path,
    encoder: Encoder,
    *,
    held: float,
    held_limit: int,
    limit: int | None = None,
    seed: int = 0,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Writes the examples of the question sets in `folders`, and the base model, into `out`.

    `held` is the share of each set's documents to hold out, `held_limit` the most questions of a set about these, and
    `limit` the most questions of a set to train on. Equal arguments give equal files.
    """
    sets = [QuestionSet.read(folder) for folder in folders]
    heldout = held_out(sets, held, seed)
    made = []
    for number, questions in enumerate(sets):
        say(f"{questions.name}: {len(questions.documents)} documents, {len(questions.questions)} questions")
        examples = list(examples_of(questions, heldout, encoder, held_limit=held_limit, limit=limit, seed=seed))
        counts = Counter(example.kind for example in examples)
        say(f"{questions.name}: " + ", ".join(f"{kind.name.lower()} {counts[kind]}" for kind in Kind))
        made += [(number, example) for example in examples]
    settings = {"seed": seed, "limit": limit, "held": held, "held_limit": held_limit, "held_documents": len(heldout)}
    write_examples(_as_pieces(made, [questions.name for questions in sets]), out, settings)
    save_base(out / BASE)


def held_out(sets: Sequence[QuestionSet], share: float, seed: int) -> frozenset[str]:
    """The ids of the documents to hold out: this share of each set, and at least one if a set has several."""
    ids: set[str] = set()
    for questions in sets:
        by_digest = sorted((document.id for document in questions.documents), key=lambda id: _digest(seed, id))
        if len(by_digest) > 1 and share > 0:
            ids.update(by_digest[: max(1, round(share * len(by_digest)))])
    return frozenset(ids)


def answers_of(question: Question) -> tuple[Span, ...]:
    """The answering words in the document that a question is about."""
    exact = (gold for gold in question.gold if gold.exact and gold.document_id == question.document_id)
    return tuple(sorted({gold.span for gold in exact}))


def examples_of(
    questions: QuestionSet, heldout: frozenset[str], encoder: Encoder, *, held_limit: int, limit: int | None, seed: int
) -> Iterator[Example]:
    """The examples of a set, question by question. Documents in `heldout` are never trained on."""
    learned = [pair for pair in questions.questions if pair[1].id not in heldout]
    evaluated = [pair for pair in questions.questions if pair[1].id in heldout]
    asked = _sampled(learned, limit, seed) + _sampled(evaluated, held_limit, seed)
    passages = {document.id: passages_of([document], encoder) for document in questions.documents}
    with opened(questions.documents, encoder, Settings()) as corpus:
        for start in range(0, len(asked), _ENCODED_AT_ONCE):
            some = asked[start : start + _ENCODED_AT_ONCE]
            encodings = encoder.encode_pieces([question.text for question, _ in some])
            for (question, document), encoding in zip(some, encodings, strict=True):
                if not 0 < len(encoding.ids) <= _LONGEST_QUESTION:
                    continue
                found = [hit.passage for hit in corpus.search(Query(question.text, encoding), 4 * READ)]
                if document.id in heldout:
                    yield from (_example(question, document, passage, Kind.HELD) for passage in found[:READ])
                else:
                    found = [passage for passage in found if passage.document.id not in heldout]
                    chooser = random.Random(f"{seed} {question.text}")
                    yield from _learned(question, document, passages[document.id], found[: 2 * READ], chooser)


def _learned(
    question: Question, document: Document, own: Sequence[Passage], found: Sequence[Passage], chooser: random.Random
) -> Iterator[Example]:
    """The training examples of a question: `own` are its document's passages, `found` those that search ranks high."""
    if not question.answerable:
        yield from (_example(question, document, passage, Kind.UNANSWERABLE) for passage in found[:_UNANSWERABLE])
        return
    examples = (_example(question, document, passage, Kind.ANSWERS) for passage in own)
    answering = [example for example in examples if example.answers]
    yield from answering[:_ANSWERING]
    wrong = [passage for passage in found if not may_answer(question, document, passage)]
    yield from (_example(question, document, passage, Kind.RETRIEVED) for passage in wrong[:_RETRIEVED])
    if answering and chooser.random() < _SWAPPED:
        passage = answering[0].passage
        if text := swap(question.text, passage.text, document.text, chooser):
            yield Example(text, passage, (), Kind.SWAPPED, answerable=False)


def may_answer(question: Question, document: Document, passage: Passage) -> bool:
    """Whether a passage overlaps an answering place or contains the words of one."""
    answers, text = answers_of(question), passage.text.casefold()
    touched = passage.document.id == document.id and any(passage.span.overlaps(span) for span in answers)
    return touched or any(document[span].casefold() in text for span in answers)


def _example(question: Question, document: Document, passage: Passage, kind: Kind) -> Example:
    inside = [span for span in answers_of(question) if passage.document.id == document.id and passage.span.covers(span)]
    read = [sentence.span for sentence in passage.sentences if not sentence.heading]
    answers = tuple(span for span in inside if any(span.overlaps(sentence) for sentence in read))
    return Example(question.text, passage, answers, kind, question.answerable)


def swap(question: str, passage: str, document: str, chooser: random.Random) -> str | None:
    """`question` with a name or number of `passage` replaced by one that occurs only elsewhere in `document`.

    The new one has as many words or digits. The passage holds no word of it, because half a name may name the same
    thing, so the passage cannot answer the new question. None if there is nothing to exchange.
    """
    held, asked = passage.casefold(), question.casefold()
    swaps = [
        (match, other)
        for pattern in (_NUMBER, _NAME)
        for match in pattern.finditer(question)
        if match[0].casefold() in held
        for other in sorted({match[0] for match in pattern.finditer(document)})
        if _shape(match[0]) == _shape(other) and other.casefold() not in asked
        if not any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", held) for word in other.casefold().split())
    ]
    if not swaps:
        return None
    match, other = chooser.choice(swaps)
    return question[: match.start()] + other + question[match.end() :]


def _shape(text: str) -> str | int:
    """A key of a name or number: it can replace another one with the same pattern of digits or count of words."""
    return re.sub(r"\d", "0", text) if text[0].isdigit() else len(text.split())


def _sampled(
    questions: Sequence[tuple[Question, Document]], most: int | None, seed: int
) -> list[tuple[Question, Document]]:
    """At most `most` of the questions, the same for the same seed, in their order."""
    by_digest = sorted(range(len(questions)), key=lambda n: _digest(seed, f"{n} {questions[n][0].text}"))
    return [questions[n] for n in sorted(by_digest[:most])]


def _digest(seed: int, text: str) -> bytes:
    return hashlib.sha256(f"{seed} {text}".encode()).digest()


def _as_pieces(made: Sequence[tuple[int, Example]], names: Sequence[str]) -> Examples:
    """The (number of the set, example) pairs as word pieces, each question and each passage once."""
    tokenizer = load_tokenizer()
    questions = {text: row for row, text in enumerate(dict.fromkeys(example.question for _, example in made))}
    passages = {example.passage.id: example.passage for _, example in made}
    rows = {id: row for row, id in enumerate(passages)}
    pieces = passage_pieces(tokenizer, list(passages.values()))
    columns = []
    for number, example in made:
        pair = questions[example.question], rows[example.passage.id]
        spans = _spans(pieces[pair[1]], example)
        # an answer that is not in the pieces of the passage cannot be learned from it
        if example.kind is not Kind.ANSWERS or spans[0, 0] >= 0:
            columns.append((pair, spans, example.kind, number, example.answerable))
    if not columns:
        raise QuestionSetError(
            f"no question of {', '.join(names)} gives an example", "Name sets with answered questions"
        )
    pairs, places, kinds, sets, answerable = zip(*columns, strict=True)
    return Examples(
        questions=question_pieces(tokenizer, list(questions)),
        passages=[passage.ids for passage in pieces],
        sentences=[passage.sentences for passage in pieces],
        pairs=np.array(pairs, np.int32),
        spans=np.array(places, np.int16),
        kinds=np.array(kinds, np.uint8),
        sets=np.array(sets, np.uint8),
        answerable=np.array(answerable, np.uint8),
        names=tuple(names),
        tokenizer=tokenizer,
    )


def _spans(pieces: Pieces, example: Example) -> NDArray[np.int16]:
    """(SPANS, 2): the first and last piece of each answer, padded by -1; none of an answer that ends in a heading."""
    starts, ends = (pieces.offsets + Framed.of(example.passage).shift).T
    found = set()
    for span in example.answers:
        touched = np.flatnonzero((starts < span.end) & (ends > span.start))
        if len(touched) and pieces.sentences[touched[0]] and pieces.sentences[touched[-1]]:
            found.add((int(touched[0]), int(touched[-1])))
    return np.array([*sorted(found), *[(-1, -1)] * SPANS][:SPANS], np.int16)
