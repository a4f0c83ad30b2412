"""The checks of `quoth doctor`: settings, weights, corpus, and that nothing reaches out."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from index.corpus import Corpus
from index.encoder import PACKAGED, load_encoder, processor_dtype
from index.errors import CorpusMissing, QuothError
from rag.answer import build_answerer
from rag.reader import TRANSFORMERS
from rag.settings import Settings


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
    for field in fields(settings):
        value = getattr(settings, field.name)
        shown = ", ".join(value) if isinstance(value, tuple) else str(value)
        origin = f", from {given[field.name][1]}" if field.name in given else ""
        yield Finding(f"setting {field.name}", True, f"{shown or 'none'}{origin}")
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
        corpus = Corpus.open(settings.corpus, encoder)
    except CorpusMissing as error:
        yield Finding("corpus", True, f"none yet: {error}")
        return
    except QuothError as error:
        yield Finding("corpus", False, str(error))
        return
    about = corpus.manifest
    yield Finding(
        "corpus",
        True,
        f"edition {about.name}: {about.documents} documents, {about.passages} passages, "
        f"all {len(about.files)} files as their checksums say",
    )
    try:
        build_answerer(corpus, encoder, settings).ask("Is everything in order?")
        yield Finding("answering", True, f"the reader {settings.reader} answers")
    except QuothError as error:
        yield Finding("answering", False, str(error))


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
