"""What the tests in Chromium share: how it is started, and a visit of which everything is recorded."""

import os
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]

# WCAG's contrast of every piece of text with what lies behind it; the worst ones.
CONTRASTS = """() => {
  const parse = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
  const linear = (v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = (c) => c.slice(0, 3).map((v) => linear(v / 255))
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  const bad = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const element = node.parentElement;
    if (!node.data.trim() || element.closest("script, style")) continue;
    if (!element.checkVisibility({ visibilityProperty: true })) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
    const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (contrast < 4.5) bad.push([node.data, contrast]);
  }
  return bad;
}"""


@cache
def _axe() -> str:
    """The script of axe-core. Where it is missing, the test is skipped; in CI it fails."""
    file = os.environ.get("AXE")
    if not file:
        if os.environ.get("CI") == "true":
            pytest.fail("AXE does not name axe-core's file, and CI must try it")
        pytest.skip("AXE does not name axe-core's file, axe.min.js")
    return Path(file).read_text("utf-8")


def violations(page: Page) -> list[tuple[str, list[Any]]]:
    """The rules of accessibility that the page breaks, and where, in shadows too."""
    # what is still fading in or out has no contrast of its own
    page.evaluate(
        "Promise.allSettled(document.getAnimations().filter((one) => one.effect.getComputedTiming().endTime < Infinity)"
        ".map((one) => one.finished))"
    )
    if not page.evaluate("'axe' in window"):
        # not as an element of the page, which the page's policy would forbid
        page.evaluate(_axe())
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
    return [(one["id"], [(node["target"], node["failureSummary"]) for node in one["nodes"]]) for one in found]


class Watched:
    """A visit in a browser, of which every request and every complaint is kept."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        context.on("request", lambda request: self.requests.append(request.url))
        context.on("requestfailed", self._failed)
        context.on(
            "response", lambda response: response.ok or self.complaints.append(f"{response.status} {response.url}")
        )
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        context.on(
            "console",
            lambda message: message.type in ("error", "warning") and self.complaints.append(message.text),
        )
        self.page: Page = context.new_page()
        self.address = address
        self.page.goto(address)
        expect(self.page.locator(".welcome")).to_be_visible(timeout=30_000)

    def _failed(self, request: Request) -> None:
        # gradio's script hangs up by itself when an answer has arrived
        if not ("/queue/data" in request.url and request.failure == "net::ERR_ABORTED"):
            self.complaints.append(f"{request.url} {request.failure}")

    def ask(self, question: str) -> None:
        number = self.page.locator(".exchange").count()
        self.page.get_by_label("Your question").fill(question)
        self.page.keyboard.press("Enter")
        expect(self.page.locator(".exchange")).to_have_count(number + 1)
        expect(self.page.locator(".pending")).to_have_count(0)

    def marked(self, kind: str = "excerpt") -> str:
        return "".join(self.page.locator(f"#source mark.{kind}").all_text_contents())

    def check(self) -> None:
        """All requests went to the server, and the browser had nothing to complain of."""
        strangers = [url for url in self.requests if not url.startswith((f"{self.address}/", "data:", "blob:"))]
        assert strangers == []
        assert self.complaints == []
