"""The one tree of errors.

    QuothError                    every error that a person can correct
    ├── SettingsError             a setting has an invalid value
    ├── QuestionError             a question cannot be asked: empty, too long, control characters
    ├── SourceError               a document cannot be read: missing, empty, binary, wrong encoding, malformed
    ├── QuestionSetError          a question set or rows file for evaluation is malformed
    ├── ReceiptError              a receipt is malformed
    ├── ModelError                a model's weights are missing, damaged or cannot be loaded
    └── CorpusError               a corpus cannot be used
        ├── CorpusMissing         there is none at this place
        ├── CorpusBusy            another process is writing to it
        ├── EditionDamaged        a file of it is missing, truncated or changed
        └── EditionIncompatible   it was written by another version or for another encoder

Every message is one line: what is wrong and where, what was expected, and the remedy.
"""

from __future__ import annotations


class QuothError(Exception):
    """An error that a person can correct. `problem` names the value and what was expected, `remedy` what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return one_line(f"{self.problem}. {self.remedy}.")


class SettingsError(QuothError):
    pass


class QuestionError(QuothError):
    pass


class SourceError(QuothError):
    pass


class QuestionSetError(QuothError):
    pass


class ReceiptError(QuothError):
    pass


class ModelError(QuothError):
    pass


class CorpusError(QuothError):
    pass


class CorpusMissing(CorpusError):
    pass


class CorpusBusy(CorpusError):
    pass


class EditionDamaged(CorpusError):
    pass


class EditionIncompatible(CorpusError):
    pass


def one_line(text: str) -> str:
    """`text` with line breaks and control characters spelled out, so that it forges neither a line nor a colour."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
