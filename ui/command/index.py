"""`quoth index`: indexes documents as a new corpus."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict

from index.embedded.edition import Manifest
from index.encoders.encoder import Encoder
from index.encoders.load import load_encoder
from index.exit_codes import print_json
from index.publish import publish
from index.sources.read import passed_over, read
from index.types import Document
from ui.command.terminal import Terminal, count
from ui.settings import ServerSettings


def run(args: argparse.Namespace, settings: ServerSettings) -> int:
    # before the model is loaded, so that an unreadable document is reported at once
    documents = read(args.paths, language=settings.language)
    if skipped := passed_over(args.paths):
        names = ", ".join(str(file) for file in skipped[:3]) + (", …" if len(skipped) > 3 else "")
        Terminal(sys.stderr).say(f"Skipped, since only texts are read: {len(skipped)} ({names})")
    manifest = index_documents(documents, load_encoder(settings.encoder), settings)
    if args.json:
        print_json(asdict(manifest))
    else:
        Terminal().say(
            f"Indexed {count(manifest.documents, 'document')} in {count(manifest.passages, 'passage')} "
            f"into {settings.corpus} (edition {manifest.name})."
        )
    return 0


def index_documents(documents: Sequence[Document], encoder: Encoder, settings: ServerSettings) -> Manifest:
    """Publishes an edition of these documents, with a progress bar on standard error."""
    with Terminal(sys.stderr).progress("Indexing") as progress:
        return publish(
            settings.corpus,
            documents,
            encoder,
            language=settings.language,
            passage_tokens=settings.passage_tokens,
            progress=progress,
        )
