"""The page in Chromium, with documents of all kinds: hostile, several, very long."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from browser_support import CONTRASTS, Watched
from corpus_support import documents_of
from page_support import FakeAnswerer, app_of, article, hostile_article, serving
from playwright.sync_api import Browser, expect

from index.types import Document
from rag.answer import Answerer

pytestmark = pytest.mark.browser

QUESTION = "Who is North Korea’s largest economic partner?"


def test_the_answerer_itself_is_asked_the_examples_and_every_citation_opens(
    browser: Browser, answerer: Answerer
) -> None:
    (document,) = documents_of(answerer.corpus)
    with serving(app_of(answerer)) as url, browser.new_context() as context:
        visit = Watched(context, url)
        page = visit.page
        page.locator(".example").first.click()
        expect(page.locator(".cite").first).to_be_visible(timeout=30_000)
        visit.ask(document.examples[1])
        cites = page.locator(".cite")
        assert cites.count() >= 2
        for n in range(cites.count()):
            cites.nth(n).click()
            expect(cites.nth(n)).to_have_attribute("aria-current", "true")
            expect(page.locator("#source mark.excerpt").first).to_be_in_viewport()
            assert visit.marked() == page.locator("#log blockquote").nth(n).text_content()
            assert visit.marked() in document.text
        visit.check()


def test_a_hostile_document_and_a_hostile_question_are_text(browser: Browser) -> None:
    document = hostile_article()
    with serving(app_of(FakeAnswerer(document, article()))) as url, browser.new_context() as context:
        visit = Watched(context, url)
        page = visit.page
        assert page.locator("#source .text").text_content() == document.text
        for question in document.examples:
            visit.ask(question)
            expect(page.locator(".question").last).to_have_text(f"You asked: {question}", use_inner_text=False)
        page.locator(".quote .cite").first.click()
        expect(page.locator("#source mark.excerpt").first).to_be_visible()
        assert visit.marked() == page.locator(".quote blockquote").first.text_content()
        assert visit.marked() in document.text
        assert (
            page.locator("#log :is(a, img, script, iframe, svg), #sheet :is(a, img, script, iframe, svg)").count() == 0
        )
        assert page.evaluate("window.hacked") is None
        page.wait_for_timeout(200)
        visit.check()


def test_a_document_is_found_by_words_of_its_title(browser: Browser) -> None:
    other = hostile_article()
    notes = [Document.of(f"This is note {n}.", title=f"Note {n} of the meeting") for n in range(120)]
    with serving(app_of(FakeAnswerer(article(), *notes, other))) as url, browser.new_context() as context:
        visit = Watched(context, url)
        page = visit.page
        box, options = page.get_by_role("combobox", name="Find a document"), page.get_by_role("option")
        expect(options).to_have_count(0)
        box.click()
        expect(options).to_have_count(101)
        assert page.evaluate(CONTRASTS) == []
        page.get_by_role("option", name="Show the next ones").click()
        expect(options).to_have_count(22)
        page.get_by_role("option", name="Note 110 of the meeting").click()
        expect(page.locator(".paper h2")).to_have_text("Note 110 of the meeting")
        expect(options).to_have_count(0)

        box.press_sequentially("meeting 57")
        expect(options).to_have_count(1)
        box.press("Enter")
        expect(page.locator(".paper h2")).to_have_text("Note 57 of the meeting")
        expect(box).to_have_value("")

        box.fill("NOTE")
        expect(page.get_by_role("option", name="Note 0 of the meeting")).to_have_attribute("aria-selected", "true")
        box.press("ArrowDown")
        expect(page.get_by_role("option", name="Note 1 of the meeting")).to_have_attribute("aria-selected", "true")
        expect(box).to_have_attribute("aria-activedescendant", "title-1")
        box.press("Escape")
        expect(options).to_have_count(0)
        box.fill("no such title")
        expect(options).to_have_count(1)
        expect(options).to_have_text("No title contains these words.")
        expect(options).to_have_attribute("aria-disabled", "true")
        box.fill(other.title)
        expect(options).to_have_count(1)
        options.click()
        expect(page.locator(".paper h2")).to_have_text(other.title)

        visit.ask(QUESTION)
        page.locator(".cite").first.click()
        expect(page.locator(".paper h2")).to_have_text(article().title)
        visit.check()


def test_of_a_megabyte_only_what_is_around_the_excerpt_is_drawn_and_all_of_it_can_be_read(browser: Browser) -> None:
    filler = article().text
    document = Document.of(
        filler * 90 + "\nThe purple elephant juggles.\n" + filler * 90,
        title="Long",
        examples=("Does the purple elephant juggle?",),
    )
    assert len(document.text) > 900_000
    with serving(app_of(FakeAnswerer(document))) as url, browser.new_context() as context:
        visit = Watched(context, url)
        page = visit.page
        visit.ask("Does the purple elephant juggle?")
        page.locator(".cite").first.click()
        mark = page.locator("#source mark.excerpt")
        expect(mark).to_be_in_viewport(ratio=1)
        # what is drawn, and not the document's length, is what opening it takes
        assert len(page.locator("#source .text").text_content() or "") < len(document.text) / 4
        assert visit.marked() == "The purple elephant juggles."

        page.locator("#source").evaluate("source => source.scrollTop = 0")
        before = page.locator("#source .text").text_content()
        page.get_by_role("button", name="Show earlier text").click()
        expect(page.locator("#source .text")).not_to_have_text(before or "", use_inner_text=False)
        assert (page.locator("#source .text").text_content() or "").endswith(before or "?")
        # What was read stays where it was.
        assert page.locator("#source").evaluate("source => source.scrollTop") > 1000
        page.get_by_role("button", name="Show later text").click()
        page.wait_for_function(
            "n => document.querySelector('#source .text').textContent.length > n + 70000", arg=len(before or "")
        )
        visit.check()


def test_building_the_page_calls_nobody() -> None:
    code = """
import os, socket, time
calls = []
def refuse(*args, **options):
    calls.append(args)
    raise OSError("the network was touched")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
from page_support import FakeAnswerer, article, service_of
from ui.page.chat import build_page
build_page(service_of(FakeAnswerer(article())))
time.sleep(0.3)  # gradio would report from a thread, and swallow its failing
assert calls == [], calls
assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
"""
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": str(here.parent)}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=here, env=environment)
