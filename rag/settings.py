"""The settings: one frozen object, read once from a file, the environment and the command line, and passed down."""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import platformdirs

from index.errors import SettingsError

PREFIX = "QUOTH_"
FILE = f"{PREFIX}SETTINGS"
"""The variable that names the file of settings, which is no setting itself."""
ACCESS = ("none", "proxy", "token")

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_BASE = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*")
_HOST = re.compile(r"[A-Za-z0-9.-]+(?::\d{1,5})?|\[[0-9A-Fa-f:]+\](?::\d{1,5})?")
_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::\d{1,5})?")
_USUAL_PORT = re.compile(r"http://.*:0*80|https://.*:0*443")
_HEADER = re.compile(r"[A-Za-z0-9-]+")
_SPOKEN_FOR = ("authorization", "content-length", "content-type", "cookie", "host", "transfer-encoding")
"""Headers that browsers themselves send, so that they cannot say who is asking."""


def _default_data() -> Path:
    return platformdirs.user_data_path("quoth", appauthor=False)


def _default_corpus() -> Path:
    return _default_data() / "corpus"


@dataclass(frozen=True, slots=True)
class Settings:
    """Each field is also a key of the file of settings, and an environment variable: QUOTH_ and its name in capitals.

    A field of several values is a list in the file, and in a variable or on the command line they stand between commas.
    """

    corpus: Path = field(default_factory=_default_corpus)
    """The folder of the corpus."""
    encoder: str = "all-MiniLM-L6-v2"
    """The packaged encoder, or a sentence-transformers model by name or path."""
    reader: str = "trained"
    """similarity, trained, or transformers: and an extractive question-answering model by name or path."""
    calibration: Path | None = None
    """What eval.fitting.calibrate wrote for the reader; without it, what ships for it."""
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
    """The address to listen at; with access none, one of this machine's own."""
    port: int = 7860
    base: str = ""
    """The path under which everything is served, as people's browsers see it: /intranet/ask, say; empty: the root."""
    hosts: tuple[str, ...] = ()
    """The names by which requests may come besides this machine's own, with the port where browsers show one."""
    origins: tuple[str, ...] = ()
    """The other sites, as https://wiki.example, whose pages may hold the page or the widget and ask the API."""
    access: str = "none"
    """Who may ask: none (whoever is on this machine), proxy (whom the proxy names), token (who has an API key)."""
    proxies: tuple[str, ...] = ()
    """The addresses or networks of the proxy whose word is taken; with access proxy at least one."""
    user_header: str = "X-Forwarded-User"
    """The header in which the proxy names the person."""
    groups_header: str = "X-Forwarded-Groups"
    """The header in which the proxy names the person's groups, between commas."""
    proxy_secret: Path | None = None
    """The file of a secret that the proxy sends along as X-Quoth-Proxy-Secret; without it, its address is enough."""
    embed_secret: Path | None = None
    """The file of the secret by which hosts of the widget sign embed tokens (HS256); without it, none is taken."""
    data: Path = field(default_factory=_default_data)
    """The folder of what the server keeps: API keys, the journal, the audit log."""
    journal: bool = True
    """Whether questions without an answer, and feedback, are kept, with names where people are known (access or
    embed_secret). What was answered is kept for a day or two, so that feedback can name it."""
    journal_days: int = 90
    """For how long."""
    log_questions: bool = False
    """Whether the log holds what was asked."""
    workers: int = 2
    """Questions that are answered at once."""
    waiting: int = 64
    """Questions that wait for their turn at most; the next ones are told to come again."""
    per_minute: int = 60
    """Questions that one person may ask in a minute."""

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("passage_tokens", self.passage_tokens, 16, 100_000),
            ("risk", self.risk, 0, 1),
            ("port", self.port, 0, 65535),
            ("journal_days", self.journal_days, 1, 36_500),
            ("workers", self.workers, 1, 1024),
            ("waiting", self.waiting, 0, 100_000),
            ("per_minute", self.per_minute, 1, 1_000_000),
        ):
            if not low <= value <= high:
                raise SettingsError(f"{name} is {value}, expected {low} to {high}", _remedy(name))
        for name in ("corpus", "calibration", "data", "proxy_secret", "embed_secret"):
            path = str(getattr(self, name))
            if any(0xD800 <= ord(character) <= 0xDFFF for character in path):
                raise SettingsError(f"{name} is {path!r}, whose name is not UTF-8", _remedy(name))
        for name, pattern, expected in (
            ("base", _BASE, "nothing or a path such as /intranet/ask, without a slash at its end"),
            ("hosts", _HOST, "names such as ask.example or ask.example:8443"),
            ("origins", _ORIGIN, "sites such as https://wiki.example, in small letters and without a path"),
            ("user_header", _HEADER, "a header's name"),
            ("groups_header", _HEADER, "a header's name"),
        ):
            value = getattr(self, name)
            for one in (value,) if isinstance(value, str) else value:
                if not pattern.fullmatch(one):
                    raise SettingsError(f"{name} is {one!r}, expected {expected}", _remedy(name))
        for one in self.origins:
            if _USUAL_PORT.fullmatch(one):
                raise SettingsError(
                    f"origins is {one!r}, expected a site without the port that goes without saying",
                    f"{_remedy('origins')}, as {one.rpartition(':')[0]}: browsers leave that port off",
                )
        self._check_headers()
        self._check_access()

    def _check_headers(self) -> None:
        for name in ("user_header", "groups_header"):
            value = getattr(self, name)
            if value.lower() in _SPOKEN_FOR:
                raise SettingsError(f"{name} is {value!r}, expected a header of the proxy's own", _remedy(name))
        if self.user_header.lower() == self.groups_header.lower():
            raise SettingsError(
                f"groups_header is {self.groups_header!r}, which is user_header, expected another",
                _remedy("groups_header"),
            )

    def _check_access(self) -> None:
        if self.access not in ACCESS:
            raise SettingsError(f"access is {self.access!r}, expected {', '.join(ACCESS)}", _remedy("access"))
        for one in self.proxies:
            try:
                ipaddress.ip_network(one)
            except ValueError as error:
                raise SettingsError(
                    f"proxies holds {one!r}, expected addresses or networks such as 10.0.0.7 or 10.0.0.0/24",
                    _remedy("proxies"),
                ) from error
        if self.access == "proxy" and not self.proxies:
            raise SettingsError("access is proxy, and proxies names no address whose word is taken", _remedy("proxies"))
        if self.access == "none" and self.host not in _LOOPBACK:
            raise SettingsError(
                f"host is {self.host!r}, expected {', '.join(_LOOPBACK)}: with access none nothing asks who is asking",
                f"{_remedy('host')}, or choose access proxy (a proxy in front signs people on) or token (API keys)",
            )

    @classmethod
    def read(cls, environment: Mapping[str, str], flags: Mapping[str, Any]) -> Settings:
        """The settings that `flags` name, then those of `environment`, then those of the file, then the defaults.

        Raises SettingsError for a value that cannot be, an unknown key or variable, and a file that cannot be read.
        """
        return cls(**{name: value for name, (value, _) in given(environment, flags).items()})


