// Carries clicks and keys between the conversation and the source. It writes no text of a document into the page.

window.quoth = (() => {
  "use strict";

  const root = document.documentElement;
  const narrow = matchMedia("(max-width: 860px)");
  const find = (selector) => document.querySelector(selector);

  let asked = null; // why the source is drawn next: the citation that was clicked, "open", "earlier" or "later"
  let judged = ""; // the answer that got feedback, until the conversation is drawn with it
  let below = 0; // how much of the source lay below the top edge when earlier text was asked for

  const awaited = () => Boolean(find("#log .pending")); // no question is sent while an answer is awaited

  const announce = (words) => { find("#status").textContent = words; };

  function region(scroller, role, label) {
    scroller.setAttribute("role", role);
    scroller.setAttribute("aria-label", label);
    scroller.tabIndex = 0; // so that the keys can scroll it
  }

  // A click on an element with data-event is sent to the server, with the element's other data.
  function send(element, trigger, events) {
    element.addEventListener("click", (click) => {
      const button = click.target.closest("[data-event]");
      if (!button || !events.includes(button.dataset.event)) return;
      const { event, ...detail } = button.dataset;
      if (["again", "example"].includes(event) && awaited()) return;
      if (event === "example") detail.question = button.textContent;
      if (event === "again") {
        detail.question = button.parentElement.querySelector("textarea").value;
        if (!detail.question.trim()) return; // nothing to ask
        find("#question textarea").focus(); // the conversation is drawn anew, and the button with it
      }
      if (event === "judge") judged = detail.turn;
      if (event === "cite") {
        asked = button;
        if (same(find("#sheet .paper"), button)) return reveal();
      }
      if (event === "find") detail.words = box().value;
      if (event === "open") {
        asked = event;
        box().value = "";
        unfold(false);
      }
      if (event === "more") {
        const scroller = find("#source");
        asked = detail.way;
        below = scroller.scrollHeight - scroller.scrollTop;
      }
      trigger(event, detail);
    });
  }

  const same = (paper, cite) =>
    paper && paper.dataset.turn === cite.dataset.turn && paper.dataset.number === cite.dataset.number;

  const cite = (paper) =>
    paper && find(`#log .cite[data-turn="${paper.dataset.turn}"][data-number="${paper.dataset.number}"]`);

  // Shows which citation and which title are opened.
  function tick() {
    const paper = find("#sheet .paper");
    for (const old of document.querySelectorAll("#log .cite[aria-current], #titles [aria-current]"))
      old.removeAttribute("aria-current");
    cite(paper)?.setAttribute("aria-current", "true");
    find(`#titles [data-document="${paper?.dataset.document}"]`)?.setAttribute("aria-current", "true");
  }

  // The box that finds a document. The server lists titles under it; arrow keys, Enter or a click choose one.
  const box = () => find("#find");
  const chosen = () => find("#titles [aria-selected=true]");

  function unfold(open) {
    if (!box() || (box().getAttribute("aria-expanded") === "true") === open) return;
    box().setAttribute("aria-expanded", open);
    choose(null);
  }

  function choose(option) {
    chosen()?.removeAttribute("aria-selected");
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    if (option) box().setAttribute("aria-activedescendant", option.id);
    else box().removeAttribute("aria-activedescendant");
  }

  function finder(element, watch, trigger) {
    let waiting;
    const list = () => trigger("find", { words: box().value });
    const open = () => {
      if (box()?.getAttribute("aria-expanded") !== "false") return;
      unfold(true);
      list();
    };
    element.addEventListener("focusin", open);
    element.addEventListener("click", open);
    element.addEventListener("input", () => {
      unfold(true);
      choose(null);
      clearTimeout(waiting);
      waiting = setTimeout(list, 150); // not for every letter of a word that is typed quickly
    });
    element.addEventListener("keydown", (key) => {
      const options = [...document.querySelectorAll("#titles [data-event]")];
      const step = { ArrowDown: 1, ArrowUp: -1 }[key.key];
      if (step) {
        key.preventDefault();
        open();
        const at = options.indexOf(chosen()) + step;
        choose(options[at < -1 ? options.length - 1 : at] ?? null);
      }
      if (key.key === "Enter") chosen()?.click();
      if (key.key === "Escape") unfold(false);
    });
  }

  function titles(element, watch) {
    element.addEventListener("mousedown", (press) => press.preventDefault()); // the box keeps the focus
    watch("value", () => {
      find("#titles").scrollTop = 0;
      tick();
      choose(box().value.trim() ? element.querySelector("[data-event=open]") : null); // Enter opens the first match
    });
  }

  // On a narrow screen the source lies over the conversation. Going back, by any key or gesture, uncovers it.
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
    announce(mark ? `Source opened. ${find("#sheet .opened").textContent}` : find("#sheet .problem").textContent);
  }

  function sheet(element, watch) {
    element.addEventListener("click", (click) => { if (click.target.closest("[data-back]")) closePane(); });
    region(find("#source"), "region", "Source");
    watch("value", () => {
      const scroller = find("#source");
      if (asked === "earlier") scroller.scrollTop = scroller.scrollHeight - below;
      else if (asked instanceof Element) reveal();
      else if (asked !== "later") scroller.scrollTop = 0;
      if (asked === "open") announce(find("#sheet :is(h2, .problem)").textContent);
      asked = null;
      tick();
      if (document.activeElement === document.body) scroller.focus({ preventScroll: true }); // the clicked button is gone
    });
  }

  function log(element, watch) {
    const scroller = find("#log");
    watch("value", () => {
      const pressed = judged && element.querySelector(`[data-turn="${judged}"][aria-pressed="true"]`);
      judged = "";
      tick();
      if (pressed) {
        pressed.focus({ preventScroll: true }); // the clicked button is gone
        return announce("Thank you.");
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
    const searched = key.target.closest?.("#log .searched textarea");
    if (searched && key.key === "Enter" && !key.isComposing) {
      key.preventDefault();
      searched.parentElement.querySelector("button").click();
    }
    const unfolded = key.target.getAttribute?.("aria-expanded") === "true"; // Escape folds the titles first
    if (key.key === "Escape" && key.target.closest?.("#source") && !unfolded) closePane();
  }, true);
  addEventListener("click", (click) => { if (click.target.closest?.("#ask") && awaited()) hold(click); }, true);
  for (const event of ["focusin", "pointerdown"])
    addEventListener(event, ({ target }) => { if (!target.closest?.("#finder, #titles")) unfold(false); });
  addEventListener("popstate", () => { if (root.dataset.pane === "source") back(); });

  return { send, sheet, log, masthead, finder, titles };
})();
