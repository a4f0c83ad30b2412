"""`quoth gaps`: lists the questions that were not answered, or not well, grouped by meaning."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict

from rich.text import Text

from index.encoders.load import load_encoder
from index.exit_codes import print_json
from ui.command.terminal import Terminal, count, indented, visible
from ui.journal.journal import FILE, read_gaps
from ui.journal.unanswered import Group, group, to_question_set
from ui.settings import ServerSettings


def run(args: argparse.Namespace, settings: ServerSettings) -> int:
    gaps = read_gaps(settings.data / FILE, days=settings.journal_days)
    groups = group(gaps, load_encoder(settings.encoder)) if gaps else []
    if args.export:
        written = to_question_set(groups, args.export)
        Terminal(sys.stderr).say(f"{count(written, 'question')} written to {args.export}, none of them judged yet.")
    if args.json:
        print_json([asdict(each) for each in groups])
    elif not args.export:
        _print_groups(groups, Terminal())
    return 0


def _print_groups(groups: Sequence[Group], terminal: Terminal) -> None:
    for each in groups:
        bad = sum(gap.reason == "down" for gap in each.gaps)
        times = f"asked {count(len(each.gaps), 'time')}" + (f", {bad} answered badly" if bad else "")
        terminal.print(Text.assemble((visible(each.headline), "bold"), f"  ({times})"))
        for text, gaps in each.wordings:
            if text != each.headline:
                terminal.print(indented(text))
            terminal.print(*(indented(f"“{gap.comment}”", "dim") for gap in gaps if gap.comment))
    if not groups:
        terminal.say("There are no unanswered questions.")
