// The widget: questions and quoted answers in any page. What documents and persons wrote goes in as text, never as HTML.
// <script src="…/quoth.js" data-mode="bubble|inline|page"></script>, once for each place; what else it takes is read below.
(() => {
  "use strict";

  const script = document.currentScript
    ?? [...document.scripts].reverse().find((one) => /\/quoth\.js([?#]|$)/.test(one.src));
  const given = script.dataset;
  const mode = ["inline", "page"].includes(given.mode) ? given.mode : "bubble";
  const title = given.title ?? (mode === "page" ? "Ask about this page" : "Ask the documents");
  const base = (given.base === undefined ? new URL(".", script.src) : new URL(given.base, document.baseURI)).href
    .replace(/\/+$/, "");
  const TURNS = 10; // of the conversation that go along with a question
  const PATIENCE = 60_000; // milliseconds until an answer is given up
  const AROUND = 600; // characters shown before and after an excerpt that is read in its document

  const tell = (name, detail) => document.dispatchEvent(new CustomEvent(`quoth:${name}`, { detail }));

  // --- the API

  class Failure extends Error {
    constructor(words, status = 0) {
      super(words);
      this.status = status;
    }
  }

  let bearer = null; // kept nowhere else: it dies with the page

  const unsigned = (status) => new Failure("This page could not sign you in. Sign in to it again and reload it.", status);

  // What the page gives: null where it gives none. A page that never says is not waited for longer than `signal` does.
  async function embedToken(signal) {
    if (typeof window.quothToken === "function") {
      const late = new Promise((_, give) => signal.addEventListener("abort", () => give(signal.reason), { once: true }));
      const asked = (async () => window.quothToken())().catch(() => { throw unsigned(); });
      return Promise.race([asked, late]);
    }
    if (!given.tokenUrl) return null;
    const response = await fetch(given.tokenUrl, { credentials: "same-origin", cache: "no-store", signal });
    if (!response.ok) throw unsigned(response.status);
    const text = (await response.text()).trim();
    return text.startsWith("{") ? JSON.parse(text).token : text;
  }

  function send(path, body, signal) {
    const headers = { Accept: "application/json" };
    if (body) headers["Content-Type"] = "application/json";
    if (bearer) headers.Authorization = `Bearer ${bearer}`;
    return fetch(`${base}/api/v1/${path}`, {
      method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal,
      credentials: "same-origin", cache: "no-store",
    });
  }

  async function signIn(signal) {
    const token = await embedToken(signal);
    if (!token) return;
    const response = await send("session", { token }, signal);
    if (response.status === 401) throw unsigned(401);
    if (!response.ok) throw await refused(response);
    bearer = (await response.json()).token;
  }

  async function call(path, body, signal = AbortSignal.timeout(PATIENCE), again = true) {
    if (bearer === null) await signIn(signal);
    const response = await send(path, body, signal);
    if (response.status === 401 && bearer && again) {
      bearer = null; // it has expired: once more, with a new one
      return call(path, body, signal, false);
    }
    if (!response.ok) throw await refused(response);
    return response.status === 204 ? null : response.json();
  }

  async function refused(response) {
    const { status } = response;
    const problem = await response.json().catch(() => ({}));
    const said = [problem.detail, problem.title].find((words) => typeof words === "string" && words);
    const later = `Try again ${wait(response.headers.get("Retry-After"))}.`;
    if (status === 429) return new Failure(`Too many questions in a short time. ${later}`, status);
    if (status === 503 && !problem.detail) return new Failure(`Too much is being asked just now. ${later}`, status);
    if (status === 401) return new Failure("You are not signed in. Sign in, then ask again.", status);
    return new Failure(said ?? `This could not be answered (error ${status}).`, status);
  }

  // Retry-After is a number of seconds or a date.
  function wait(header) {
    const seconds = Math.ceil(/^\d+$/.test(header ?? "") ? Number(header) : (Date.parse(header) - Date.now()) / 1000);
    if (!(seconds > 0)) return "in a moment";
    const [number, unit] = seconds < 100 ? [seconds, "second"] : [Math.ceil(seconds / 60), "minute"];
    return `in ${number} ${unit}${number === 1 ? "" : "s"}`;
  }

  function failure(error) {
    if (error instanceof Failure) return error;
    if (error.name === "TimeoutError") return new Failure("This took too long. Try again.");
    return new Failure("The service could not be reached. Check the connection, then ask again.");
  }

  // --- elements

  function h(name, attributes, ...children) {
    const [tag, ...classes] = name.split(".");
    const element = document.createElement(tag);
    if (classes.length) element.className = classes.join(" ");
    for (const [key, value] of Object.entries(attributes ?? {})) {
      if (typeof value === "function") element.addEventListener(key, value);
      else if (value !== null && value !== undefined) element.setAttribute(key, value);
    }
    element.append(...children.filter((child) => child !== null));
    return element;
  }

  function icon(path) {
    const [svg, line] = ["svg", "path"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    line.setAttribute("d", path);
    svg.append(line);
    return svg;
  }

  // In a direction of its own: a bdi is ended by the sign that ends an isolate, so a text that begins or ends one without
  // the other would turn what stands after it; so would a new paragraph, which ends all that was begun.
  function isolated(name, text) {
    let opened = 0, ended = 0;
    for (const sign of text.match(/[\u2066-\u2069]/g) ?? []) {
      if (sign !== "\u2069") opened += 1;
      else if (opened) opened -= 1;
      else ended += 1;
    }
    const line = text.replace(/[\x1c-\x1e\x85\u2029]/g, " ");
    return h(name, null, "\u2068".repeat(ended) + line + "\u2069".repeat(opened));
  }

  const button = (name, label, path, click) =>
    h(`button.icon.${name}`, { type: "button", "aria-label": label, title: label, click }, icon(path));

  const QUOTES = "M4 18v-5c0-4 2-6 5.5-7l.8 2C8 9 7.3 10 7.2 11.5H10V18zm9.5 0v-5c0-4 2-6 5.5-7l.8 2c-2.3 1-3 2-3.1 3.5h2.8V18z";
  const CLOSE = "M6.4 5 12 10.6 17.6 5 19 6.4 13.4 12l5.6 5.6-1.4 1.4L12 13.4 6.4 19 5 17.6 10.6 12 5 6.4z";
  const FRESH = "M11 5h2v6h6v2h-6v6h-2v-6H5v-2h6z";
  const THUMB = "M3 10h4v10H3zm6 9V10l4-7c1.7 0 2.8 1.2 2.5 2.8L14.8 9h4.4c1.3 0 2.2 1.2 1.9 2.4l-1.7 6.8c-.3 1.1-1.2 1.8-2.3 1.8h-6.3z";

  // --- the frame

  const host = document.createElement("quoth-widget"); // a name of its own: the page's rules for div and span pass it by
  host.dataset.mode = mode;
  host.lang = "en"; // of its own words, whatever the page's are
  const shadow = host.attachShadow({ mode: "open" });
  const welcome = h("p.welcome", null, mode === "page"
    ? "Ask, and the answer is quoted word for word, and marked in this page."
    : "Ask, and the answer is quoted from the documents, word for word.");
  const log = h("div.log", { role: "log", "aria-label": "Conversation", "aria-live": "polite", tabindex: "0" }, welcome);
  const status = h("p.unseen", { role: "status" });
  const box = h("textarea", {
    id: "question", rows: "1", dir: "auto", autocomplete: "off", enterkeyhint: "send",
    placeholder: given.placeholder, keydown: onKey,
  });
  const submit = h("button.ask", { type: "submit" }, "Ask");
  const form = h("form", { submit: (event) => { event.preventDefault(); ask(); } },
    h("label", { for: "question" }, "Your question"), box, submit);
  const heading = h("h2", { id: "title" }, title);
  const fresh = button("fresh", "New conversation", FRESH, begin);
  const head = h("div.head", null, icon(QUOTES), heading, fresh);
  const panel = h(mode === "inline" ? "section.panel" : "dialog.panel", { "aria-labelledby": "title" }, head, log, form, status);
  const label = h("span", null, title);
  const launcher = mode === "inline" ? null : h("button.launcher", {
    type: "button", "aria-haspopup": "dialog", "aria-expanded": "false", click: open,
  }, icon(QUOTES), label);
  if (launcher) head.append(button("close", "Close", CLOSE, close));

  function open() {
    if (panel.open) return;
    // over all of a narrow screen, so nothing behind it can be reached; beside the words of a page, those must be
    const alone = mode === "bubble" && matchMedia("(max-width: 600px)").matches;
    panel[alone ? "showModal" : "show"]();
    launcher.hidden = true;
    launcher.setAttribute("aria-expanded", "true");
    box.focus();
  }

  function close() {
    if (!panel.open) return;
    panel.close();
    closed();
  }

  function closed() {
    // the browser reports a close later than close() itself: by then the panel may have been opened again
    if (panel.open || !launcher.hidden) return;
    unmark();
    launcher.hidden = false;
    launcher.setAttribute("aria-expanded", "false");
    launcher.focus();
  }

  panel.addEventListener("close", closed);
  panel.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing || !launcher) return;
    event.preventDefault();
    event.stopPropagation(); // the page's own dialogs stay as they are
    close();
  });

  function onKey(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    ask();
  }

  const say = (words) => { status.textContent = words; };

  // --- the conversation

  const turns = [];
  let asking = null; // what calls off the question that is under way

  function begin() {
    asking?.abort();
    asking = null;
    turns.length = 0;
    unmark();
    settle();
    log.replaceChildren(welcome);
    box.value = "";
    box.focus();
  }

  function settle() {
    log.setAttribute("aria-busy", String(Boolean(asking)));
    submit.setAttribute("aria-disabled", String(Boolean(asking)));
  }

  async function ask() {
    const question = box.value.trim();
    if (!question || asking) return;
    const mine = asking = new AbortController();
    const timer = setTimeout(() => mine.abort(new DOMException("", "TimeoutError")), PATIENCE);
    const reply = h("div.reply", null, h("p.pending", null, "Looking through the documents…"));
    welcome.remove();
    const exchange = h("article", null,
      h("h3", { dir: "auto" }, h("span.unseen", { dir: "ltr" }, "You asked: "), question), reply);
    log.append(exchange);
    box.value = "";
    settle();
    show(exchange);
    tell("asked", { question });
    try {
      const row = await call("ask", { question, history: turns.slice(-TURNS) }, mine.signal);
      if (asking !== mine) return;
      reply.replaceChildren(...answered(row, question));
      turns.push({
        question,
        answer: row.citations.map((citation) => citation.text).join(" "),
        documents: [...new Set(row.citations.map((citation) => citation.document_id))],
      });
      tell("answered", { id: row.id, status: row.status, citations: row.citations.length });
    } catch (error) {
      if (asking !== mine) return;
      const { message, status } = failure(error.name === "AbortError" ? mine.signal.reason : error);
      reply.replaceChildren(h("p.problem", null, message));
      if (!box.value) box.value = question;
      tell("failed", { status, detail: message });
    } finally {
      clearTimeout(timer);
      if (asking === mine) {
        asking = null;
        settle();
        show(exchange);
      }
    }
  }

  // The newest question is at the top of what is seen of the conversation, not the end of its answer.
  function show(exchange) {
    log.scrollTop += exchange.getBoundingClientRect().top - log.getBoundingClientRect().top - 12;
  }

  function answered(row, question) {
    const form = row.searched_for[0] ?? "";
    const there = [...row.citations, ...row.closest].filter((one) => row.searched_in.includes(one.document_id));
    const titles = [...new Set(there.map((citation) => citation.title))];
    const where = titles.flatMap((title, number) => [number ? ", " : " in ", isolated("bdi", title)]);
    const searched = form && form !== question.split(/\s+/).join(" ")
      ? h("p.searched", null, "Searched for", ...where, ": ", isolated("bdi", form)) : null;
    const parts = row.status === "answered"
      ? [searched, ...row.citations.map((citation) => quoted(citation, true))]
      : [h("p.unanswered", null, "The documents do not answer this."), searched,
        row.closest.length ? h("h4", null, "Closest passages (not answers)") : null,
        ...row.closest.map((citation) => quoted(citation, false))];
    return [...parts, row.feedback ? judged(row.id) : null].filter((part) => part !== null);
  }

  // Offsets count code points, and JavaScript's strings do not.
  function words({ text, start, highlight }) {
    const points = Array.from(text);
    return [points.slice(0, highlight[0] - start), points.slice(highlight[0] - start, highlight[1] - start),
      points.slice(highlight[1] - start)].map((part) => part.join(""));
  }

  function marked(citation) {
    const [before, inside, after] = words(citation);
    return [before, h("mark", null, inside), after];
  }

  const address = (link) => (/^https?:\/\//i.test(link ?? "") ? link : null);
  const page = (link) => link.replace(/#.*$/s, "");

  function quoted(citation, answers) {
    const link = address(citation.link);
    const here = link && mode === "page" && page(link) === page(location.href);
    const place = [
      h("span.number", null, `[${citation.number}]`), " ",
      h("span.place", null, isolated("bdi.title", citation.title),
        ...(citation.heading ? [", under “", isolated("bdi", citation.heading), "”"] : []),
        citation.paragraph ? `, paragraph ${citation.paragraph}` : ""),
    ];
    const note = h("div.note");
    const opener = (named, opens) => h("button.cite", {
      type: "button", click: ({ currentTarget }) => opens(citation, note, currentTarget),
    }, ...place, h("span.unseen", null, named));
    const linked = (name, ...inside) => h(name, {
      href: link, target: "_blank", rel: "noopener",
      click: () => tell("opened", { number: citation.number, document_id: citation.document_id }),
    }, ...inside, h("span.unseen", null, " (opens in a new tab)"));
    const cite = mode === "page" ? opener(" (marks it in this page)", mark)
      : link ? linked("a.cite", ...place, h("span.unseen", null, ", the original")) : opener(" (shows what stands around it)", readAround);
    return h(`figure.${answers ? "quote" : "near"}`, null,
      h("blockquote", { dir: "auto" }, ...(answers ? marked(citation) : [citation.text])),
      h("figcaption", null, cite, mode === "page" && link && !here ? linked("a.original", "Open the original") : null),
      note);
  }

  // An excerpt of a document that no browser opens, read where it stands.
  async function readAround(citation, note, opener) {
    if (note.firstChild) {
      opener.setAttribute("aria-expanded", "false");
      return note.replaceChildren();
    }
    try {
      const { text } = await call(`documents/${encodeURIComponent(citation.document_id)}`);
      const points = Array.from(text);
      const [from, to] = [Math.max(0, citation.start - AROUND), Math.min(points.length, citation.end + AROUND)];
      const here = h("strong", null, ...marked(citation));
      const around = h("div.around", {
        dir: "auto", role: "group", "aria-label": `Around citation ${citation.number}`, tabindex: "0",
      }, from ? "…" : null, points.slice(from, citation.start).join(""), here,
      points.slice(citation.end, to).join(""), to < points.length ? "…" : null);
      note.replaceChildren(around);
      const first = here.getClientRects()[0], line = parseFloat(getComputedStyle(around).lineHeight);
      // two lines above it, and both of them whole
      around.scrollTop += first.top - (line - first.height) / 2 - 2 * line - around.getBoundingClientRect().top;
      opener.setAttribute("aria-expanded", "true");
      say(`What stands around citation ${citation.number} is shown.`);
      tell("opened", { number: citation.number, document_id: citation.document_id });
    } catch (error) {
      const { message, status } = failure(error);
      note.replaceChildren(h("p.problem", { role: "alert" }, message));
      tell("failed", { status, detail: message });
    }
  }

  function judged(id) {
    const thanks = h("span", { role: "status" });
    const thumb = (verdict, name) => button(verdict, name, THUMB, async ({ currentTarget }) => {
      try {
        await call("feedback", { id, verdict });
        for (const one of group.querySelectorAll("button")) one.setAttribute("aria-pressed", String(one === currentTarget));
        thanks.textContent = "Thank you.";
      } catch (error) {
        thanks.textContent = failure(error).message;
      }
    });
    const group = h("div.judged", { role: "group", "aria-label": "Was this helpful?" },
      thumb("up", "Helpful"), thumb("down", "Not helpful"), thanks);
    for (const one of group.querySelectorAll("button")) one.setAttribute("aria-pressed", "false");
    return group;
  }

  // --- the page's own text

  const UNREAD = "script, style, noscript, template, textarea, select, quoth-widget";
  const SEEMS = { "‘": "'", "’": "'", "‚": "'", "‛": "'", "“": '"', "”": '"', "„": '"', "‟": '"',
    "‐": "-", "‑": "-", "–": "-", "—": "-", "−": "-" };

  // As text is compared: no blanks and nothing that is not seen, since a page breaks and hyphenates as it likes.
  const plain = (text) => Array.from(text, (character) => (/^[!-,.-~]$/.test(character) ? character
    : character.normalize("NFKD").replace(/[\s\p{Cf}]/gu, "").replace(/[‘-‟‐-—−]/g, (sign) => SEEMS[sign] ?? sign))).join("");

  // The text of the page as it is compared, and for each of its units the node and the place where it stands.
  function indexed(root) {
    const units = [], places = [];
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT, (node) => {
      if (node.nodeType === Node.TEXT_NODE) return NodeFilter.FILTER_ACCEPT;
      const unread = node.matches(UNREAD) || getComputedStyle(node).display === "none";
      return unread ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_SKIP;
    });
    for (let node; (node = walker.nextNode());) {
      if (getComputedStyle(node.parentElement).visibility !== "visible") continue;
      let at = 0;
      for (const character of node.data) {
        for (const unit of plain(character).split("")) {
          units.push(unit);
          places.push([node, at, character.length]);
        }
        at += character.length;
      }
    }
    return { flat: units.join(""), places };
  }

  function shared(a, b) {
    let length = 0;
    while (length < a.length && length < b.length && a[length] === b[length]) length += 1;
    return length;
  }

  const backwards = (text) => text.split("").reverse().join("");

  const article = () => (given.article ? [given.article] : ["main", "article"])
    .map((selector) => document.querySelector(selector)).find(Boolean) ?? document.body;

  // The ranges of the excerpt and of its words in the page, where it stands as in the document, most of all its
  // surroundings; null where the page does not have it.
  function found(citation) {
    const { flat, places } = indexed(article());
    const [quote, prefix, suffix] = [citation.text, citation.receipt.prefix, citation.receipt.suffix].map(plain);
    let best = -1, most = -1;
    for (let at = quote ? flat.indexOf(quote) : -1; at >= 0; at = flat.indexOf(quote, at + 1)) {
      const agreed = shared(backwards(flat.slice(Math.max(0, at - prefix.length), at)), backwards(prefix))
        + shared(flat.slice(at + quote.length), suffix);
      if (agreed > most) [best, most] = [at, agreed];
    }
    if (best < 0) return null;
    const range = (from, to) => {
      const made = document.createRange();
      const [last, at, length] = places[to - 1];
      made.setStart(places[from][0], places[from][1]);
      made.setEnd(last, at + length);
      return made;
    };
    const [before, inside] = words(citation).map((part) => plain(part).length);
    return {
      excerpt: range(best, best + quote.length),
      words: inside ? range(best + before, best + before + inside) : null,
    };
  }

  let current = null; // the citation that is marked

  function unmark() {
    current?.removeAttribute("aria-current");
    panel.classList.remove("up");
    current = null;
    for (const name of ["quoth-excerpt", "quoth-words"]) CSS.highlights?.delete(name);
  }

  function mark(citation, note, opener) {
    const place = found(citation);
    unmark();
    note.replaceChildren();
    tell("opened", { number: citation.number, document_id: citation.document_id, marked: Boolean(place) });
    if (!place) {
      note.append(h("p.differs", { role: "alert" },
        "This page does not have these words as the document has them, so nothing is marked. "
        + "What stands above is the document’s."));
      return;
    }
    for (let box = place.excerpt.startContainer.parentElement; box; box = box.parentElement) {
      if (box.localName === "details") box.open = true;
    }
    if (CSS.highlights) {
      CSS.highlights.set("quoth-excerpt", new Highlight(place.excerpt));
      const inner = place.words ? new Highlight(place.words) : new Highlight();
      inner.priority = 1;
      CSS.highlights.set("quoth-words", inner);
    } else {
      getSelection().removeAllRanges();
      getSelection().addRange(place.excerpt);
    }
    current = opener;
    opener.setAttribute("aria-current", "true");
    bring(place.excerpt);
    say(`Citation ${citation.number} is marked in the page.`);
  }

  // How far down something of the page's own stays put over its text: a head that does not scroll along.
  function headroom(range) {
    const { left, right } = range.getBoundingClientRect();
    let box = document.elementFromPoint((left + right) / 2, 1);
    while (box && !/fixed|sticky/.test(getComputedStyle(box).position)) box = box.parentElement;
    const bottom = box?.getBoundingClientRect().bottom ?? 0;
    return bottom < innerHeight / 2 ? Math.max(0, bottom) : 0;
  }

  // Into the part of the window that the panel leaves free: above it, or below where the page ends too soon for that.
  function bring(range) {
    const scroll = (scroller, top, bottom) => {
      const mark = range.getBoundingClientRect();
      const above = Math.max((bottom - top - mark.height) / 2, Math.min(80, (bottom - top) / 4));
      scroller.scrollBy({ top: mark.top - top - above, behavior: "instant" });
    };
    const settle = (top, bottom) => {
      for (let box = range.startContainer.parentElement; box && box !== document.body; box = box.parentElement) {
        if (box.scrollHeight <= box.clientHeight || !/auto|scroll/.test(getComputedStyle(box).overflowY)) continue;
        const seen = box.getBoundingClientRect();
        const inside = [Math.max(top, seen.top), Math.min(bottom, seen.bottom)];
        scroll(box, ...(inside[1] - inside[0] < 100 ? [seen.top, seen.bottom] : inside));
      }
      scroll(window, top, bottom);
    };
    panel.classList.remove("up");
    const cover = panel.getBoundingClientRect();
    const { left, right } = range.getBoundingClientRect();
    const beside = left >= cover.right || right <= cover.left;
    const from = scrollY;
    const under = beside ? innerHeight : cover.top;
    settle(0, under);
    settle(headroom(range), under); // once more: it shows only where the page has been scrolled to
    if (!beside && range.getBoundingClientRect().bottom > cover.top) {
      panel.classList.add("up");
      settle(panel.getBoundingClientRect().bottom, innerHeight);
    }
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const to = scrollY;
    window.scrollTo({ top: from, behavior: "instant" });
    window.scrollTo({ top: to, behavior: "smooth" });
  }

  // --- the looks

  // In a shadow, what is important there wins over what is important in the page.
  const LOOKS = `
:host { all: initial !important; direction: ltr !important; display: block !important; color-scheme: var(--quoth-scheme, light dark) !important; }
:host([data-mode="bubble"]), :host([data-mode="page"]) { position: fixed !important; inset: auto 0 0 auto !important; z-index: 2147483647 !important; }
@media print { :host([data-mode="bubble"]), :host([data-mode="page"]) { display: none !important; } }
.panel, .launcher {
  --back: var(--quoth-background, light-dark(#fffefb, #1f2125));
  --ink: var(--quoth-text, light-dark(#211e1a, #e9e5dd));
  --quiet: color-mix(in srgb, var(--ink) 78%, var(--back));
  --line: color-mix(in srgb, var(--ink) 18%, var(--back));
  --accent: var(--quoth-accent, light-dark(#23456b, #9dc0ec));
  --on-accent: var(--quoth-on-accent, light-dark(#fff, #14202e));
  --mark: var(--quoth-mark, light-dark(#f6d365, #7a6214));
  --on-mark: var(--quoth-on-mark, light-dark(#211e1a, #fff8e4));
  --bad: light-dark(#8c2f1d, #f0a594);
  --radius: var(--quoth-radius, 10px);
  font: medium/1.5 var(--quoth-font, system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif);
  color: var(--ink); box-sizing: border-box; text-align: start;
}
*, ::before, ::after { box-sizing: border-box; }
[hidden] { display: none !important; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.log:focus-visible { outline-offset: -3px; }
.unseen { position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; text-align: start; }
svg { width: 1.4em; height: 1.4em; fill: currentColor; display: block; flex: none; }
.launcher {
  position: fixed; inset: auto 20px max(20px, env(safe-area-inset-bottom)) auto; display: flex; align-items: center; gap: .5em;
  max-width: calc(100vw - 40px); padding: .7em 1.15em .7em .95em; border-radius: 999px;
  background: var(--accent); color: var(--on-accent); font-weight: 600; box-shadow: 0 2px 12px rgb(0 0 0 / .25);
}
.launcher:focus-visible { outline-color: var(--on-accent); outline-offset: -5px; box-shadow: 0 0 0 4px var(--accent); }
.panel { border: 1px solid var(--line); border-radius: var(--radius); background: var(--back); padding: 0; margin: 0; overflow: hidden; }
.panel:is(section, [open]) { display: flex; flex-direction: column; }
.panel:is(section) { max-height: var(--quoth-height, 40em); position: relative; }
.panel:is(dialog) {
  position: fixed; inset: auto 20px 20px auto; width: min(25em, 100vw - 40px); max-width: none;
  height: min(42em, 100dvh - 40px); max-height: none; box-shadow: 0 8px 36px rgb(0 0 0 / .28);
}
:host([data-mode="page"]) .panel { width: min(23em, 100vw - 40px); height: min(30em, 58dvh); }
:host([data-mode="page"]) .panel.up { inset: 20px 20px auto auto; }
.head { display: flex; align-items: center; gap: .55em; padding: .55em .6em .55em 1em; border-bottom: 1px solid var(--line); flex: none; }
.head > svg { color: var(--accent); }
h2 { margin: 0 auto 0 0; min-width: 0; font-size: 1.05em; font-weight: 650; line-height: 1.3; overflow-wrap: anywhere; }
.icon { display: grid; place-items: center; width: 2.25em; height: 2.25em; border-radius: var(--radius); color: var(--quiet); flex: none; }
.icon:hover { color: var(--accent); background: color-mix(in srgb, var(--accent) 12%, transparent); }
.log { flex: 1 1 auto; min-height: 4em; overflow-y: auto; overscroll-behavior: contain; padding: 1em; }
.panel:is(section) .log { position: relative; }
.welcome { margin: 0; color: var(--quiet); }
article { margin: 0 0 1.6em; }
article:last-child { margin-bottom: .4em; }
h3 { margin: 0 0 .6em; font-size: 1em; font-weight: 650; line-height: 1.4; white-space: pre-wrap; overflow-wrap: anywhere; }
h4 { margin: 0 0 .6em; font-size: .9em; font-weight: 650; color: var(--quiet); }
p { margin: 0 0 .7em; overflow-wrap: anywhere; }
.searched { font-size: .9em; color: var(--quiet); }
figure { margin: 0 0 .9em; padding-inline-start: .8em; border-inline-start: 3px solid var(--accent); }
.near { border-inline-start: 1px dashed var(--quiet); color: var(--quiet); }
blockquote { margin: 0 0 .35em; padding: 0; white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate; }
.quote blockquote { font-size: 1.05em; }
mark { background: var(--mark); color: var(--on-mark); border-radius: 2px; box-decoration-break: clone; -webkit-box-decoration-break: clone; }
figcaption { display: flex; flex-wrap: wrap; gap: .1em 1em; font-size: .875em; line-height: 1.45; }
.cite, .original { color: var(--quiet); text-decoration: none; border-radius: 4px; overflow-wrap: anywhere; min-width: 0; }
.number { color: var(--accent); font-weight: 700; text-decoration: underline; text-underline-offset: 3px; }
.original { color: var(--accent); text-decoration: underline; text-underline-offset: 3px; }
.cite:hover .place { color: var(--accent); text-decoration: underline; text-underline-offset: 3px; }
[aria-current] .number { background: var(--mark); color: var(--on-mark); border-radius: 3px; padding: 0 .2em; }
.around { margin: .5em 0 0; padding: .7em .8em; border: 1px solid var(--line); border-radius: var(--radius); font-size: .93em; white-space: pre-wrap; overflow-wrap: anywhere; color: var(--ink); max-height: 16em; overflow-y: auto; }
.around strong { font-weight: 600; }
.differs, .note .problem { margin: .5em 0 0; font-size: .9em; }
.problem, .differs { color: var(--bad); }
.unanswered { font-weight: 600; }
.pending { color: var(--quiet); animation: breathe 1.6s ease-in-out infinite; }
@keyframes breathe { 50% { opacity: .55; } }
.judged { display: flex; align-items: center; gap: .2em; margin-inline-start: -.4em; font-size: .875em; color: var(--quiet); }
.judged svg { width: 1.2em; height: 1.2em; }
.down svg { transform: rotate(180deg); }
.judged [aria-pressed="true"] { color: var(--on-accent); background: var(--accent); }
.judged span { margin-inline-start: .5em; }
form { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: .3em .6em; align-items: end; padding: .6em 1em 1em; border-top: 1px solid var(--line); flex: none; }
label { grid-column: 1 / -1; font-size: .875em; color: var(--quiet); }
textarea {
  font: inherit; color: inherit; background: var(--back); border: 1px solid var(--quiet); border-radius: var(--radius);
  padding: .5em .7em; min-height: 2.6em; max-height: 8em; resize: none; field-sizing: content; width: 100%; margin: 0;
}
textarea::placeholder { color: var(--quiet); opacity: 1; }
textarea:focus { outline: 2px solid var(--accent); outline-offset: 0; border-color: var(--accent); }
.ask { min-height: 2.6em; padding: 0 1.2em; border-radius: var(--radius); background: var(--accent); color: var(--on-accent); font-weight: 600; }
.ask[aria-disabled="true"] { background: var(--line); color: var(--quiet); cursor: default; }
@media (max-width: 600px) {
  :host([data-mode="bubble"]) .panel { inset: 0; width: 100vw; height: 100dvh; border: 0; border-radius: 0; }
  :host([data-mode="page"]) .panel { inset: auto 0 0 0; width: 100vw; height: 55dvh; border-width: 1px 0 0; border-radius: var(--radius) var(--radius) 0 0; }
  :host([data-mode="page"]) .panel.up { inset: 0 0 auto 0; border-width: 0 0 1px; border-radius: 0 0 var(--radius) var(--radius); }
}
@media (prefers-reduced-motion: reduce) { *, ::before, ::after { animation: none !important; transition: none !important; } }
`;
  const MARKS = `
::highlight(quoth-excerpt) { background-color: #fbf0cd; color: #211e1a; }
::highlight(quoth-words) { background-color: #f6d365; color: #211e1a; text-decoration: underline 2px; }
@media (forced-colors: active) { ::highlight(quoth-excerpt), ::highlight(quoth-words) { background-color: Mark; color: MarkText; } }
`;

  // A sheet that was constructed needs no leave of the page's security policy, as an element or an attribute would.
  function sheet(css) {
    const made = new CSSStyleSheet();
    made.replaceSync(css);
    return made;
  }

  function start() {
    shadow.adoptedStyleSheets = [sheet(LOOKS)];
    shadow.append(...(launcher ? [launcher] : []), panel);
    if (mode === "page") document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet(MARKS)];
    const target = mode === "inline" && given.target ? document.querySelector(given.target) : null;
    if (target) target.append(host);
    else if (mode === "inline" && script.parentElement?.closest("body")) script.after(host);
    else document.body.append(host);
    tell("ready", { mode });
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
