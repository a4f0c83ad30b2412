"""What every way in asks of: for one person, when it is their turn, counted and written down."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from anyio import to_thread

from index.errors import QuestionError
from index.types import Hit
from rag.types import Answer, Turn
from ui.access import Person
from ui.metrics import Metrics
from ui.traffic import Admission, Overloaded, RateLimit, TooMany

if TYPE_CHECKING:
    from rag.answer import Answerer
    from ui.journal import Journal
    from ui.logs import AuditLog

T = TypeVar("T")

JOURNAL, AUDIT = "journal.sqlite", "audit.jsonl"
"""The files of the journal and of the audit log, in the folder that the setting data names."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answered:
    id: str
    """By which feedback names it."""
    answer: Answer


class Service:
    """Answers for those who are known. One for all ways in: they share its queue and its limits."""

    def __init__(
        self,
        answerer: Answerer,
        admission: Admission,
        limit: RateLimit,
        metrics: Metrics,
        journal: Journal | None,
        audit: AuditLog | None,
        *,
        log_questions: bool = False,
    ) -> None:
        self._answerer = answerer
        self._admission = admission
        self._limit = limit
        self._journal = journal
        self._audit = audit
        self._log_questions = log_questions
        self.metrics = metrics

    def seen_by(self, person: Person) -> Answerer:
        """The answerer over what `person` may read: the only one that a way in is given."""
        return self._answerer.seen_by(person.groups)

    async def ask(
        self, person: Person, question: str, history: Sequence[Turn] = (), *, risk: float | None = None, caller: str
    ) -> Answered:
        """The answer to `person`, who is told apart from others by `caller` where nothing asks who is asking.

        Raises Overloaded and TooMany where it is not their turn, and what Answerer.ask does.
        """
        return await self._in_turn(person, caller, lambda: self._ask(person, question, history, risk))

    async def search(self, person: Person, question: str, k: int, *, caller: str) -> list[Hit]:
        """The `k` passages that bear most on `question`. Takes a turn, and raises, as ask does."""

        def find() -> list[Hit]:
            hits = self.seen_by(person).search(question, k)
            if self._audit:
                documents = {hit.passage.document.id for hit in hits}
                self._audit.record("search", person, documents=sorted(documents))
            return hits

        return await self._in_turn(person, caller, find)

    async def _in_turn(self, person: Person, caller: str, work: Callable[[], T]) -> T:
        if (wait := self._limit.check(person.user or caller)) is not None:
            self.metrics.question("refused")
            raise TooMany(wait)
        try:
            async with self._admission.turn():
                # who leaves meanwhile keeps the turn until the work is done: a thread cannot be stopped
                return await to_thread.run_sync(work)
        except Overloaded:
            self.metrics.question("refused")
            raise

    def _ask(self, person: Person, question: str, history: Sequence[Turn], risk: float | None) -> Answered:
        if self._log_questions:
            _log.info("asked", extra={"question": question, "user": person.user})
        try:
            answer = self.seen_by(person).ask(question, history, risk=risk)
        except QuestionError:
            self.metrics.question("refused")
            raise
        except BaseException:
            self.metrics.question("failed")
            raise
        id = uuid.uuid4().hex
        self.metrics.answered(answer)
        if self._audit:
            shown = {citation.excerpt.document.id for citation in answer.citations + answer.closest}
            self._audit.record("ask", person, id=id, edition=answer.edition, documents=sorted(shown))
        if self._journal:
            self._journal.asked(
                id, question, answer.status == "answered", answer.confidence, answer.edition, person.user
            )
        return Answered(id, answer)

    async def feedback(self, person: Person, id: str, verdict: Literal["up", "down"], comment: str) -> bool:
        """Whether it could be kept: a journal is, and it knows the answer `id`, given to this person."""
        journal = self._journal

        def keep() -> bool:
            kept = journal is not None and journal.feedback(id, verdict, comment, person.user)
            if kept and self._audit:
                self._audit.record("feedback", person, id=id, verdict=verdict)
            return kept

        return await to_thread.run_sync(keep)

    async def read(self, person: Person, what: str, work: Callable[[Answerer], T]) -> T:
        """What `work` makes of what `person` may read, off the event loop; `what` says to the audit log what it is."""

        def see() -> T:
            seen = work(self.seen_by(person))
            if self._audit:
                self._audit.record("read", person, what=what)
            return seen

        return await to_thread.run_sync(see)
