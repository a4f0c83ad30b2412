"""Answers are made of the documents' own words, whatever the documents and whatever is asked."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from corpus_support import HashEncoder, any_character, documents_of, make_corpus, texts
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from index.corpus import Corpus, open_corpus
from index.encoders.encoder import Encoder
from index.errors import QuestionError, SettingsError
from index.publish import publish
from index.sources.read import read
from index.text.chunk import searchable
from index.text.words import words_of
from index.types import Document, Encoding, Hit, Query, Span
from rag.answer import LONGEST_QUESTION, Answerer, build_answerer, check_question
from rag.calibration import FEATURES, Calibration
from rag.judge import Judge
from rag.row import detailed_row_of, row_of, why_of
from rag.settings import Settings
from rag.types import Answer, Form, Judgement, Place, Reader, Reading, Turn

DATA = Path(__file__).parent.parent.parent / "shared" / "data" / "dev"

few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

questions = st.one_of(
    st.sampled_from(["Where does the river rise?", "Who built it?", "¿Dónde?", "真的吗？", "?", "\u200b", "木" * 30]),
    st.text(any_character, min_size=1, max_size=60),
)


def answerer_over(folder: Path, *documents: str, risk: float = 1.0, encoder: Encoder | None = None) -> Answerer:
    encoder = encoder or HashEncoder()
    return build_answerer(make_corpus(folder, *documents, encoder=encoder), encoder, Settings(risk=risk))


def check_answer(answer: Answer, corpus: Corpus) -> None:
    """What holds of every answer."""
    assert (answer.status == "answered") == bool(answer.citations)
    assert not (answer.citations and answer.closest)
    assert 0 <= answer.confidence <= 1
    assert set(answer.judgements[0].contributions) == set(FEATURES)
    assert answer.edition == corpus.edition
    shown = answer.citations or answer.closest
    assert [citation.number for citation in shown] == list(range(1, len(shown) + 1))
    assert not shown or shown[0].score == max(citation.score for citation in shown)
    quotes = [" ".join(citation.excerpt.text.casefold().split()) for citation in shown]
    assert len(set(quotes)) == len(quotes)
    for citation in shown:
        excerpt, highlight = citation.excerpt, citation.highlight
        held = corpus.document(excerpt.document.id)
        assert held.text[excerpt.span.start : excerpt.span.end] == excerpt.text
        assert excerpt.text == excerpt.text.strip() != ""
        assert excerpt.span.covers(highlight)
        assert len(highlight)
        tiles = [s for s in corpus.sentences(excerpt.document.id) if s.span.overlaps(excerpt.span)]
        assert tiles
        assert not any(s.heading for s in tiles)
        assert tiles[0].span.trimmed(held.text).start == excerpt.span.start
        assert tiles[-1].span.trimmed(held.text).end == excerpt.span.end
        assert citation.paragraph == tiles[0].paragraph
    for hit in answer.retrieved:
        assert hit.passage.text == corpus.document(hit.passage.document.id)[hit.passage.span]
        assert hit.found_by
    check_why(answer, corpus)
    for row in (row_of(answer, id="q"), detailed_row_of(answer, id="q"), detailed_row_of(answer, id="q", why=True)):
        json.dumps(row, ensure_ascii=False, allow_nan=False).encode()


def check_why(answer: Answer, corpus: Corpus) -> None:
    """What holds of every explanation."""
    why = why_of(answer)
    assert (why["threshold"] is not None and answer.confidence >= why["threshold"]) or not answer.citations
    assert list(dict.fromkeys(form["searched_for"] for form in why["forms"])) == list(answer.searched_for)
    assert [len(form["searched_in"]) for form in why["forms"]] == [len(one.form.documents) for one in answer.judgements]
    for form in why["forms"]:
        assert {one["name"] for one in form["features"]} == set(FEATURES)
        logit = form["bias"] + sum(one["contribution"] for one in form["features"])
        assert form["confidence"] == pytest.approx(1 / (1 + math.exp(-max(-50, min(50, logit)))))
        assert [passage["rank"] for passage in form["passages"]] == list(range(1, len(form["passages"]) + 1))
        ranks = {passage["rank"]: passage for passage in form["passages"]}
        for sentence in form["sentences"]:
            assert (
                corpus.document(sentence["document_id"]).text[sentence["start"] : sentence["end"]] == sentence["text"]
            )
            assert sentence["start"] <= sentence["highlight"][0] <= sentence["highlight"][1] <= sentence["end"]
            passage = ranks[sentence["rank"]]
            assert passage["start"] <= sentence["start"] <= sentence["end"] <= passage["end"]


def without_times(answer: Answer) -> Answer:
    return replace(answer, ms={})


@few
@given(st.lists(texts.filter(str.strip), min_size=1, max_size=4), questions, st.sampled_from([0.0, 0.1, 1.0]))
@example(["# Only a heading\n\n## And another"], "Only a heading?", 1.0)
@example(["It rained. " * 40], "Did it rain?", 1.0)
@example(["..."], "?", 1.0)
def test_every_excerpt_is_verbatim(
    tmp_path_factory: pytest.TempPathFactory, documents: list[str], question: str, risk: float
) -> None:
    answerer = answerer_over(tmp_path_factory.mktemp("corpus"), *documents, risk=risk)
    try:
        answer = answerer.ask(question)
    except QuestionError:
        return
    check_answer(answer, answerer.corpus)
    assert without_times(answerer.ask(question)) == without_times(answer)
    answerer.corpus.close()


@settings(few, max_examples=12)
@given(questions, st.lists(questions, max_size=2))
def test_the_article_s_answers_are_verbatim(answerer: Answerer, question: str, before: list[str]) -> None:
    try:
        answer = answerer.ask(question, [Turn(earlier, "") for earlier in before])
    except QuestionError:
        return
    check_answer(answer, answerer.corpus)


def test_the_article_answers_its_examples_but_for_the_last(answerer: Answerer) -> None:
    (article,) = documents_of(answerer.corpus)
    *answered, foreign = [answerer.ask(question) for question in article.examples]
    for answer in (*answered, foreign):
        check_answer(answer, answerer.corpus)
    assert foreign.status == "unanswered"
    assert foreign.closest
    assert "dagger" in (answered[0].citations or answered[0].closest)[0].excerpt.text


def test_the_risk_parts_answers_from_the_closest(tmp_path: Path) -> None:
    answerer = answerer_over(tmp_path, "The river rises in the hills. Bread is good.")

    def ask(risk: float | None) -> Answer:
        return answerer.ask("Where does the river rise?", risk=risk)

    always, never = ask(1.0), ask(0.0)
    assert (always.status, never.status) == ("answered", "unanswered")
    assert always.citations[0].excerpt == never.closest[0].excerpt
    assert always.confidence == never.confidence
    assert ask(None).status == "answered"


class CountingEncoder(HashEncoder):
    """Remembers what it was given to encode."""

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def encode_pieces(self, texts: Sequence[str]) -> list[Encoding]:
        self.encoded += texts
        return super().encode_pieces(texts)


def test_a_question_is_encoded_once_whatever_forms_it_has(tmp_path: Path) -> None:
    encoder = CountingEncoder()
    answerer = answerer_over(tmp_path, "The river rises in the hills. It ends in the sea.", encoder=encoder)
    answer = answerer.ask("And where does it end?", [Turn("Where does the river rise?", "It rises in the hills.")])
    assert len(answer.searched_for) > 1
    assert [encoder.encoded.count(form) for form in answer.searched_for] == [1] * len(answer.searched_for)
    answerer.corpus.close()


def test_several_threads_get_the_same_answers(answerer: Answerer, encoder: Encoder) -> None:
    (article,) = documents_of(answerer.corpus)
    asked = [*article.examples, "Who is the leader of South Korea?", "What happened in 1961?"]
    alone = [without_times(answerer.ask(question)) for question in asked]
    # anew, so that nothing is remembered yet and the threads meet at it
    fresh = build_answerer(answerer.corpus, encoder, Settings())
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda question: without_times(fresh.ask(question)), asked * 2))
    for got, expected in zip(together, alone * 2, strict=True):
        assert got.confidence == pytest.approx(expected.confidence, abs=1e-3)
        assert [c.excerpt for c in got.citations + got.closest] == [
            c.excerpt for c in expected.citations + expected.closest
        ]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("", "empty"),
        (" \t\r\n ", "empty"),
        ("x" * 2001, "2,001 characters, more than 2,000"),
        ("x" * 100_000, "100,000 characters"),
        ("What\x00?", "U+0000 at place 4"),
        ("\x1b[31mred?", "U+001B at place 0"),
        ("What\x85?", "U+0085"),
        ("What\x7f?", "U+007F"),
        ("What \ud800?", "U+D800"),
        ("river " * 300, "tokens"),
        # three word pieces a character
        ("각 " * 100, "tokens"),
    ],
)
def test_a_question_that_cannot_be_asked(answerer: Answerer, question: str, said: str) -> None:
    with pytest.raises(QuestionError) as caught:
        answerer.ask(question)
    assert said in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "question", ["x" * LONGEST_QUESTION, "What is\tthis?\r\n", "Is \u202eit\u202c \U0001f600?", "a"]
)
def test_a_question_that_can_be_asked(question: str) -> None:
    assert check_question(question) == " ".join(question.split())


def test_a_question_is_asked_as_it_was_put_but_for_its_blanks(answerer: Answerer) -> None:
    assert answerer.ask("  What \n is\tthis? ").searched_for == ("What is this?",)


FIRST = Turn("What did Putin give Kim Jong Un?", "A dagger.")


@pytest.mark.parametrize("question", ["Why did he do that?", "And a tea set?", "What about China?", "When?"])
def test_a_question_that_leans_on_the_last_one_is_asked_after_it(answerer: Answerer, question: str) -> None:
    answer = answerer.ask(question, [FIRST], risk=1.0)
    assert set(answer.searched_for) == {question, f"{FIRST.question} {FIRST.answer} {question}"}
    assert answer.searched_for[0] != question
    assert answerer.ask(question).searched_for == (question,)
    check_answer(answer, answerer.corpus)
    assert [one.contributions["carried"].value for one in answer.judgements] == [1.0, 0.0]


@pytest.mark.parametrize(
    "question",
    [
        "How does China see the partnership with North Korea and its leader?",
        "Who is the leader of South Korea?",
        "When was the armistice of the Korean War signed?",
    ],
)
def test_a_question_that_stands_alone_is_left_so(answerer: Answerer, question: str) -> None:
    unrelated = Turn("Which sea does the river flow into?", "The North Sea.")
    assert answerer.ask(question, [unrelated]).searched_for[0] == question


def test_confidence_is_of_the_question_as_it_was_put(answerer: Answerer, encoder: Encoder) -> None:
    def carried(before: Turn) -> Judgement:
        answer = answerer.ask("How high is it?", [before])
        return next(one for one in answer.judgements if one.form.carried)

    # however much of the passage was carried over, the question shares no more with it
    passage = answerer.search("What did Putin give Kim Jong Un?", 1)[0].passage
    found = carried(Turn("What of it?", passage.text))
    best = found.readings[0].hit
    assert best.found_by["dense"] > found.contributions["dense_similarity"].value + 0.2
    vectors = encoder.encode(["How high is it?", searchable(best.passage)])
    assert found.contributions["dense_similarity"].value == pytest.approx(float(vectors[0] @ vectors[1]), abs=1e-3)
    assert found.contributions["words_covered"].value == 0
    assert found.contributions["names_covered"].value == 1


HARBOUR = "The harbour was built by Mara Doyle. It opened in 1902."
MILL = "The mill was built by Jon Brandt. It opened in 1875."


def test_a_question_that_leans_is_searched_for_in_the_last_answers_documents(tmp_path: Path) -> None:
    answerer = answerer_over(tmp_path, HARBOUR, MILL, "A river rises in the hills. It ends in the sea.")
    corpus = answerer.corpus
    harbour, mill, _ = documents_of(corpus)

    def searched(*documents: str) -> tuple[str, ...]:
        answer = answerer.ask("When did it open?", [Turn("Who built the mill?", MILL, documents)])
        check_answer(answer, corpus)
        carried, alone = sorted(answer.judgements, key=lambda one: -len(one.form.text))
        assert alone.form.documents == ()
        assert row_of(answer, id="q")["searched_in"] == list(answer.judgements[0].form.documents)
        found = {hit.passage.document.id for hit in carried.hits}
        assert found <= {*carried.form.documents} or not carried.form.documents
        return carried.form.documents

    assert searched() == ()
    assert searched(mill.id) == (mill.id,)
    assert searched(harbour.id, "unknown", mill.id, harbour.id) == (harbour.id, mill.id)
    # in none it would not be found, and in all it is searched for anyway
    assert searched("unknown") == searched(*(document.id for document in documents_of(corpus))) == ()
    corpus.close()


def test_only_the_places_of_a_turn_count_if_it_has_any(tmp_path: Path) -> None:
    answerer = answerer_over(tmp_path, HARBOUR, MILL)
    harbour, mill = documents_of(answerer.corpus)
    place = Place(mill.id, Span(0, len("The mill was built by Jon Brandt.")))

    def forms(turn: Turn) -> list[Form]:
        return [judgement.form for judgement in answerer.ask("When did it open?", [turn], risk=1.0).judgements]

    (carried,) = (form for form in forms(Turn("Who built it?", "Ignored.", (harbour.id,), (place,))) if form.carried)
    assert carried.text == "Who built it? The mill was built by Jon Brandt. When did it open?"
    assert (carried.documents, carried.shown) == ((mill.id,), (place,))
    # a document that is gone, or hidden, leaves the turn without an answer
    (carried,) = (
        form for form in forms(Turn("Who built it?", "Ignored.", (), (Place("gone", Span(0, 3)),))) if form.carried
    )
    assert carried.text == "Who built it? When did it open?"


def test_a_history_reads_no_document_that_is_not_searched(tmp_path: Path) -> None:
    answerer = answerer_over(tmp_path, HARBOUR, MILL)
    harbour, mill = documents_of(answerer.corpus)
    read: list[str] = []
    document = answerer.corpus.document

    def noted(id: str) -> Document:
        read.append(id)
        return document(id)

    answerer.corpus.document = noted  # type: ignore[method-assign]
    history = [Turn("Who built it?", "Mara Doyle.", (harbour.id,)), Turn("Who built the mill?", MILL, (mill.id,))]
    answerer.ask("When did it open?", history)
    assert read == [mill.id]
    read.clear()
    answerer.ask("When was the Korean War armistice signed in Panmunjom?", history)
    assert read == []


def with_reader(corpus: Corpus, reader: Reader, calibration: Calibration, risk: float = 0.3) -> Answerer:
    return Answerer(corpus, HashEncoder(), Judge(reader, calibration, HashEncoder(), words_of("en")), risk)


class ReadsWords:
    """A reader that scores a sentence 1 where it holds one of these words and the question a name."""

    name = "words"

    def __init__(self, asked_of: str, *words: str) -> None:
        self._asked_of = asked_of
        self._words = words

    def read(self, query: Query, hits: Sequence[Hit]) -> list[Reading]:
        found = []
        for hit in hits:
            document = hit.passage.document
            for sentence in hit.passage.sentences:
                text = document[sentence.span]
                met = any(word in query.text and word in text for word in self._words)
                score = float(met and self._asked_of in query.text)
                found.append(Reading(hit, sentence, score, sentence.span.trimmed(document.text)))
        return sorted(found, key=lambda reading: -reading.score)


def test_what_carrying_over_counts_in_the_confidence_does_not_choose_the_form(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path, HARBOUR, MILL)
    # it leans hardly, and all its forms are read alike: it is taken as it was put
    question, before = "How many ships are in the fleet?", Turn("Who built the mill?", MILL)

    def attempts(weight: float) -> tuple[Judgement, ...]:
        calibration = Calibration({"carried": weight}, -1.0, ((0.3, 0.2),))
        answerer = with_reader(corpus, ReadsWords("nobody"), calibration)
        return answerer.ask(question, [before]).judgements

    for weight in (0.0, 9.0):
        best, other = attempts(weight)
        assert (best.form.carried, other.form.carried) == (False, True)
        assert (other.confidence > best.confidence) == (weight > 0)
    corpus.close()


def test_what_the_last_answers_documents_do_not_say_is_searched_for_in_all(tmp_path: Path) -> None:
    built = "The Elmouth harbour was built by Mara Doyle."
    harbour, engineer = f"{built} It was opened in 1902.", "Mara Doyle was born in Tarsk. She liked birds."
    corpus = make_corpus(tmp_path, harbour, engineer, "A river rises in the hills. It ends in the sea.")
    sure = Calibration({"reader_score": 9.0}, -2.0, ((0.3, 0.6),))
    answerer = with_reader(corpus, ReadsWords("Doyle", "born", "opened"), sure)
    before = Turn("Who built the Elmouth harbour?", built, (corpus.titles()[0].id,))
    in_all = "Elmouth Mara Doyle Where was she born?"

    answer = answerer.ask("Where was she born?", [before])
    check_answer(answer, corpus)
    assert answer.status == "answered"
    assert answer.citations[0].excerpt.text.startswith("Mara Doyle was born in Tarsk.")
    assert (answer.searched_for[0], answer.judgements[0].form.documents) == (in_all, ())
    # where what is answered comes first, or everything is answered, it is not tried
    assert len(answerer.ask("When was it opened?", [before]).judgements) == 2
    assert len(answerer.ask("Where was she born?", [before], risk=1.0).judgements) == 2
    # what is not said at all stays unanswered, and the nearest are those of the likeliest form
    nowhere = answerer.ask("Where was she wed?", [before])
    assert nowhere.status == "unanswered"
    assert nowhere.searched_for[-1] == "Elmouth Mara Doyle Where was she wed?"
    assert nowhere.judgements[-1].form.documents == ()
    assert len(nowhere.judgements) == 3
    # nor is it tried where nothing can be answered
    assert len(answerer.ask("Where was she born?", [before], risk=0.0).judgements) == 2
    # it is read and judged as what it is, a question that stands alone
    alone = answerer.ask(in_all, risk=1.0).judgements[0]
    assert (answer.judgements[0].contributions, answer.confidence) == (alone.contributions, alone.confidence)
    assert answer.judgements[0].contributions["carried"].value == 0
    corpus.close()


def test_a_sentence_shown_last_is_not_found_again_for_what_was_carried_over(tmp_path: Path) -> None:
    text = "The mill was built by Jon Brandt. It is red."
    corpus = make_corpus(tmp_path, text)
    calibration = Calibration({"reader_score": 1.0}, 0.0, ())
    answerer = with_reader(corpus, ReadsWords("Brandt", "built"), calibration, 1.0)

    def score(before: Turn) -> float:
        carried = next(one for one in answerer.ask("Why?", [before]).judgements if one.form.carried)
        return carried.readings[0].score

    assert score(Turn("Who built it?", "Jon Brandt.")) == pytest.approx(0.4)
    assert score(Turn("Who built it?", "The mill was built by Jon Brandt.")) == pytest.approx(0.3)
    corpus.close()


def test_nothing_read_is_no_answer_whatever_the_risk(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path, HARBOUR)

    class ReadsNothing:
        name = "nothing"

        def read(self, query: Query, hits: Sequence[Hit]) -> list[Reading]:
            return []

    answerer = with_reader(corpus, ReadsNothing(), Calibration({}, 9.0, ((0.3, 0.5),)))
    for risk in (0.0, 0.3, 1.0):
        answer = answerer.ask("When did it open?", [Turn("Who built the harbour?", "Mara Doyle.")], risk=risk)
        assert (answer.status, answer.citations, answer.closest) == ("unanswered", (), ())
    corpus.close()


def test_a_question_too_long_to_join_is_asked_alone(answerer: Answerer) -> None:
    question = "Why did he do that " + "and that " * 120 + "?"
    nameless = Turn("What was given then?", "two sets of daggers and cups " * 3)
    assert answerer.ask(question, [nameless]).searched_for == (question.strip(),)
    long = Turn("river " * 200, "")
    question = "Why did he go " + "there " * 60
    assert answerer.ask(question, [long]).searched_for == (question.strip(),)


def test_an_unknown_reader_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="'oracle'"):
        build_answerer(make_corpus(tmp_path, "Some text."), HashEncoder(), Settings(reader="oracle"))


@given(st.fixed_dictionaries({name: st.floats(-1e6, 1e6) for name in FEATURES}))
def test_confidence_is_a_probability(features: dict[str, float]) -> None:
    assert 0 <= Calibration.shipped("similarity").confidence(features) <= 1


@pytest.fixture(scope="module")
def asked_of(
    tmp_path_factory: pytest.TempPathFactory, encoder: Encoder
) -> Callable[[str, int, float], tuple[int, int]]:
    """Asks a sample of a share of a set's questions; gives how many excerpts were shown and how many are verbatim."""

    def ask(name: str, sample: int, share: float) -> tuple[int, int]:
        lines = (DATA / name / "questions.jsonl").read_text(encoding="utf-8").splitlines()
        # a file's beginning is about few documents, and each of them has to be embedded
        lines = lines[: int(share * len(lines))]
        rows = [json.loads(line) for line in lines[:: max(1, len(lines) // sample)]][:sample]
        wanted = {row["doc_id"] for row in rows if row.get("doc_id")}
        documents: dict[str, Document] = {}
        for document in read([DATA / name / "corpus.jsonl"]):
            if str(document.source).rpartition("#")[2] in wanted:
                documents[document.id] = document
        folder = tmp_path_factory.mktemp(name)
        publish(folder, [replace(one, text=one.text) for one in documents.values()], encoder)
        answerer = build_answerer(open_corpus(folder, encoder), encoder, Settings(risk=1.0))
        shown = verbatim = 0
        for row in rows:
            answer = answerer.ask(row["question"])
            check_answer(answer, answerer.corpus)
            for citation in answer.citations:
                shown += 1
                verbatim += citation.excerpt.text in documents[citation.excerpt.document.id].text
        return shown, verbatim

    return ask


@pytest.mark.parametrize("name", ["squad2", "clapnq", "abgcoqa"])
def test_on_real_documents_every_excerpt_is_verbatim(
    asked_of: Callable[[str, int, float], tuple[int, int]], name: str
) -> None:
    if not (DATA / name).is_dir():
        pytest.skip(f"{DATA / name} is not here")
    shown, verbatim = asked_of(name, 6, 0.05)
    assert shown >= 6
    assert verbatim == shown


@pytest.mark.slow
@pytest.mark.parametrize("name", ["squad2", "clapnq", "abgcoqa"])
def test_on_many_real_questions_every_excerpt_is_verbatim(
    asked_of: Callable[[str, int, float], tuple[int, int]], name: str
) -> None:
    if not (DATA / name).is_dir():
        pytest.skip(f"{DATA / name} is not here")
    shown, verbatim = asked_of(name, 250, 1.0)
    assert shown >= 250
    assert verbatim == shown


@pytest.mark.parametrize("before", ["\x1b[31mred", "half a \ud800 pair", "nul\0"])
def test_the_question_before_is_checked_too(answerer: Answerer, before: str) -> None:
    with pytest.raises(QuestionError, match="an earlier question holds the control character"):
        answerer.ask("And why?", [Turn(before, "")])
