"""The page before the first question: the welcome with its examples, and the box that finds a document."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from index.corpus import Corpus
from index.types import Document, Title
from ui.page.markup import templates

EXAMPLES = 6
"""How many questions the welcome shows."""
TITLES = 100
"""How many titles are listed at a time, and how many documents are searched for examples."""


class Start(NamedTuple):
    welcome: str
    finder: str
    """The box that finds a document; empty if there is only one."""
    document: str | None
    """The id of the document to open; None if there is none."""


def start_of(corpus: Corpus) -> Start:
    titles, several = corpus.titles(limit=TITLES), corpus.counts.documents > 1
    welcome = templates.welcome(examples_of(corpus.document(title.id) for title in titles), not several)
    return Start(welcome, templates.finder() if several else "", titles[0].id if titles else None)


def examples_of(documents: Iterable[Document]) -> list[str]:
    """The first EXAMPLES different questions. Reads no more documents than it needs."""
    examples: dict[str, None] = {}
    for document in documents:
        examples |= dict.fromkeys(document.examples)
        if len(examples) >= EXAMPLES:
            break
    return list(examples)[:EXAMPLES]


def titles_html(titles: Sequence[Title], note: str = "No title contains these words.") -> str:
    """The first TITLES titles as options; if there are more, a last option asks for them. `note`: shown if none."""
    after = titles[TITLES - 1].id if len(titles) > TITLES else ""
    return str(templates.titles(titles[:TITLES], after, note))
