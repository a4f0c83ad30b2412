"""Metrics for Prometheus: questions, their duration, the queue, requests, and the age of the edition."""

import time
from datetime import datetime
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from rag.types import Answer
from ui.http.rate_limit import Admission

Outcome = Literal["answered", "unanswered", "refused", "failed"]
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The metrics of one process. No label contains what people write, or their names."""

    def __init__(self, admission: Admission, edition_created: str) -> None:
        """`edition_created`: ISO 8601, as the manifest of the edition has it."""
        self._registry = registry = CollectorRegistry()
        asked = "Questions by outcome; refused: an invalid question, over the rate limit, or a full queue"
        self._questions = Counter("quoth_questions", asked, ["outcome"], registry=registry)
        self._seconds = Histogram(
            "quoth_question_seconds", "Duration of answering, by stage", ["stage"], buckets=_SECONDS, registry=registry
        )
        requested = "Requests by route and class of status code"
        self._requests = Counter("quoth_requests", requested, ["route", "status"], registry=registry)
        depth = Gauge("quoth_queue_depth", "Questions that wait in the queue", registry=registry)
        depth.set_function(lambda: admission.depth)
        Gauge("quoth_queue_limit", "Most questions that may wait", registry=registry).set(admission.waiting)
        made = datetime.fromisoformat(edition_created).timestamp()
        age = Gauge("quoth_edition_age_seconds", "Age of the edition that is served", registry=registry)
        age.set_function(lambda: time.time() - made)
        # a rate needs a first value, so each counter starts at 0
        for outcome in get_args(Outcome):
            self._questions.labels(outcome)

    def question(self, outcome: Outcome) -> None:
        """Counts a question by its outcome. If there is an Answer, call `answered` instead."""
        self._questions.labels(outcome).inc()

    def answered(self, answer: Answer) -> None:
        """Counts a question that has an Answer, answered or unanswered, and records the duration of each stage."""
        self.question(answer.status)
        for stage, ms in answer.ms.items():
            self._seconds.labels(stage).observe(ms / 1000)

    def request(self, route: str, status: int) -> None:
        """Counts a request. `route` is the route's template, such as /documents/{id}, never the path itself."""
        self._requests.labels(route, f"{status // 100}xx").inc()

    def exposition(self) -> tuple[bytes, str]:
        """(body, content type) of the response to Prometheus."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST
