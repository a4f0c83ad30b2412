"""`quoth doctor`: checks settings, weights and corpus, and with --offline that no other machine is contacted."""

import argparse
import importlib.metadata
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rich.text import Text

from index.corpus import open_corpus
from index.encoders.encoder import PACKAGED
from index.encoders.load import load_encoder
from index.encoders.packaged import processor_dtype
from index.errors import CorpusMissing, QuothError
from index.exit_codes import print_json
from rag.answer import build_answerer
from rag.settings import given
from ui.access.private_files import read_secret
from ui.command.terminal import Terminal, visible
from ui.command.try_offline import try_offline
from ui.http.trusted_host import is_this_machine
from ui.settings import ServerSettings


@dataclass(frozen=True, slots=True)
class Finding:
    subject: str
    detail: str
    good: bool = True


def run(args: argparse.Namespace, settings: ServerSettings) -> int:
    findings = [
        *_settings(settings, given(os.environ, vars(args))),
        *warnings(settings),
        *_secrets(settings),
        *_answering(settings),
    ]
    if args.offline:
        good, detail = try_offline(settings)
        findings.append(Finding("offline", detail, good))
    if args.json:
        print_json([asdict(finding) for finding in findings])
    else:
        widest = max(len(finding.subject) for finding in findings)
        for finding in findings:
            mark = ("good", "green") if finding.good else ("BAD ", "red bold")
            Terminal().print(Text.assemble(mark, f"  {finding.subject:{widest}}  ", visible(finding.detail)))
    return 0 if all(finding.good for finding in findings) else 1


def _settings(settings: ServerSettings, origins: Mapping[str, tuple[Any, str]]) -> Iterator[Finding]:
    yield Finding("version", f"quoth {importlib.metadata.version('quoth')}")
    for name, value in settings:
        text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
        origin = f", from {origins[name][1]}" if name in origins else ""
        yield Finding(f"setting {name}", f"{text or 'none'}{origin}")


def warnings(settings: ServerSettings) -> Iterator[Finding]:
    """Warnings about settings that are valid, but are probably mistakes."""
    behind = [f"hosts names {host}" for host in settings.hosts if not is_this_machine(host)]
    behind += [f"base is {settings.base}"] if settings.base else []
    if settings.access == "none" and behind:
        yield Finding(
            "access",
            f"WARNING: {' and '.join(behind)}, as behind a proxy, but access is none: everyone who reaches the proxy "
            "may read all documents without groups. Choose access proxy or token, unless this is meant",
        )
    networks = [str(network) for network in settings.proxies if network.num_addresses > 1]
    if settings.access == "proxy" and networks and not settings.proxy_secret:
        yield Finding(
            "proxies",
            f"WARNING: {', '.join(networks)} is more than one address: everyone there can claim any name. Name the "
            "proxy's address alone, or set proxy_secret",
        )
    mode = settings.data.stat().st_mode if settings.data.is_dir() else 0
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Finding(
            "data",
            f"WARNING: {settings.data} is open to others on this machine ({stat.filemode(mode)}). Run chmod 700 "
            f"{settings.data}, unless this is meant",
        )


def _secrets(settings: ServerSettings) -> Iterator[Finding]:
    for name in ("proxy_secret", "embed_secret"):
        if file := getattr(settings, name):
            try:
                read_secret(file, name)
            except QuothError as error:
                yield Finding(name, str(error), False)


def _answering(settings: ServerSettings) -> Iterator[Finding]:
    """Checks weights, corpus and reader, each of which needs the one before. Stops at the first problem."""
    subject = "weights"
    try:
        encoder = load_encoder(settings.encoder)
        checked = "as expected" if encoder.name == PACKAGED else "not checked, since it is not packaged"
        kind = str(processor_dtype()).removeprefix("torch.")
        yield Finding(subject, f"{encoder.name}, sha256 {encoder.checksum[:16]}… {checked}, computing in {kind}")
        subject = "corpus"
        corpus = open_corpus(settings.corpus, encoder)
        yield Finding(
            subject,
            f"edition {corpus.edition}: {corpus.counts.documents} documents, {corpus.counts.passages} passages, "
            "all files match their checksums",
        )
        subject = "answering"
        build_answerer(corpus, encoder, settings).ask("Is everything in order?")
        yield Finding(subject, f"the reader {settings.reader} answers")
    except CorpusMissing as error:
        # with access none, quoth serve indexes the seed article
        yield Finding(subject, f"none yet: {error}", settings.access == "none")
    except QuothError as error:
        yield Finding(subject, str(error), False)
