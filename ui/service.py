"""What every way in asks of: for one person, when it is their turn, counted and written down."""

from __future__ import annotations

import logging
import sqlite3
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from anyio import CapacityLimiter, to_thread

from index.errors import QuestionError, QuothError, ReceiptError, SettingsError
from index.types import Hit
from rag.receipt import Receipt, Verdict, check_all
from rag.row import DetailedRow, detailed_row_of
from rag.types import Answer, Turn
from ui.access.person import Person
from ui.http.metrics import Metrics
from ui.http.rate_limit import Admission, Overloaded, RateLimit, TooMany
from ui.journal.journal import FILE as JOURNAL_FILE

if TYPE_CHECKING:
    from rag.answer import Answerer
    from ui.journal.audit import AuditLog
    from ui.journal.journal import Journal

T = TypeVar("T")

JOURNAL, AUDIT = JOURNAL_FILE, "audit.jsonl"
"""The files of the journal and of the audit log, in the folder that the setting data names."""

MOST_QUOTED = 40_000
"""The most characters of quotes in the receipts of one request: the time that verifying takes depends on it."""

FAULT = "Something is wrong with the documents here. The server's log says what."

_log = logging.getLogger(__name__)


def said(error: QuothError) -> str:
    """What is told to the person who asked: what is wrong with what they sent. All else names files and settings, and
    goes into the log alone."""
    if isinstance(error, QuestionError | ReceiptError):
        return str(error)
    _log.error("This could not be answered", exc_info=error)
    return FAULT


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
        reads: RateLimit | None = None,
        log_questions: bool = False,
    ) -> None:
        self._answerer = answerer
        self._admission = admission
        self._limit = limit
        self._reads = reads
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

    async def ask_row(
        self,
        person: Person,
        question: str,
        history: Sequence[Turn] = (),
        *,
        risk: float | None = None,
        why: bool = False,
        caller: str,
    ) -> DetailedRow:
        """What a program is sent of the answer that `ask` gives. Made in the same turn, off the event loop, since links
        into a long page take time."""

        def made() -> DetailedRow:
            given = self._ask(person, question, history, risk)
            return detailed_row_of(given.answer, id=given.id, why=why)

        return await self._in_turn(person, caller, made)

    async def search(self, person: Person, question: str, k: int, *, caller: str) -> list[Hit]:
        """The `k` passages that bear most on `question`. Takes a turn, and raises, as ask does."""

        def find() -> list[Hit]:
            hits = self.seen_by(person).search(question, k)
            if self._audit:
                documents = {hit.passage.document.id for hit in hits}
                self._audit.record("search", person, documents=sorted(documents))
            return hits

        return await self._in_turn(person, caller, find)

    async def verify(self, person: Person, receipts: Sequence[Receipt], *, caller: str) -> list[Verdict]:
        """What became of the citations that these receipts are of. Takes a turn, and raises, as ask does.

        Raises ReceiptError too, where the quotes are longer in all than MOST_QUOTED.
        """
        if (quoted := sum(len(receipt.quote) for receipt in receipts)) > MOST_QUOTED:
            raise ReceiptError(
                f"the receipts' quotes have {quoted:,} characters in all, expected at most {MOST_QUOTED:,}",
                "Verify some of them at a time",
            )

        def look() -> list[Verdict]:
            verdicts = check_all(receipts, self.seen_by(person).corpus)
            if self._audit:
                documents = {verdict.document.id for verdict in verdicts if verdict.document}
                self._audit.record("read", person, what="receipts", documents=sorted(documents))
            return verdicts

        return await self._in_turn(person, caller, look)

    async def _in_turn(self, person: Person, caller: str, work: Callable[[], T]) -> T:
        if (wait := self._limit.check(person.user or caller)) is not None:
            self.metrics.question("refused")
            raise TooMany(wait)
        try:
            async with self._admission.turn():
                # A caller who leaves keeps the turn until the work is done, because a thread cannot be stopped. The
                # turns bound these threads; the default limiter would share its threads with those who read.
                return await to_thread.run_sync(work, limiter=CapacityLimiter(1))
        except Overloaded:
            self.metrics.question("refused")
            raise

    def _ask(self, person: Person, question: str, history: Sequence[Turn], risk: float | None) -> Answered:
        if self._log_questions:
            _log.info("asked", extra={"question": question, "user": person.user})
        id = uuid.uuid4().hex
        try:
            answer = self.seen_by(person).ask(question, history, risk=risk)
            if self._audit:
                shown = {citation.excerpt.document.id for citation in answer.citations + answer.closest}
                self._audit.record("ask", person, id=id, edition=answer.edition, documents=sorted(shown))
        except QuestionError:
            self.metrics.question("refused")
            raise
        except BaseException:
            self.metrics.question("failed")
            raise
        self.metrics.answered(answer)
        if self._journal:
            answered = answer.status == "answered"
            # by itself a follow-up means nothing to whoever reads it there
            meant = answer.judgements[0].form.text if history else question
            try:
                self._journal.asked(id, meant, answered, answer.confidence, answer.edition, person.user)
            except (SettingsError, sqlite3.Error):
                # it is for whoever keeps the documents: who asked is not to go without an answer for it
                _log.exception("A question could not be written into the journal")
        return Answered(id, answer)

    def takes_feedback(self, person: Person) -> bool:
        """Whether feedback is kept here, and this person may give it."""
        return self._journal is not None and "feedback" in person.scopes

    async def feedback(
        self, person: Person, id: str, verdict: Literal["up", "down"], comment: str, *, caller: str
    ) -> bool:
        """Whether it could be kept: a journal is, and it knows the answer `id`, given to this person.

        Raises TooMany where `person` judges and reads too often.
        """
        self._count_read(person, caller)
        journal = self._journal

        def keep() -> bool:
            kept = journal is not None and journal.feedback(id, verdict, comment, person.user)
            if kept and self._audit:
                self._audit.record("feedback", person, id=id, verdict=verdict)
            return kept

        return await to_thread.run_sync(keep)

    async def read(self, person: Person, what: str, work: Callable[[Answerer], T], *, caller: str) -> T:
        """What `see` gives, off the event loop."""
        return await to_thread.run_sync(lambda: self.see(person, what, work, caller=caller))

    def see(self, person: Person, what: str, work: Callable[[Answerer], T], *, caller: str) -> T:
        """What `work` makes of what `person` may read; `what` says to the audit log what it is.

        A KeyError of `work` says that it is not there, or not for them, and is written down as well. Takes no turn;
        raises TooMany where `person` reads too often.
        """
        self._count_read(person, caller)
        try:
            seen = work(self.seen_by(person))
        except KeyError:
            if self._audit:
                self._audit.record("refused", person, what=what)
            raise
        if self._audit:
            self._audit.record("read", person, what=what)
        return seen

    def _count_read(self, person: Person, caller: str) -> None:
        if self._reads and (wait := self._reads.check(person.user or caller)) is not None:
            raise TooMany(wait)

    @property
    def audited(self) -> bool:
        """Whether it is written down who reads what."""
        return self._audit is not None

    @property
    def most(self) -> int:
        """How many may have a turn or wait for one."""
        return self._admission.workers + self._admission.waiting
