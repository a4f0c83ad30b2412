"""Documents that try to be more than text, read from their files and asked about: in the page and in the widget."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from browser_support import Watched
from corpus_support import documents_of
from page_support import app_of, serving
from playwright.sync_api import Browser, Locator, expect
from widget_support import Visit, sample, site, visiting

from index.corpus import open_corpus
from index.encoders.encoder import Encoder
from index.publish import publish
from index.sources.read import read
from rag.answer import Answerer, build_answerer
from rag.settings import Settings

pytestmark = pytest.mark.browser

BACKWARDS, ASIDE, ENDED = "\u202e", "\u2067", "\u2069"
"""An override and an isolate from right to left, which are never ended; and the end of an isolate that never began."""
OUTSIDE = "http://example.invalid"

RULES = f"""\
---
title: "<!--<script>window.hacked = 1 {BACKWARDS}Harbour rules {ASIDE}"
source: "javascript:window.hacked=2//{BACKWARDS}"
examples:
  - "{BACKWARDS}Where is the fee paid? <img src='{OUTSIDE}/e.png' onerror='window.hacked = 3'>"
---
## <img src=x onerror='window.hacked = 4'> ![rules]({OUTSIDE}/h.png) {BACKWARDS}of the port {ASIDE}

The harbour master writes <script>window.hacked = 5</script> into the log every morning.

The pilot boat is painted <img src='{OUTSIDE}/a.png' onerror='window.hacked = 6'> on both sides.

Ships from Norway show ![a flag]({OUTSIDE}/b.png) and <{OUTSIDE}/c> at the mast.

The fee is paid at [the office](javascript:window.hacked=7) [on the quay][1] before noon.

[1]: {OUTSIDE}/d

The lighthouse keeper sings ]]> <!-- </textarea></title></script><svg onload='window.hacked = 8'> at midnight --> alone.

The customs officer drinks {ASIDE}tea and {BACKWARDS}nothing but water in the evening.

The bank of \u0410\u0440\u0440le and p\u0430yp\u0430l lies be\u200bhind the mar\u200dket\ufeff square\u2060.
"""

NOTES = f"""\
<!doctype html><html><head><meta http-equiv="refresh" content="0;url={OUTSIDE}/r"><base href="{OUTSIDE}/">
<link rel="stylesheet" href="{OUTSIDE}/s.css"><style>@import "{OUTSIDE}/t.css"; * {{ display: none }}</style></head>
<body onload="window.hacked = 9"><h1 {BACKWARDS}>Notes</h1>
<p onclick="window.hacked = 10">The crane carries <form action="{OUTSIDE}/f"><button autofocus>Go</button></form>.</p>
<p>The weighing house is built of ${{window.hacked = 11}} {{{{constructor.constructor('window.hacked = 12')()}}}}.</p>
<iframe srcdoc="<script>top.hacked = 13</script>"></iframe><object data="{OUTSIDE}/o"></object>
&lt;b&gt; &amp;amp; &#x202e; <!--<script>
</body></html>
"""

QUESTIONS = [
    "What does the harbour master write into the log?",
    "How is the pilot boat painted?",
    "What do ships from Norway show at the mast?",
    "Where is the fee paid?",
    "What does the lighthouse keeper sing?",
    "What does the customs officer drink in the evening?",
    "Which bank lies behind the market square?",
    "What does the crane carry?",
    "Of what is the weighing house built?",
]

ACTIVE = ":is(a, img, script, style, link, iframe, object, embed, form[action], base, meta, svg[onload], b)"

# the pieces of quoth's own text that are not written from left to right
REORDERED = """root => {
  const bad = [], walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const elsewhere = "bdi, [dir=auto], .hidden-words, .unseen, style, script";
    if (!node.data.trim() || node.parentElement.closest(elsewhere)) continue;
    let last = null;
    for (let at = 0; at < node.length; at += 1) {
      const range = document.createRange();
      range.setStart(node, at);
      range.setEnd(node, at + 1);
      const box = range.getBoundingClientRect();
      if (!box.width) continue;
      if (last && Math.abs(box.top - last.top) < 3 && box.left < last.left) bad.push(node.data);
      last = box;
    }
  }
  return bad;
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder) -> Path:
    """A corpus of the two files."""
    folder = tmp_path_factory.mktemp("hostile")
    rules, notes = folder / "rules.md", folder / "notes.html"
    rules.write_text(RULES, "utf-8")
    notes.write_text(NOTES, "utf-8")
    about = {
        "title": f"</script>\"'><img src=x onerror=window.hacked=14>]]>--> {ENDED}{BACKWARDS}seton\u2029\r{BACKWARDS}",
        "source": f"{OUTSIDE}/<script>window.hacked=15</script>{BACKWARDS}",
        "examples": [f"</button><script>window.hacked = 16</script>{BACKWARDS}"],
    }
    (folder / "notes.html.meta.json").write_text(json.dumps(about), "utf-8")
    publish(folder / "corpus", read([rules, notes]), encoder)
    return folder / "corpus"


