"""What the page's tests share: a small stand-in for the answerer, and a server and a browser to try it with."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from corpus_support import HashEncoder
from memory_corpus import MemoryCorpus
from starlette.types import ASGIApp

from index.corpus import Corpus, open_corpus
from index.errors import QuestionError
from index.publish import publish
from index.sources.read import read
from index.types import Document, Hit, Passage, Sentence, Span
from rag.answer import build_answerer, check_question
from rag.settings import Settings
from rag.types import Answer, Citation, Excerpt, Form, Judgement, Turn
from ui.app import create_app
from ui.http.metrics import Metrics
from ui.http.rate_limit import Admission, RateLimit
from ui.service import Service
from ui.settings import ServerSettings

if TYPE_CHECKING:
    from rag.answer import Answerer

SEEDS = Path(__file__).parent.parent / "seeds"


def article() -> Document:
    """The article of the seeds, with examples that the stand-in can answer."""
    (document,) = read([SEEDS])
    return replace(
        document,
        examples=(
            "What did Putin give Kim Jong Un?",
            "When did Kim Jong Un visit Russia?",
            "Who is North Korea’s largest economic partner?",
            "What does the mutual defence clause oblige the two states to do?",
        ),
    )


def hostile_article() -> Document:
    """A document that tries to be more than text."""
    attacks = (
        "<script>window.hacked = 1</script>",
        "<img src=x onerror='window.hacked = 2'>",
        "<img src='http://example.invalid/a.png'>",
        "![picture](http://example.invalid/b.png)",
        "[link](javascript:window.hacked=3) and <http://example.invalid/> and http://example.invalid/c",
        "</script></div></mark><svg onload='window.hacked = 4'><iframe src='http://example.invalid/d'></iframe>",
        "${window.hacked = 5} {{constructor}} `${value}` @children &lt;b&gt; &amp;amp;",
        "Аррle and Apple look alike, \u202ethis runs backwards\u202c, and so on.",
        "Windows lines\r\nend like this.\r\n",
        "A family \U0001f468\u200d\U0001f469\u200d\U0001f467, an e\u0301 and שלום עולם.",
    )
    text = "\n".join(
        f"The hostile sentence number {n} says {attack} to whom it reads." for n, attack in enumerate(attacks)
    )
    return Document.of(
        text, title=attacks[0], source=attacks[2], examples=(*attacks, "Which hostile sentence has a number?")
    )


def judgement_of(form: str, confidence: float, documents: tuple[str, ...] = ()) -> Judgement:
    """A judgement of this form, without hits and readings."""
    return Judgement(Form(form, documents=documents), (), (), {}, 0.0, confidence, confidence)


class FakeAnswerer:
    """Answers with the sentences that share the most words with the question; with none of them, not at all."""

    def __init__(self, *documents: Document, delay: float = 0.0) -> None:
        self.corpus: Corpus = MemoryCorpus(documents, HashEncoder(), edition="test-edition")
        self._documents = list(documents)
        self.asked: list[tuple[str, tuple[Turn, ...]]] = []
        self._delay = delay

    def seen_by(self, groups: frozenset[str]) -> FakeAnswerer:
        seen = copy(self)
        seen.corpus = self.corpus.seen_by(groups)
        seen._documents = [one for one in self._documents if not one.groups or groups & set(one.groups)]
        return seen

    def ask(self, question: str, history: Sequence[Turn] = (), *, risk: float | None = None) -> Answer:
        self.asked.append((question, tuple(history)))
        if not question.strip():
            raise QuestionError("The question is empty", "Ask something")
        if len(question) > 2000:
            raise QuestionError("The question is longer than 2000 characters", "Ask a shorter one")
        if question == "bug":
            raise RuntimeError("not a plain error")
        for turn in history:
            check_question(turn.question)
        time.sleep(self._delay)
        found = sorted(self._scored(question), key=lambda scored: -scored[0])
        cited = tuple(self._citation(number, *scored) for number, scored in enumerate(found[:3], 1))
        answered = bool(found) and found[0][0] >= 2 and risk != 0
        forms = (question,) if not history else (f"{history[-1].question} {question}", question)
        before = {id for turn in history[-1:] for id in (*turn.documents, *(place.document_id for place in turn.shown))}
        within = tuple(document.id for document in self._documents if document.id in before)
        within = within if len(within) < len(self._documents) else ()
        return Answer(
            question=question,
            judgements=tuple(judgement_of(form, 0.82 if answered else 0.07, within) for form in forms),
            status="answered" if answered else "unanswered",
            risk=0.2,
            threshold=0.5,
            citations=cited[:2] if answered else (),
            closest=() if answered else cited,
            edition=self.corpus.edition,
            ms={"retrieve": 1.0, "read": 2.0, "total": 3.0},
        )

    def search(self, question: str, k: int) -> list[Hit]:
        found = sorted(self._scored(question), key=lambda scored: -scored[0])[:k]
        return [
            Hit(Passage(document, (sentence,), heading), float(score), rank, {"lexical": float(score)})
            for rank, (score, document, sentence, heading) in enumerate(found, 1)
        ]

    def _scored(self, question: str) -> Iterator[tuple[int, Document, Sentence, str]]:
        words = {word for word in re.findall(r"\w+", question.lower()) if len(word) > 3}
        for document in self._documents:
            heading = ""
            for sentence in self.corpus.sentences(document.id):
                if sentence.heading:
                    heading = document[sentence.span].strip()
                else:
                    yield (
                        len(words & set(re.findall(r"\w+", document[sentence.span].lower()))),
                        document,
                        sentence,
                        heading,
                    )

    def _citation(self, number: int, score: int, document: Document, sentence: Sentence, heading: str) -> Citation:
        span = sentence.span.trimmed(document.text)
        half = document.text.find(" ", span.start + len(span) // 2, span.end)
        words = Span(max(half, span.start), span.end).trimmed(document.text)
        return Citation(number, Excerpt(document, span), words, heading, sentence.paragraph, float(score))


def small_answerer(folder: Path, *documents: Document) -> Answerer:
    """The answerer itself, over these documents, with the stand-in for the encoder and a reader without weights."""
    encoder = HashEncoder()
    publish(folder, documents, encoder)
    return build_answerer(open_corpus(folder, encoder), encoder, Settings(reader="similarity", risk=1.0))


def service_of(answerer: Answerer) -> Service:
    admission = Admission(2, 64)
    limit = RateLimit(1000)
    metrics = Metrics(admission, answerer.corpus.created)
    return Service(answerer, admission, limit, limit, metrics, None, None, log_questions=False)


def app_of(answerer: Answerer, **settings: Any) -> ASGIApp:
    """The application that keeps nothing, unless the settings say so."""
    return create_app(answerer, ServerSettings(**{"journal": False, "per_minute": 1000, **settings}))


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """The address at which the app is served, on a free port of this machine."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        # as the command sets it: else an answer's body waits 40 ms for its head to be acknowledged
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)
