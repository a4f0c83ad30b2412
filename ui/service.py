"""The service behind page, API and MCP: access control, queueing, metrics and audit."""

import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from anyio import CapacityLimiter, to_thread

from index.corpus import Corpus
from index.errors import QuestionError, QuothError, ReceiptError, SettingsError
from index.types import Hit
from rag.answer import Answerer
from rag.receipt import Receipt, Verdict, check_all
from rag.types import Answer, Turn
from ui.access.person import Person
from ui.http.metrics import Metrics
from ui.http.rate_limit import Admission, Later, RateLimit, TooMany
from ui.journal.audit import AuditLog
from ui.journal.journal import Journal

T = TypeVar("T")
Opinion = Literal["up", "down"]

MOST_QUOTED = 40_000
"""The most characters in all quotes of one request's receipts: verifying takes longer the longer the quotes are."""

FAULT = "Something is wrong with the documents here. The server's log says what."
_log = logging.getLogger(__name__)


def public_message(error: QuothError) -> str:
    """The message for the person who asked. Errors that name files or settings go only to the log."""
    if isinstance(error, QuestionError | ReceiptError):
        return str(error)
    _log.error("This could not be answered", exc_info=error)
    return FAULT


@dataclass(frozen=True, slots=True)
class Service:
    """Answers questions and reads documents. Page, API and MCP share its queue and its limits.

    Rate limits count by the person's name. If the server knows no names, they count by the network address.
    """

    answerer: Answerer
    admission: Admission
    limit: RateLimit
    """How often a person may ask."""
    reads: RateLimit
    """How often a person may read."""
    metrics: Metrics
    journal: Journal | None
    audit: AuditLog | None
    log_questions: bool

    def seen_by(self, person: Person) -> Answerer:
        """The answerer over the documents that `person` may read. May build a view: call it in a worker thread."""
        return self.answerer.seen_by(person.groups)

    async def ask(
        self,
        person: Person,
        question: str,
        history: Sequence[Turn],
        shape: Callable[[str, Answer, Corpus], T],
        *,
        risk: float | None = None,
    ) -> T:
        """Answers `question` and returns `shape(id, answer, corpus)`, with the answer's id and the corpus searched.

        Waits in the queue; then both run in one worker thread. Raises Overloaded, TooMany and the errors of
        Answerer.ask.
        """

        def work() -> T:
            if self.log_questions:
                _log.info("asked", extra={"question": question, "user": person.user})
            id = uuid.uuid4().hex
            try:
                answerer = self.seen_by(person)
                answer = answerer.ask(question, history, risk=risk)
                shown = {citation.excerpt.document.id for citation in answer.citations + answer.closest}
                self._record("ask", person, id=id, edition=answer.edition, documents=sorted(shown))
            except BaseException as error:
                self.metrics.question("refused" if isinstance(error, QuestionError) else "failed")
                raise
            self.metrics.answered(answer)
            # The journal gets the stand-alone form of a follow-up, because it has no history.
            self._write_journal(person, id, answer.judgements[0].form.text if history else question, answer)
            return shape(id, answer, answerer.corpus)

        return await self._in_turn(person, work)

    async def search(self, person: Person, question: str, k: int) -> list[Hit]:
        """The `k` passages most relevant to `question`. Waits in the queue and raises as `ask` does."""

        def search() -> list[Hit]:
            hits = self.seen_by(person).search(question, k)
            self._record("search", person, documents=sorted({hit.passage.document.id for hit in hits}))
            return hits

        return await self._in_turn(person, search)

    async def verify(self, person: Person, receipts: Sequence[Receipt]) -> list[Verdict]:
        """Checks receipts against the corpus. Waits in the queue and raises as `ask` does.

        Also raises ReceiptError if the quotes have more than MOST_QUOTED characters.
        """
        if (quoted := sum(len(receipt.quote) for receipt in receipts)) > MOST_QUOTED:
            raise ReceiptError(
                f"the receipts' quotes have {quoted:,} characters in all, expected at most {MOST_QUOTED:,}",
                "Verify some of them at a time",
            )

        def check() -> list[Verdict]:
            verdicts = check_all(receipts, self.seen_by(person).corpus)
            documents = {verdict.document.id for verdict in verdicts if verdict.document}
            self._record("read", person, what="receipts", documents=sorted(documents))
            return verdicts

        return await self._in_turn(person, check)

    async def read(self, person: Person, what: str, work: Callable[[Answerer], T]) -> T:
        """Runs `work` in a worker thread, with the answerer over the documents that `person` may read.

        The call counts as a read, and the audit log records it with `what`. Raises TooMany. If `work` raises KeyError,
        `person` cannot read this: the audit log records a refusal, and the error is raised.
        """
        self.count_read(person)

        def read() -> T:
            try:
                result = work(self.seen_by(person))
            except KeyError:
                self._record("refused", person, what=what)
                raise
            self._record("read", person, what=what)
            return result

        return await to_thread.run_sync(read)

    async def feedback(self, person: Person, id: str, opinion: Opinion, comment: str) -> bool:
        """Keeps feedback on the answer `id`. False if the journal has no such answer to `person`. Raises TooMany."""
        self.count_read(person)

        def keep() -> bool:
            if kept := self.journal is not None and self.journal.feedback(id, opinion, comment, person.user):
                self._record("feedback", person, id=id, verdict=opinion)
            return kept

        return await to_thread.run_sync(keep)

    def takes_feedback(self, person: Person) -> bool:
        """Whether feedback is kept here and this person may give it."""
        return self.journal is not None and "feedback" in person.scopes

    def count_read(self, person: Person) -> None:
        """Counts a read. Raises TooMany if `person` reads too often."""
        _check_rate(self.reads, person)

    async def _in_turn(self, person: Person, work: Callable[[], T]) -> T:
        try:
            _check_rate(self.limit, person)
            async with self.admission.turn():
                # If the caller leaves, the turn is still held until the work is done: a thread cannot be stopped. The
                # queue bounds these threads. With anyio's default limiter, questions and reads would share threads.
                return await to_thread.run_sync(work, limiter=CapacityLimiter(1))
        except Later:
            self.metrics.question("refused")
            raise

    def _write_journal(self, person: Person, id: str, question: str, answer: Answer) -> None:
        try:
            if self.journal:
                answered = answer.status == "answered"
                self.journal.asked(id, question, answered, answer.confidence, answer.edition, person.user)
        except SettingsError:
            # The person gets the answer even if the journal fails.
            _log.exception("A question could not be written into the journal")

    def _record(self, event: str, person: Person, **fields: object) -> None:
        if self.audit:
            self.audit.record(event, person, **fields)


def _check_rate(limit: RateLimit, person: Person) -> None:
    if (wait := limit.check(person.user or person.address)) is not None:
        raise TooMany(wait)
