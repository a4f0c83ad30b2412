"""`quoth verify`: checks receipts against the current edition."""

import argparse
from typing import Any

from rich.text import Text

from index.corpus import open_corpus
from index.encoders.load import load_encoder
from index.errors import ReceiptError
from index.exit_codes import print_json
from index.strict_json import NotStrictJson, parse_json
from rag.receipt import Receipt, Verdict, check_all
from ui.command.terminal import Terminal, indented, read_text, visible
from ui.settings import ServerSettings

_REMEDY = "Give a receipt, or the output of quoth ask --json"
_VERDICTS = {
    "valid": ("green bold", "the document holds these words at this place"),
    "moved": ("yellow bold", "the same words are at another place"),
    "changed": ("yellow bold", "similar words are there now"),
    "gone": ("red bold", "no document holds these words or similar ones"),
}
# brackets too, since not every terminal has colours
_CHANGES = {"same": ("{}", ""), "removed": ("[-{}-]", "red strike"), "added": ("{{+{}+}}", "green bold")}


def run(args: argparse.Namespace, settings: ServerSettings) -> int:
    receipts = _read_receipts(str(args.receipt))
    corpus = open_corpus(settings.corpus, load_encoder(settings.encoder))
    verdicts = check_all(receipts, corpus)
    for receipt, verdict in zip(receipts, verdicts, strict=True):
        if args.json:
            print_json({"receipt": receipt.to_json(), "verdict": verdict.to_json()})
        else:
            _print_verdict(receipt, verdict, Terminal())
    return 0 if all(verdict.status == "valid" for verdict in verdicts) else 1


def _print_verdict(receipt: Receipt, verdict: Verdict, terminal: Terminal) -> None:
    style, meaning = _VERDICTS[verdict.status]
    quote = Text(visible(receipt.quote))
    if verdict.changes:
        changes = [(_CHANGES[change.kind], visible(change.text)) for change in verdict.changes]
        quote = Text.assemble(*((marks.format(text), style) for (marks, style), text in changes))
    terminal.print(Text.assemble((verdict.status, style), f": {meaning}"), indented(quote))
    if verdict.document and verdict.span:
        place = f"{verdict.document.title}, characters {verdict.span.start} to {verdict.span.end}"
        terminal.print(indented(place, "dim"))
    terminal.print("")


def _read_receipts(name: str) -> list[Receipt]:
    """The receipts in a file: one receipt, a list of them, an answer of `quoth ask --json`, or several, one a line."""
    text = read_text(name)
    try:
        values = [parse_json(text)]
    except NotStrictJson as error:
        try:
            values = [parse_json(line) for line in text.split("\n") if line.strip()]
        except NotStrictJson:
            raise ReceiptError(f"{name}: {error}", _REMEDY) from error
    receipts = [Receipt.from_json(value) for each in values for value in _receipts_in(each, name)]
    if not receipts:
        raise ReceiptError(f"{name}: it holds no receipt", _REMEDY)
    return receipts


def _receipts_in(value: Any, name: str) -> list[Any]:
    if not isinstance(value, dict) or "citations" not in value:
        return value if isinstance(value, list) else [value]
    shown = [value["citations"], value.get("closest", [])]
    if not all(isinstance(some, list) and all(isinstance(citation, dict) for citation in some) for some in shown):
        raise ReceiptError(f"{name}: citations and closest must be lists of objects", _REMEDY)
    return [citation.get("receipt") for some in shown for citation in some]
