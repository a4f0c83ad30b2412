// Carries clicks and keys between the conversation and the source. It writes no text of a document into the page.

window.quoth = (() => {
  "use strict";

  const root = document.documentElement;
  const narrow = matchMedia("(max-width: 860px)");
  const find = (selector) => document.querySelector(selector);

  let asked = null; // what the next drawing of the source follows: the citation that was clicked, "earlier" or "later"
  let judged = ""; // the answer that was judged, until the conversation is drawn with it
  let below = 0; // how much of the source lay below the top edge when earlier text was asked for

  const awaited = () => Boolean(find("#log .pending")); // an answer, before which nothing else is asked

  const say = (words) => { find("#status").textContent = words; };

  function region(scroller, role, label) {
    scroller.setAttribute("role", role);
    scroller.setAttribute("aria-label", label);
    scroller.tabIndex = 0; // so that the keys can scroll it
  }

  // Every button that the server should hear of names its event; its other data goes along.
  function send(element, trigger, events) {
    element.addEventListener("click", (click) => {
      const button = click.target.closest("[data-event]");
      if (!button || !events.includes(button.dataset.event)) return;
      const { event, ...detail } = button.dataset;
      if (["again", "example"].includes(event) && awaited()) return;
      if (event === "example") detail.question = button.textContent;
      if (event === "again") {
        detail.question = button.parentElement.querySelector("input").value;
        if (!detail.question.trim()) return; // nothing to ask
        find("#question textarea").focus(); // the conversation is drawn anew, and the button with it
      }
      if (event === "judge") judged = detail.turn;
      if (event === "cite") {
        asked = button;
        if (same(find("#sheet .paper"), button)) return reveal();
      }
      if (event === "earlier" || event === "later") {
        const scroller = find("#source");
        asked = event;
        below = scroller.scrollHeight - scroller.scrollTop;
      }
      trigger(event, detail);
    });
  }

  const same = (paper, cite) =>
    paper && paper.dataset.turn === cite.dataset.turn && paper.dataset.number === cite.dataset.number;

  const cite = (paper) =>
    paper && find(`#log .cite[data-turn="${paper.dataset.turn}"][data-number="${paper.dataset.number}"]`);

  function tick() {
    find("#log .cite[aria-current]")?.removeAttribute("aria-current");
    cite(find("#sheet .paper"))?.setAttribute("aria-current", "true");
  }

  // On a narrow screen the source lies over the conversation; going back, by whatever key or gesture, uncovers it.
  function openPane() {
    if (narrow.matches && root.dataset.pane !== "source") history.pushState({ pane: "source" }, "");
    root.dataset.pane = "source";
  }

  function closePane() {
    if (history.state?.pane === "source") history.back();
    else back();
  }

  function back() {
    root.dataset.pane = "chat";
    (cite(find("#sheet .paper")) ?? find("#question textarea")).focus();
  }

  function reveal() {
    openPane();
    tick();
    const scroller = find("#source");
    const mark = find("#sheet mark.excerpt");
    const target = mark ?? find("#sheet .bar");
    if (!mark) scroller.scrollTop = 0;
    else mark.scrollIntoView({ block: mark.offsetHeight > scroller.clientHeight / 2 ? "start" : "center" });
    target.tabIndex = -1;
    target.focus({ preventScroll: true });
    say(mark ? `Source opened. ${find("#sheet .opened").textContent}` : find("#sheet .problem").textContent);
  }

  function sheet(element, watch) {
    element.addEventListener("click", (click) => { if (click.target.closest("[data-back]")) closePane(); });
    region(find("#source"), "region", "Source");
    watch("value", () => {
      const scroller = find("#source");
      if (asked === "earlier") scroller.scrollTop = scroller.scrollHeight - below;
      else if (asked instanceof Element) reveal();
      else if (asked === null) scroller.scrollTop = 0;
      asked = null;
      tick();
      if (document.activeElement === document.body) scroller.focus({ preventScroll: true }); // its button is gone
    });
  }

  function log(element, watch) {
    const scroller = find("#log");
    watch("value", () => {
      const pressed = judged && element.querySelector(`[data-turn="${judged}"][aria-pressed="true"]`);
      judged = "";
      tick();
      if (pressed) {
        pressed.focus({ preventScroll: true }); // the one that was clicked is gone
        return say("Thank you.");
      }
      const last = element.querySelector(".exchange:last-of-type");
      if (last) scroller.scrollTop += last.getBoundingClientRect().top - scroller.getBoundingClientRect().top - 24;
      scroller.setAttribute("aria-busy", String(awaited()));
    });
    region(scroller, "log", "Conversation");
  }

  function masthead(element) {
    element.addEventListener("click", (click) => {
      if (click.target.closest("[data-source]")) {
        openPane();
        find("#sheet .back").focus();
      }
      if (click.target.closest("[data-event=fresh]")) find("#question textarea").focus();
    });
  }

  function hold(event) {
    event.preventDefault();
    event.stopPropagation();
  }

  addEventListener("keydown", (key) => {
    const box = key.target.closest?.("#question textarea");
    if (box && key.key === "Enter" && !key.shiftKey && (awaited() || !box.value.trim())) hold(key); // or nothing to ask
    const searched = key.target.closest?.("#log .searched input");
    if (searched && key.key === "Enter" && !key.isComposing) searched.parentElement.querySelector("button").click();
    const unfolded = key.target.getAttribute?.("aria-expanded") === "true"; // it folds up itself
    if (key.key === "Escape" && key.target.closest?.("#source") && !unfolded) closePane();
  }, true);
  addEventListener("click", (click) => { if (click.target.closest?.("#ask") && awaited()) hold(click); }, true);
  addEventListener("popstate", () => { if (root.dataset.pane === "source") back(); });

  return { send, sheet, log, masthead };
})();
