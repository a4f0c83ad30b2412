"""The layout of the page in gradio: its parts, and which handler each of their events calls."""

from typing import Any

import gradio as gr

from ui.page.events import Events
from ui.page.markup import templates
from ui.page.source import NO_DOCUMENTS, open_source
from ui.service import Service

_OPENING = "The documents are being opened."


def build_blocks(service: Service, header: str) -> gr.Blocks:
    """Builds the page. It is the same for all, so it shows only what everyone may read, and no document if audited."""
    events = Events(service)
    start = events.start
    view, sheet_html = None, templates.no_source(_OPENING if service.audit else NO_DOCUMENTS)
    if start.document and not service.audit:
        view, sheet_html = open_source(events.corpus, start.document)
    blocks: gr.Blocks
    with gr.Blocks(title="quoth", analytics_enabled=False, fill_width=True) as blocks:
        conversation, opened = gr.State(()), gr.State(view)
        masthead = _html(header, "masthead", "fresh")
        with gr.Row(elem_id="desk"):
            with gr.Column(elem_id="chat"):
                log = _html(start.welcome, "log", "cite", "example", "again", "judge")
                with gr.Row(elem_id="composer"):
                    question = gr.Textbox(
                        label="Your question",
                        placeholder="Ask about the documents",
                        lines=1,
                        max_lines=6,
                        autofocus=True,
                        elem_id="question",
                    )
                    button = gr.Button("Ask", variant="primary", elem_id="ask")
            with gr.Column(elem_id="source"):
                finder = _html(start.finder, "finder", "find")
                titles = _html("", "titles", "find", "open")
                sheet = _html(sheet_html, "sheet", "more")

        talk, source = [question, conversation, log], [opened, sheet]
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        at_once = {"queue": False, **quiet}
        # The service limits how many questions are answered at once, from page, API and MCP together.
        asking = {"concurrency_limit": None, **quiet}
        # page.js sends no question while an answer is awaited. But gradio needs a moment after it has drawn an answer;
        # a question typed in that moment is asked next.
        typed = gr.on([question.submit, button.click], events.ask, talk[:2], talk, trigger_mode="always_last", **asking)
        clicked = [
            event(events.ask_alone, conversation, talk, trigger_mode="once", **asking)
            for event in (log.example, log.again)
        ]
        for event in (typed, *clicked):
            event.failure(events.show_failure, conversation, [conversation, log], **at_once)
        log.judge(events.give_feedback, conversation, [conversation, log], **at_once)
        log.cite(events.open_citation, conversation, source, **at_once)
        for event in (finder.find, titles.find):
            event(events.find_titles, None, titles, trigger_mode="always_last", **at_once)
        titles.open(events.open_document, None, source, **at_once)
        sheet.more(events.show_more, opened, source, **at_once)
        blocks.load(events.arrive, None, [log, finder, *source], **at_once)
        masthead.fresh(events.start_afresh, opened, [*talk, *source], cancels=[typed, *clicked], **at_once)
    # gradio passes a question on at once if fewer than 40 are being answered. So its queue needs room only for
    # questions that arrive at the same moment, and for no more than the service accepts.
    blocks.queue(max_size=service.admission.workers + service.admission.waiting)
    return blocks


def _html(value: str, elem_id: str, *events: str) -> Any:
    """A part of the page in our own HTML; page.js turns clicks in it into these events."""
    script = f"quoth.{elem_id}(element, watch, trigger); quoth.send(element, trigger, {list(events)!r});"
    return gr.HTML(value, elem_id=elem_id, js_on_load=script, apply_default_css=False)
