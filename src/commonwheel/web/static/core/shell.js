// The shell: which page is shown, the connection's state, colours, and what screen readers are told.

import { el, setAttr, setText } from "./dom.js";
import { Link } from "./link.js";
import { onTheme, themeButton } from "./theme.js";

const PAGES = [
  { name: "alliance", label: "Alliance" },
  { name: "signals", label: "Signals" },
  { name: "coverage", label: "Coverage" },
  { name: "apps", label: "Apps" },
  { name: "control", label: "Control" },
  { name: "traffic", label: "Traffic" },
];
const SAY_EVERY_MS = 4000;

const nodes = Object.fromEntries(
  ["pages", "link", "link-text", "theme", "banner", "content", "title", "page", "said"].map((id) => [id, document.getElementById(id)]),
);
const link = new Link();
const reduced = matchMedia("(prefers-reduced-motion: reduce)");
let mounted = null;
let loading = 0;
let tick = 0;

// ---- routes

function parse() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [page, ...rest] = path.split("/").map(decodePart);
  return { page: PAGES.some((one) => one.name === page) ? page : "alliance", path: rest.filter(Boolean), query: new URLSearchParams(query ?? "") };
}

function decodePart(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function hashOf(page, path = [], query = {}) {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(pairs).toString();
  return `#/${[page, ...path].map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}

async function route() {
  const found = parse();
  if (mounted?.route.page === found.page) {
    mounted.route = found;
    for (const listener of mounted.onRoute) listener(found);
    return;
  }
  await show(found);
}

async function show(found) {
  const turn = (loading += 1);
  const first = mounted === null;
  unmount();
  mark(found.page);
  const entry = PAGES.find((one) => one.name === found.page);
  setText(nodes.title, entry.label);
  addStyle(found.page);
  let module;
  try {
    module = await import(`../pages/${found.page}.js`);
  } catch (error) {
    console.error(error);
    if (turn === loading) nodes.page.replaceChildren(el("p", { class: "note bad" }, "This page cannot be loaded; reload to try again."));
    return;
  }
  if (turn !== loading) return;
  document.title = `${module.title} – Commonwheel`;
  setText(nodes.title, module.title);
  mount(module, found);
  if (!first) nodes.title.focus({ preventScroll: true });
  if (!first) window.scrollTo(0, 0);
}

function mark(page) {
  for (const anchor of nodes.pages.querySelectorAll("a")) setAttr(anchor, "aria-current", anchor.dataset.page === page ? "page" : null);
  document.body.dataset.page = page;
}

/** Have the styles of a page, and of no other: two pages may use one name for different things. */
function addStyle(page) {
  const id = `style-${page}`;
  for (const node of document.querySelectorAll("link[id^=style-]")) node.media = node.id === id ? "all" : "not all";
  if (!document.getElementById(id)) document.head.append(el("link", { id, rel: "stylesheet", href: `/pages/${page}.css` }));
}

// ---- pages

function mount(module, found) {
  const abort = new AbortController();
  const state = { route: found, onRoute: new Set(), stops: [], abort, unmount: null };
  mounted = state;
  const root = el("div", { class: `page page-${found.page}` });
  nodes.page.replaceChildren(root);
  const start = () => {
    if (mounted !== state || state.unmount) return;
    root.replaceChildren();
    state.unmount = module.mount(root, apiFor(state)) ?? (() => {});
  };
  if (link.welcome) start();
  else {
    root.append(el("p", { class: "quiet" }, "Connecting …"));
    link.addEventListener("welcome", start, { once: true, signal: abort.signal });
  }
}

function unmount() {
  const state = mounted;
  mounted = null;
  if (!state) return;
  state.abort.abort();
  for (const stop of state.stops) stop();
  state.unmount?.();
}

function apiFor(state) {
  const keep = (stop) => {
    state.stops.push(stop);
    return stop;
  };
  return {
    get cars() {
      return link.welcome.cars;
    },
    get route() {
      return state.route;
    },
    get connected() {
      return link.state === "open";
    },
    get still() {
      return reduced.matches;
    },
    signal: state.abort.signal,
    open(view, params, handlers) {
      const handle = link.open(view, params, handlers);
      keep(handle.close);
      return handle;
    },
    call: (name, params = {}) => link.ask(name, params),
    file: (name, params = {}) => link.file(name, params),
    go(path = [], query = {}, { replace = false } = {}) {
      const hash = hashOf(state.route.page, path, query);
      if (hash === location.hash) return;
      if (replace) {
        history.replaceState(null, "", hash);
        state.route = parse();
      } else location.hash = hash;
    },
    onRoute(listener) {
      state.onRoute.add(listener);
    },
    onLink(listener) {
      const tell = () => listener(link.state === "open");
      link.addEventListener("state", tell, { signal: state.abort.signal });
    },
    onTheme(listener) {
      keep(onTheme(listener));
    },
    say,
  };
}

// ---- what is said

let toSay = "";
let saying = 0;

/** Tell screen readers, politely: the latest text, and not too often. */
function say(text) {
  toSay = text;
  if (saying) return;
  const speak = () => {
    saying = 0;
    if (!toSay) return;
    setText(nodes.said, toSay);
    toSay = "";
    saying = setTimeout(speak, SAY_EVERY_MS);
  };
  speak();
}

// ---- the connection

const WORDS = { connecting: "connecting", open: "live", lost: "not connected", refused: "not let in", outdated: "out of date" };

function showLink() {
  const state = link.state;
  nodes.link.dataset.state = state;
  setText(nodes["link-text"], WORDS[state]);
  document.body.dataset.link = state;
  clearInterval(tick);
  if (state === "open" || state === "connecting") {
    nodes.banner.hidden = true;
    nodes.banner.replaceChildren();
  } else if (state === "lost") showLost();
  else if (state === "refused") showRefused();
  else {
    nodes.banner.replaceChildren("The server is of another version than this page. ", el("button", { class: "button", type: "button", onclick: () => location.reload() }, "Load it anew"));
    nodes.banner.hidden = false;
  }
}

/** A reason as a sentence of its own. */
function sentence(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}

function showLost() {
  const left = el("span", { "aria-hidden": "true" });
  const count = () => setText(left, ` Trying again in ${Math.max(0, Math.ceil((link.retryAt - Date.now()) / 1000))} s. `);
  nodes.banner.replaceChildren(
    el("b", {}, "Not connected."),
    link.why ? ` ${sentence(link.why)}` : "",
    " What is shown is as it was, and old.",
    left,
    el("button", { class: "button", type: "button", onclick: () => link.hurry() }, "Try now"),
  );
  count();
  tick = setInterval(count, 500);
  nodes.banner.hidden = false;
}

function showRefused() {
  const field = el("input", { id: "token", class: "field", type: "password", autocomplete: "off", spellcheck: "false", required: true, "aria-describedby": "token-why" });
  const why = link.token ? link.why : "This server asks for a token.";
  const form = el(
    "form",
    { class: "token", onsubmit: (event) => (event.preventDefault(), link.useToken(field.value)) },
    el("p", { id: "token-why" }, el("b", {}, "Not let in."), why ? ` ${sentence(why)}` : ""),
    el("label", { for: "token" }, "Token"),
    field,
    el("button", { class: "button primary", type: "submit" }, "Come in"),
    el("p", { class: "quiet" }, "It is kept in this tab only. ", el("code", {}, "commonwheel token make"), " makes one."),
  );
  nodes.banner.replaceChildren(form);
  nodes.banner.hidden = false;
  field.focus();
}

// ---- begin

for (const { name, label } of PAGES) nodes.pages.append(el("li", {}, el("a", { href: `#/${name}`, "data-page": name }, label)));
themeButton(nodes.theme);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the hash says which page is shown
  nodes.content.focus();
});
link.addEventListener("state", showLink);
link.addEventListener("state", () => say(WORDS[link.state]));
window.addEventListener("hashchange", route);
window.commonwheel = { link };
showLink();
route();
link.connect();