def answering(folder: Path, encoder: Encoder, risk: float) -> Answerer:
    settings = Settings(corpus=folder, risk=risk)
    return build_answerer(open_corpus(folder, encoder), encoder, settings)


@pytest.fixture(scope="module")
def bold(folder: Path, encoder: Encoder) -> Answerer:
    """Answers whatever it is asked."""
    return answering(folder, encoder, 1.0)


@pytest.fixture(scope="module")
def shy(folder: Path, encoder: Encoder) -> Answerer:
    """Answers nothing, and shows the closest passages."""
    return answering(folder, encoder, 0.0)


def check_text(answerer: Answerer, shown: Locator) -> None:
    texts = [document.text for document in documents_of(answerer.corpus)]
    assert shown.count() > 0
    for excerpt in shown.all_text_contents():
        assert any(excerpt in text for text in texts)


@pytest.mark.parametrize("kind", ["bold", "shy"])
def test_in_the_page_they_are_text(browser: Browser, kind: str, request: pytest.FixtureRequest) -> None:
    answerer: Answerer = request.getfixturevalue(kind)
    rules, notes = documents_of(answerer.corpus)
    with serving(app_of(answerer)) as url, browser.new_context(viewport={"width": 1280, "height": 860}) as context:
        visit = Watched(context, url)
        page = visit.page
        assert page.locator(".example").all_text_contents() == [*rules.examples, *notes.examples]
        chooser = page.get_by_role("combobox", name="Find a document")
        for place, document in ((1, notes), (0, rules)):
            chooser.click()
            expect(page.get_by_role("option").nth(place)).to_contain_text(document.title)
            page.get_by_role("option").nth(place).click()
            expect(page.locator(".paper h2")).to_have_text(document.title)
            assert page.locator("#source .text").text_content() == document.text
            expect(page.locator(".paper .about")).to_contain_text(document.source or "?")

        for question in QUESTIONS[::2] if kind == "bold" else QUESTIONS[:2]:
            visit.ask(question)
        check_text(answerer, page.locator("#log blockquote"))
        for n in range(page.locator(".cite").count()):
            cite = page.locator(".cite").nth(n)
            cite.click()
            expect(cite).to_have_attribute("aria-current", "true")
            expect(page.locator("#source mark.excerpt").first).to_be_in_viewport()
            assert visit.marked() == page.locator("#log blockquote").nth(n).text_content()
        assert page.locator("#desk, #masthead").evaluate_all(f"roots => roots.flatMap({REORDERED})") == []
        page.get_by_role("button", name="New conversation").click()
        page.locator(".example").last.click()
        expect(page.locator(".question")).to_have_text(f"You asked: {notes.examples[0]}")
        expect(page.locator(".pending")).to_have_count(0)

        assert page.locator(f"#log {ACTIVE}, #sheet {ACTIVE}").count() == 0
        assert page.evaluate("window.hacked") is None
        visit.check()


@contextmanager
def holding(browser: Browser, answerer: Answerer, name: str) -> Iterator[Visit]:
    """A visit to a page of another site that holds the widget."""
    pages: dict[str, str] = {}
    with (
        site(None, pages, other="http://127.0.0.1:*") as host,
        serving(app_of(answerer, origins=(host,))) as quoth,
    ):
        pages[name] = sample(name, ('src="quoth.js"', f'src="{quoth}/quoth.js"'))
        with visiting(browser, host, name) as visit:
            visit.addresses.append(quoth)
            if name != "search.html":
                visit.open()
            yield visit


@pytest.mark.parametrize(
    ("name", "questions"), [("home.html", QUESTIONS[1::2]), ("article.html", [QUESTIONS[0], QUESTIONS[-1]])]
)
def test_in_the_widget_they_are_text(browser: Browser, bold: Answerer, name: str, questions: list[str]) -> None:
    with holding(browser, bold, name) as visit:
        for question in questions:
            visit.ask(question)
        check_widget(visit, bold)


def test_in_the_widget_the_closest_passages_are_text(browser: Browser, shy: Answerer) -> None:
    with holding(browser, shy, "search.html") as visit:
        for question in (QUESTIONS[0], QUESTIONS[-1]):
            visit.ask(question)
            expect(visit.page.locator(".log article").last.locator(".near").first).to_be_visible()
        check_widget(visit, shy)


def check_widget(visit: Visit, answerer: Answerer) -> None:
    widget = visit.page.locator("quoth-widget")
    check_text(answerer, widget.locator("blockquote"))
    for document in documents_of(answerer.corpus):
        expect(widget.locator(".title", has_text=document.title).first).to_be_attached()
    for cite in widget.locator("button.cite").all():
        cite.click()
    expect(widget.locator(".note > *")).to_have_count(widget.locator("button.cite").count())
    # the one link that there may be is to where a document says that it comes from, and only where that is a page
    for link in widget.locator("a").all():
        assert (link.get_attribute("href") or "").startswith(f"{OUTSIDE}/")
    assert widget.locator(ACTIVE.replace("a, ", "", 1)).count() == 0
    assert widget.evaluate(f"widget => ({REORDERED})(widget.shadowRoot)") == []
    assert visit.page.evaluate("window.hacked") is None
