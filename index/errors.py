"""Errors, in one tree. Every message is one line: what is wrong and where, what was expected, and the remedy."""


class QuothError(Exception):
    """An error that a person can correct. `problem` names the value and what was expected, `remedy` what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return one_line(f"{self.problem}. {self.remedy}.")


class SettingsError(QuothError):
    """A setting has an invalid value."""


class QuestionError(QuothError):
    """A question cannot be asked: empty, too long, control characters."""


class SourceError(QuothError):
    """A document cannot be read: missing, empty, binary, wrong encoding, malformed."""


class QuestionSetError(QuothError):
    """A question set or rows file for evaluation is malformed."""


class ReceiptError(QuothError):
    """A receipt is malformed."""


class ModelError(QuothError):
    """A model's weights are missing, damaged or cannot be loaded."""


class CorpusError(QuothError):
    """A corpus cannot be used."""


class CorpusMissing(CorpusError):
    """There is no corpus at this place."""


class CorpusBusy(CorpusError):
    """Another process is writing to the corpus."""


class EditionDamaged(CorpusError):
    """A file of the edition is missing, truncated or changed."""


class EditionIncompatible(CorpusError):
    """The edition was written by another version or for another encoder."""


def one_line(text: str) -> str:
    """`text` with line breaks and control characters spelled out, so that it forges neither a line nor a colour."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
