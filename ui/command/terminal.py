"""The terminal: output wrapped to its width, in colour only on a terminal, and safe to print; and standard input."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from index.errors import SourceError
from index.sources.decode import decode, read_utf8
from index.types import Span
from rag.types import Excerpt

_WIDEST = 88
_UNLIMITED = 10_000
_SYMBOLS = {
    **{code: chr(0x2400 + code) for code in range(0x20)},
    # C1 controls, and the marks that change the direction of writing
    **dict.fromkeys([*range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)], "\ufffd"),
    **dict.fromkeys(map(ord, "\t\n\r\u2028\u2029"), " "),
}


class Terminal(Console):
    """Prints to one stream. Text of documents and people must pass through `visible` or `say`."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Prints to standard output if `stream` is None."""
        super().__init__(file=stream, highlight=False, markup=False, emoji=False)
        # lines in a file or a pipe are not wrapped
        self.width = min(self.width, _WIDEST) if self.is_terminal else _UNLIMITED

    def on_broken_pipe(self) -> None:
        """Lets index.exit_codes handle the error; rich itself would exit with code 1."""
        raise

    def say(self, text: str) -> None:
        """Prints a plain text."""
        self.print(Text(visible(text)))

    @contextmanager
    def progress(self, label: str) -> Iterator[Callable[[int, int], None]]:
        """A progress bar. Yields a function to call with how many are done and how many there are."""
        columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self, disable=not self.is_terminal, transient=True) as bar:
            task = bar.add_task(label)
            yield lambda done, total: bar.update(task, completed=done, total=total)


def indented(text: str | Text, style: str = "") -> Padding:
    """A paragraph set in below what was printed before."""
    return Padding(Text(visible(text), style) if isinstance(text, str) else text, (0, 0, 0, 4), expand=False)


def marked(excerpt: Excerpt, words: Span, style: str, brackets: str = "{}") -> Text:
    """An excerpt with the answering `words`, a range of its document's text, in a style and in brackets."""
    text, span = excerpt.document.text, excerpt.span
    before, within, after = text[span.start : words.start], text[words.start : words.end], text[words.end : span.end]
    return Text.assemble(visible(before), (brackets.format(visible(within)), style), visible(after))


def visible(text: str) -> str:
    """`text` on one line, with symbols for control characters, so that no document can control the terminal."""
    return text.replace("\r\n", "\n").translate(_SYMBOLS)


def count(number: int, noun: str) -> str:
    """A number and its noun, in the plural with an s."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def read_text(name: str) -> str:
    """The text of the file of this name, or of standard input for "-". Raises SourceError."""
    file = Path(name)
    if name != "-":
        return read_utf8(file)
    if sys.stdin is None:
        raise SourceError("-: standard input is closed", "Pipe something into it, or name a file")
    return decode(sys.stdin.buffer.read(), file)
