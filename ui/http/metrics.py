"""What a monitor watches, in Prometheus's format: questions, how long they take, the queue, the edition's age."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.types import Answer
from ui.http.rate_limit import Admission

Outcome = Literal["answered", "unanswered", "refused", "failed"]
_OUTCOMES: tuple[Outcome, ...] = ("answered", "unanswered", "refused", "failed")
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The numbers of one process. No label holds what a person wrote or who they are."""

    def __init__(self, admission: Admission) -> None:
        self._registry = CollectorRegistry()
        self._questions = Counter(
            "quoth_questions",
            "Questions by outcome; refused: they could not be asked, or came too fast or too many at once",
            ["outcome"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "quoth_question_seconds",
            "How long answering took, by stage",
            ["stage"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._requests = Counter(
            "quoth_requests", "Requests by route and class of status", ["route", "status"], registry=self._registry
        )
        for name, text, read in (
            ("quoth_queue_depth", "Questions that wait for their turn", lambda: admission.depth),
            ("quoth_queue_limit", "Questions that may wait before others are turned away", lambda: admission.waiting),
        ):
            Gauge(name, text, registry=self._registry).set_function(read)
        # a rate can be reckoned only from a number that was there before
        for outcome in _OUTCOMES:
            self._questions.labels(outcome)

    def question(self, outcome: Outcome) -> None:
        """Counts a question that led to this; one that has an answer is counted by `answered`."""
        self._questions.labels(outcome).inc()

    def answered(self, answer: Answer) -> None:
        """Counts a question that has an answer, be it that there is none, and how long that took."""
        self.question(answer.status)
        for stage, ms in answer.ms.items():
            self._seconds.labels(stage).observe(ms / 1000)

    def request(self, route: str, status: int) -> None:
        """Counts a request. `route` is the route's template, such as /documents/{id}, never the path itself."""
        self._requests.labels(route, f"{status // 100}xx").inc()

    def edition_made(self, created: str) -> None:
        """Has the age of the edition shown, from its manifest's `created`; to be called once."""
        made = datetime.fromisoformat(created).timestamp()
        Gauge(
            "quoth_edition_age_seconds", "How long ago the edition that is asked was made", registry=self._registry
        ).set_function(lambda: time.time() - made)

    def exposition(self) -> tuple[bytes, str]:
        """(body, content type) of what Prometheus reads."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST


def counted(app: ASGIApp, metrics: Metrics) -> ASGIApp:
    """`app`, with every request counted by its route and by how it was answered."""

    async def counter(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await app(scope, receive, watched)
        finally:
            # where no route was found there is no template, and paths are as many as anyone likes to send
            metrics.request(getattr(scope.get("route"), "path", "none") or "/", status)

    return counter
