"""The settings: one frozen object, read once from the environment and the command line, and passed down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import platformdirs

from index.errors import SettingsError

PREFIX = "QUOTH_"


def _default_corpus() -> Path:
    return platformdirs.user_data_path("quoth", appauthor=False) / "corpus"


@dataclass(frozen=True, slots=True)
class Settings:
    """Each field is also an environment variable: QUOTH_ and its name in capitals."""

    corpus: Path = field(default_factory=_default_corpus)
    """The folder of the corpus."""
    encoder: str = "all-MiniLM-L6-v2"
    """The packaged encoder, or a sentence-transformers model by name or path."""
    reader: str = "trained"
    """similarity, trained, or transformers: and an extractive question-answering model by name or path."""
    calibration: Path | None = None
    """What eval.calibrate wrote for the reader; without it, what ships for it."""
    reranker: str = ""
    """A sentence-transformers CrossEncoder by name or path, which puts the passages found in order; empty: none."""
    language: str = "en"
    """ISO 639-1: how documents are parted into sentences and words are stemmed, where they do not say."""
    passage_tokens: int = 160
    """The budget of a passage, in tokens."""
    risk: float = 0.3
    """The share of wrong answers, 0 to 1, that is borne among what is answered; 1 answers always, 0 never. (It was
    measured where half of all questions have no answer and many are written to mislead: there no less leaves most of
    the others answered.)"""
    host: str = "127.0.0.1"
    port: int = 7860

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("passage_tokens", self.passage_tokens, 16, 100_000),
            ("risk", self.risk, 0, 1),
            ("port", self.port, 0, 65535),
        ):
            if not low <= value <= high:
                raise SettingsError(f"{name} is {value}, expected {low} to {high}", _remedy(name))
        for name in ("corpus", "calibration"):
            path = str(getattr(self, name))
            if any(0xD800 <= ord(character) <= 0xDFFF for character in path):
                raise SettingsError(f"{name} is {path!r}, whose name is not UTF-8", _remedy(name))
        if self.host not in ("127.0.0.1", "::1", "localhost"):
            raise SettingsError(
                f"host is {self.host!r}, expected 127.0.0.1, ::1 or localhost: nothing here asks who is asking",
                _remedy("host"),
            )

    @classmethod
    def read(cls, environment: Mapping[str, str], flags: Mapping[str, Any]) -> Settings:
        """The settings that `flags` name, then those that `environment` does, then the defaults.

        A flag of None was not given. Raises SettingsError for a value that cannot be and an unknown QUOTH_ variable.
        """
        types = {f.name: f.type for f in fields(cls)}
        given: dict[str, Any] = {}
        for variable, value in environment.items():
            if variable.startswith(PREFIX):
                name = variable.removeprefix(PREFIX).lower()
                if name not in types:
                    known = ", ".join(PREFIX + known.upper() for known in types)
                    raise SettingsError(f"{variable} is set, but there is no such setting", f"Use one of {known}")
                given[name] = value
        given |= {name: value for name, value in flags.items() if name in types and value is not None}
        return cls(**{name: _convert(name, value, str(types[name])) for name, value in given.items()})


def _convert(name: str, value: Any, kind: str) -> Any:
    if value == "" and name == "reranker":
        return value
    if value == "":
        # an empty path would be the folder that one happens to stand in
        raise SettingsError(f"{name} is empty", _remedy(name))
    if kind == "str":
        return str(value)
    if kind.startswith("Path"):
        try:
            return Path(value).expanduser()
        except RuntimeError as error:
            raise SettingsError(f"{name} is {value!r}, and there is no such home", _remedy(name)) from error
    try:
        return int(value) if kind == "int" else float(value)
    except ValueError as error:
        raise SettingsError(f"{name} is {value!r}, expected a number", _remedy(name)) from error


def _remedy(name: str) -> str:
    return f"Set {PREFIX}{name.upper()} or --{name.replace('_', '-')} to a value that can be"
