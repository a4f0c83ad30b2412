"""The page before the first question: the welcome with its examples, and the box that finds a document."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from index.corpus import Corpus
from index.types import Document, Title
from ui.page.markup import escaped, isolated

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
    welcome = welcome_html(examples_of(corpus.document(title.id) for title in titles), one=not several)
    return Start(welcome, _FINDER if several else "", titles[0].id if titles else None)


def examples_of(documents: Iterable[Document]) -> list[str]:
    """The first EXAMPLES different questions. Reads no more documents than it needs."""
    examples: dict[str, None] = {}
    for question in chain.from_iterable(document.examples for document in documents):
        examples[question] = None
        if len(examples) == EXAMPLES:
            break
    return list(examples)


def welcome_html(examples: Sequence[str], *, one: bool) -> str:
    """`one`: whether there is only one document."""
    buttons = "".join(
        f'<li><button type="button" class="example" dir="auto" data-event="example">{escaped(question)}</button></li>'
        for question in examples
    )
    return (
        '<section class="welcome">'
        f"<h2>Ask, and the {'document answers in its' if one else 'documents answer in their'} own words.</h2>"
        "<p>Every answer is a quotation. Its number opens the source at that very place. "
        f"If the {'document does' if one else 'documents do'} not answer, quoth says so.</p>"
        + (f'<h3>Try one of these</h3><ul class="examples">{buttons}</ul>' if examples else "")
        + "</section>"
    )


_FINDER = (
    '<label for="find">Find a document</label><input type="text" id="find" role="combobox" aria-expanded="false"'
    ' aria-controls="titles-found" aria-autocomplete="list" autocomplete="off" placeholder="Words of its title">'
)


def titles_html(titles: Sequence[Title], note: str = "No title contains these words.") -> str:
    """The first TITLES titles as options; if there are more, a last option asks for them. `note`: shown if none."""
    options = [
        f'<li role="option" id="title-{number}" data-event="open" data-document="{escaped(title.id)}">'
        f"{isolated(title.title)}</li>"
        for number, title in enumerate(titles[:TITLES])
    ]
    if len(titles) > TITLES:
        after = escaped(titles[TITLES - 1].id)
        options += [f'<li role="option" id="title-next" data-event="find" data-after="{after}">Show the next ones</li>']
    if not titles:
        options = [f'<li role="option" aria-disabled="true">{escaped(note)}</li>']
    return f'<ul id="titles-found" role="listbox" aria-label="Documents">{"".join(options)}</ul>'