def given(environment: Mapping[str, str], flags: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    """(value, where it comes from) of each setting that is not left to its default; a flag of None was not given.

    The file is the one that QUOTH_SETTINGS names or else, where there is one, settings.toml in the person's or the
    system's folder of configuration.
    """
    types = {f.name: str(f.type) for f in fields(Settings)}
    found: dict[str, tuple[Any, str]] = {}
    file = _file(environment)
    if file is not None:
        for name, value in _parsed(file).items():
            if name not in types:
                raise SettingsError(f"{file}: there is no setting {name!r}", f"Use one of {', '.join(types)}")
            found[name] = value, str(file)
    for variable, value in environment.items():
        if variable.startswith(PREFIX) and variable != FILE:
            name = variable.removeprefix(PREFIX).lower()
            if name not in types:
                known = ", ".join(PREFIX + known.upper() for known in types)
                raise SettingsError(f"{variable} is set, but there is no such setting", f"Use one of {known}")
            found[name] = value, variable
    for name, value in flags.items():
        if name in types and value is not None:
            found[name] = value, f"--{name.replace('_', '-')}"
    return {name: (_convert(name, value, types[name]), origin) for name, (value, origin) in found.items()}


def _file(environment: Mapping[str, str]) -> Path | None:
    if named := environment.get(FILE):
        return Path(named)
    usual = (
        platformdirs.user_config_path("quoth", appauthor=False),
        platformdirs.site_config_path("quoth", appauthor=False),
    )
    return next((file for folder in usual if (file := folder / "settings.toml").is_file()), None)


def _parsed(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}", f"Name a readable file with {FILE}, or none") from error
    except ValueError as error:
        raise SettingsError(f"{file}: {error}", "Write it in TOML, as lines such as risk = 0.2") from error


def _convert(name: str, value: Any, kind: str) -> Any:
    if kind.startswith("tuple"):
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
            raise SettingsError(f"{name} is {value!r}, expected a list of texts", _remedy(name))
        return tuple(stripped for part in parts if (stripped := part.strip()))
    if isinstance(value, str) and value == "" and name in ("reranker", "base"):
        return value
    if value == "":
        # an empty path would be the folder that one happens to stand in
        raise SettingsError(f"{name} is empty", _remedy(name))
    if kind == "bool":
        known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if str(value).lower() not in known:
            raise SettingsError(f"{name} is {value!r}, expected true or false", _remedy(name))
        return known[str(value).lower()]
    if kind in ("int", "float"):
        try:
            return int(str(value)) if kind == "int" else float(str(value))
        except ValueError as error:
            raise SettingsError(f"{name} is {value!r}, expected a number", _remedy(name)) from error
    if not isinstance(value, str | os.PathLike):
        raise SettingsError(f"{name} is {value!r}, expected a text", _remedy(name))
    if kind == "str":
        return str(value)
    try:
        return Path(value).expanduser()
    except RuntimeError as error:
        raise SettingsError(f"{name} is {value!r}, and there is no such home", _remedy(name)) from error


def _remedy(name: str) -> str:
    return f"Set {PREFIX}{name.upper()}, or {name} in the file of settings, to a value that can be"
