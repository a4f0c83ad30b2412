"""What a person sees in the terminal: wrapped to its width, in colour only where it is one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from index.embedded.edition import Manifest
from rag.receipt import Receipt, Verdict
from rag.types import Answer, Citation
from ui.command.explanation import explanation

if TYPE_CHECKING:
    from index.publish import Progress as Report
    from ui.access.keyring import Key
    from ui.command.doctor import Finding
    from ui.journal.unanswered import Group

_WIDEST = 88
_CHANGES = {"same": "", "removed": "red strike", "added": "green bold"}
_VERDICTS = {"valid": "green bold", "moved": "yellow bold", "changed": "yellow bold", "gone": "red bold"}


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leaves it to ui.command.cli, where rich would end the process with a code of its own."""
        raise


class Terminal:
    """Prints to one stream. Text from documents and people is never taken for markup or for control characters."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Prints to standard output where no stream is given."""
        self._console = _Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=False)
        # a file or a pipe has no width: there a line is a line
        wide = self._console.width if self._console.is_terminal else 10_000
        self._console.width = min(wide, _WIDEST) if self._console.is_terminal else wide

    def say(self, text: str) -> None:
        self._console.print(Text(visible(text)))

    def serving(self, url: str) -> None:
        self._console.print(Text.assemble("quoth answers at ", (url, "bold"), "   (Ctrl+C stops it)"))

    def indexed(self, manifest: Manifest, corpus: Path) -> None:
        self.say(
            f"Indexed {_count(manifest.documents, 'document')} in {_count(manifest.passages, 'passage')} "
            f"into {corpus} (edition {manifest.name})."
        )

    def answer(self, answer: Answer) -> None:
        if answer.status == "answered":
            for citation in answer.citations:
                self._excerpt(citation, "bold", "cyan bold")
            self.say(f"Confidence {answer.confidence:.0%}.")
        else:
            self._console.print(Text("The documents do not answer this.", "bold"))
            if answer.closest:
                self._console.print(Text("\nThe closest passages, which are not answers:\n", "dim"))
            for citation in answer.closest:
                self._excerpt(citation, "", "dim")

    def why(self, answer: Answer) -> None:
        """What the answer, or there being none, comes from."""
        self._console.print()
        for part in explanation(answer, visible):
            self._console.print(part)

    def verdict(self, receipt: Receipt, verdict: Verdict) -> None:
        said = {
            "valid": "the document holds these very words at this very place",
            "moved": "the same words stand at another place",
            "changed": "close words stand there now",
            "gone": "no document holds these words or any close to them",
        }[verdict.status]
        self._console.print(Text.assemble((verdict.status, _VERDICTS[verdict.status]), f": {said}"))
        words = Text(visible(receipt.quote))
        if verdict.changes:
            # without colour the marks still tell what went and what came
            words = Text.assemble(*((_marked(c.kind, visible(c.text)), _CHANGES[c.kind]) for c in verdict.changes))
        self._beneath(words)
        if verdict.document and verdict.span:
            place = f"{verdict.document.title}, characters {verdict.span.start} to {verdict.span.end}"
            self._beneath(Text(visible(place), "dim"))
        self._console.print()

    def findings(self, findings: Sequence[Finding]) -> None:
        widest = max(len(finding.subject) for finding in findings)
        for finding in findings:
            mark = ("good", "green") if finding.good else ("BAD ", "red bold")
            self._console.print(Text.assemble(mark, f"  {finding.subject:{widest}}  ", visible(finding.detail)))

    def keys(self, keys: Sequence[Key]) -> None:
        """One line a key."""
        for key in keys:
            groups = f" in {', '.join(key.groups)}" if key.groups else ""
            ends = "expired" if key.expires <= time.time() else f"until {date.fromtimestamp(key.expires)}"
            self.say(f"{key.id}  {key.user}{groups}: {', '.join(key.scopes)}, {ends}")
        if not keys:
            self.say("There are no keys yet. Make one with quoth token new NAME.")

    def gaps(self, groups: Sequence[Group]) -> None:
        """A paragraph a group: what it asks, how often, and how else that was put."""
        for group in groups:
            down = sum(gap.reason == "down" for gap in group.gaps)
            said = f"asked {_count(len(group.gaps), 'time')}" + (f", {down} answered badly" if down else "")
            self._console.print(Text.assemble((visible(group.headline), "bold"), f"  ({said})"))
            for text, gaps in group.wordings:
                if text != group.headline:
                    self._beneath(Text(visible(text)))
                for gap in gaps:
                    if gap.comment:
                        self._beneath(Text(f"“{visible(gap.comment)}”", "dim"))
        if not groups:
            self.say("Nothing was left unanswered.")

    @contextmanager
    def progress(self, what: str) -> Iterator[Report]:
        """A function to call with how many are done and how many there are."""
        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._console, disable=not self._console.is_terminal, transient=True) as bar:
            task = bar.add_task(what)
            yield lambda done, total: bar.update(task, completed=done, total=total)

    def _excerpt(self, citation: Citation, answering: str, number: str) -> None:
        excerpt, words = citation.excerpt, citation.highlight
        document = excerpt.document
        start, end = excerpt.span.start, excerpt.span.end
        quote = Text.assemble(
            (f"[{citation.number}] ", number),
            visible(document.text[start : words.start]),
            (visible(document.text[words.start : words.end]), answering),
            visible(document.text[words.end : end]),
        )
        self._console.print(quote)
        under = f", under “{citation.heading}”" if citation.heading else ""
        place = f"{document.title}{under}, paragraph {citation.paragraph} ({start}–{end})"
        self._beneath(Text(visible(place), "dim"))
        self._console.print()

    def _beneath(self, text: Text) -> None:
        self._console.print(Padding(text, (0, 0, 0, 4), expand=False))


def visible(text: str) -> str:
    """`text` on one line, with pictures for control characters: a document must not move a person's cursor."""
    return "".join(_picture(c) for c in text.replace("\r\n", "\n"))


def _picture(character: str) -> str:
    code = ord(character)
    if character in "\t\n\r\u2028\u2029":
        return " "
    if code < 0x20:
        return chr(0x2400 + code)
    # controls beyond ASCII, and what turns the direction of writing around
    hidden = 0x7F <= code < 0xA0 or 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069
    return "\ufffd" if hidden else character


def _marked(kind: str, text: str) -> str:
    return {"same": text, "removed": f"[-{text}-]", "added": f"{{+{text}+}}"}[kind]


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
