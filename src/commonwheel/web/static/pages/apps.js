// Every app on every car: how it is, what it puts out, what it says; start and stop.

import { el, setAttr, setText } from "../core/dom.js";
import { bytesText, clockText, fixed, grouped, outputText, short, words } from "../core/format.js";

export const title = "Apps";

const KINDS = { running: "good", starting: "info", "backing off": "warn", stopped: "", failed: "bad", unfit: "" };
const SIGNS = { running: "\u25b6", starting: "\u2026", "backing off": "\u21bb", stopped: "\u25a0", failed: "\u2716", unfit: "\u2013" };
const STATES = { unfit: "cannot run" };
const FITNESS = { full: "runs in full", reduced: "runs in a reduced form", none: "cannot run" };
const MOST_EVENTS = 100;
const MOST_LINES = 300;

export function mount(root, api) {
  const page = new AppsPage(root, api);
  api.open("apps", {}, {
    first: (value) => page.begin(value),
    update: (change) => page.update(change),
    failed: (error) => root.replaceChildren(el("p", { class: "note bad" }, error.message)),
  });
  api.onRoute(() => page.choose());
  api.onLink(() => page.buttons());
}

class AppsPage {
  constructor(root, api) {
    this.root = root;
    this.api = api;
    this.rows = [];
    this.chosen = null;
  }

  begin({ hosted, hidden, apps, rows }) {
    this.manifests = new Map(apps.map((manifest) => [manifest.name, manifest]));
    this.rows = rows.map((card) => new Row(card, this.manifests.get(card.app), this.api.cars.find((car) => car.name === card.car)));
    if (!rows.length) {
      this.root.replaceChildren(el("p", { class: "note" },
        hosted ? (hidden ? `${hidden} apps run here; what they say rests on signals that you may not read.` : "No app runs here.") : "No app runs here. Start the service with one: ",
        hosted ? null : el("code", {}, "commonwheel run … --app trip --web")));
      return;
    }
    const cars = [...new Set(rows.map((row) => row.car))];
    const head = el("tr", {}, el("th", { scope: "col" }, "App"), ...cars.map((name) => el("th", { scope: "col" }, carTitle(this.api, name))));
    const body = apps.map((manifest) => el("tr", {},
      el("th", { scope: "row" }, el("b", {}, manifest.name), el("span", { class: "quiet" }, ` ${manifest.version}`), el("p", { class: "quiet about" }, manifest.about)),
      ...cars.map((name) => {
        const row = this.rows.find((one) => one.card.car === name && one.card.app === manifest.name);
        return el("td", {}, row ? row.cell(() => this.api.go([row.card.app, row.card.car])) : "");
      })));
    this.detail = el("section", { class: "card app-detail", "aria-label": "The chosen app" });
    this.root.replaceChildren(
      el("div", { class: "apps-layout" },
        el("div", { class: "card scroll", tabindex: "0", role: "region", "aria-label": "Apps by car" },
          el("table", { class: "apps-table" }, el("caption", { class: "sr" }, "Every app on every car; press a cell for more"), el("thead", {}, head), el("tbody", {}, ...body))),
        this.detail),
    );
    if (hidden) this.root.append(el("p", { class: "note" }, `${hidden} more are not shown: they read signals that you may not read.`));
    this.choose();
  }

  choose() {
    const [app, car] = this.api.route.path;
    const found = this.rows.find((row) => row.card.app === app && (car === undefined || row.card.car === car)) ?? this.rows[0];
    if (!found || found === this.chosen) return;
    this.chosen?.leave();
    this.chosen = found;
    for (const row of this.rows) setAttr(row.button, "aria-current", row === found ? "true" : null);
    found.fill(this.detail, this.api);
  }

  update(change) {
    for (const [at, news] of Object.entries(change)) {
      const row = this.rows[at];
      if (!row) continue;
      const before = row.status.state;
      row.update(news);
      if (news.state && before && before !== news.state) this.api.say(`${row.card.app} on ${row.card.car}: ${STATES[news.state] ?? news.state}`);
    }
  }

  buttons() {
    for (const row of this.rows) row.showButtons(this.api.connected);
  }
}

class Row {
  constructor(card, manifest, car) {
    this.card = card;
    this.manifest = manifest;
    this.car = car;
    this.status = { outputs: {} };
    this.events = [];
    this.lines = [];
    this.detail = null;
  }

  cell(press) {
    this.chip = el("span", { class: "chip" }, "…");
    this.glance = el("span", { class: "glance num" });
    this.button = el("button", { type: "button", class: "app-cell", onclick: press }, this.chip, this.glance, el("span", { class: "sr" }, ` ${this.card.app} on ${this.card.car}`));
    return this.button;
  }

  update(news) {
    const { events = [], logs = [], ...status } = news;
    Object.assign(this.status, status);
    for (const event of events) keep(this.events, event, MOST_EVENTS);
    for (const line of logs) keep(this.lines, line, MOST_LINES);
    const state = this.status.state;
    setText(this.chip, stateText(state));
    setAttr(this.chip, "data-kind", KINDS[state] || null);
    const outputs = Object.entries(this.status.outputs).filter(([, [value]]) => value !== null && value !== "").slice(0, 2);
    const missing = this.card.missing.length;
    const failed = state === "failed" || state === "backing off";
    setText(this.glance, failed ? this.status.error : state === "unfit" ? `${missing} signal${missing > 1 ? "s" : ""} missing` : outputs.map(([name, output]) => (typeof output[0] === "string" ? output[0] : `${words(name)} ${outputText(output)}`)).join(" · "));
    if (this.detail) {
      this.showStatus();
      for (const event of events) this.addEvent(event);
      for (const line of logs) this.addLine(line);
    }
  }

  leave() {
    this.detail = null;
  }

  fill(root, api) {
    const { card, manifest } = this;
    const id = "app-title";
    this.startButton = el("button", { class: "button", type: "button", onclick: () => this.act(api, "start") }, "Start");
    this.stopButton = el("button", { class: "button", type: "button", onclick: () => this.act(api, "stop") }, "Stop");
    this.why = el("p", { class: "quiet", id: "app-why" });
    this.detail = {
      state: el("span", { class: "chip" }), facts: el("p", { class: "quiet num" }), error: el("pre", { class: "app-error mono", hidden: true, tabindex: "0", "aria-label": "Its last error" }),
      outputs: new Map(), outputHead: el("h3", {}, "Outputs"), outputList: el("dl", { class: "app-outputs" }), empty: el("p", { class: "quiet app-empty" }), events: el("ol", { class: "app-events", reversed: true }), noEvents: el("p", { class: "quiet" }, "None yet."),
      lines: el("ol", { class: "app-log mono" }), noLines: el("p", { class: "quiet" }, "Nothing yet."),
    };
    root.setAttribute("aria-labelledby", id);
    const { detail } = this;
    root.replaceChildren(
      el("header", { class: "app-detail-head" },
        el("h2", { id }, card.app, el("span", { class: "quiet" }, ` on ${carTitle(api, card.car)}`)), detail.state,
        el("div", { class: "toolbar" }, this.startButton, this.stopButton)),
      this.why,
      el("p", {}, manifest.about),
      detail.facts,
      detail.error,
      detail.outputHead, detail.outputList, detail.empty,
      el("h3", {}, "Events"), detail.noEvents,
      el("div", { class: "app-events-box", tabindex: "0", role: "region", "aria-label": "Events" }, detail.events),
      el("h3", {}, "Log"), detail.noLines,
      el("div", { class: "app-log-box", tabindex: "0", role: "region", "aria-label": "Log" }, detail.lines),
      this.fitness(),
      this.declared(),
    );
    for (const event of this.events) this.addEvent(event);
    for (const line of this.lines) this.addLine(line);
    this.showStatus();
    this.showButtons(api.connected);
  }

  fitness() {
    const { card } = this;
    const lacks = new Set(card.lacks);
    return el("section", {}, el("h3", {}, "This car ", el("span", { class: "quiet" }, FITNESS[card.fitness])),
      card.missing.length
        ? el("ul", { class: "missing mono" }, ...card.missing.map((path) => el("li", {}, path, el("span", { class: "quiet" }, lacks.has(path) ? " required, not given" : " optional, not given"))))
        : el("p", { class: "quiet" }, "It gives every signal that the app reads."));
  }

  declared() {
    const { manifest } = this;
    const rate = (hz) => (hz ? ` at most ${hz} a second` : " every update");
    const rows = [
      ...Object.entries(manifest.requires).map(([path, hz]) => [path, `requires,${rate(hz)}`]),
      ...Object.entries(manifest.may_use).map(([path, hz]) => [path, `may use,${rate(hz)}`]),
      ...manifest.provides.map((path) => [path, "provides"]),
      ...manifest.requests.map((path) => [path, "requests"]),
    ];
    return el("details", {}, el("summary", {}, `What it declares (${rows.length} signal${rows.length === 1 ? "" : "s"})`),
      el("ul", { class: "missing mono" }, ...rows.map(([path, what]) => el("li", {}, path, el("span", { class: "quiet" }, ` ${what}`)))));
  }

  showStatus() {
    const { detail, status } = this;
    setText(detail.state, stateText(status.state));
    setAttr(detail.state, "data-kind", KINDS[status.state] || null);
    const since = status.since_ns ? `since ${clockText(status.since_ns)}` : "";
    const told = [since, `${grouped(status.received ?? 0)} updates`, status.dropped ? `${grouped(status.dropped)} dropped` : "", status.restarts ? `${status.restarts} restart${status.restarts > 1 ? "s" : ""}` : "",
      status.cpu_s ? `${fixed(status.cpu_s, 1)} s of processor time` : "", status.memory_bytes ? `${bytesText(status.memory_bytes)} of memory` : ""];
    setText(detail.facts, told.filter(Boolean).join(" · "));
    detail.error.hidden = !status.error;
    setText(detail.error, status.error ?? "");
    setText(detail.outputHead, status.state === "running" ? "Outputs" : "Outputs, as they were last");
    for (const [name, value] of Object.entries(status.outputs)) {
      let node = detail.outputs.get(name);
      if (!node) {
        node = el("dd", { class: "num" });
        detail.outputs.set(name, node);
        const about = this.manifest.outputs[name]?.about;
        node.place = el("div", {}, el("dt", {}, words(name)), node, about ? el("dd", { class: "about" }, about) : null);
        detail.outputList.append(node.place);
      }
      const text = outputText(value);
      setText(node, text);
      node.place.classList.toggle("long", text.length > 22);
      node.place.hidden = value[0] === null || value[0] === "";
    }
    const empty = Object.entries(status.outputs).filter(([, [value]]) => value === null || value === "").map(([name]) => words(name));
    setText(detail.empty, empty.length ? `Without a value so far: ${empty.join(", ")}.` : detail.outputs.size ? "" : "None yet.");
    this.showButtons();
  }

  showButtons(connected = true) {
    if (!this.detail) return;
    const { state } = this.status;
    const on = state === "running" || state === "starting" || state === "backing off";
    const may = Boolean(this.car?.operate);
    const why = !may ? this.car?.why ?? "" : state === "unfit" ? "It cannot be started: the car lacks signals that it requires." : "";
    this.startButton.disabled = !connected || !may || on || state === "unfit";
    this.stopButton.disabled = !connected || !may || !on;
    setText(this.why, why);
    for (const button of [this.startButton, this.stopButton]) setAttr(button, "aria-describedby", why ? "app-why" : null);
  }

  act(api, what) {
    api.call(`apps.${what}`, { app: this.card.app, car: this.card.car }).then(
      () => api.say(`${this.card.app}: ${what === "stop" ? "stopping" : "starting"}`),
      (error) => setText(this.why, error.message),
    );
  }

  addEvent(event) {
    const { events, noEvents } = this.detail;
    noEvents.hidden = true;
    events.prepend(el("li", { "data-severity": event.severity },
      el("span", { class: "mono quiet" }, `${clockText(event.t_ns)} `), el("b", {}, words(event.name)), el("span", { class: "chip", "data-kind": { warning: "warn", alarm: "bad" }[event.severity] }, event.severity),
      event.data.length ? el("dl", { class: "data" }, ...event.data.map((fact) => el("div", {}, el("dt", {}, words(fact.name)), el("dd", { class: "num" }, factText(fact))))) : null));
    while (events.childElementCount > MOST_EVENTS) events.lastElementChild.remove();
  }

  addLine(line) {
    const { lines, noLines } = this.detail;
    noLines.hidden = true;
    const box = lines.parentElement;
    const follow = box.scrollTop + box.clientHeight >= box.scrollHeight - 8;
    lines.append(el("li", { "data-level": line.level }, el("span", { class: "quiet" }, `${clockText(line.t_ns)} ${line.level} `), line.text));
    while (lines.childElementCount > MOST_LINES) lines.firstElementChild.remove();
    if (follow) box.scrollTop = box.scrollHeight;
  }
}

/** A state in a word, with a sign that is not its colour. */
function stateText(state) {
  return state ? `${SIGNS[state] ?? ""} ${STATES[state] ?? state}`.trim() : "…";
}

/** One thing that an event tells: a value, a time of day, or a row of numbers in short. */
function factText({ value, t_ns, numbers }) {
  if (t_ns !== undefined) return clockText(t_ns);
  if (numbers === undefined) return outputText([value, "", Number.isInteger(value) ? "integer" : ""]);
  const [count, low, high] = numbers;
  return `${short(low, 3)} … ${short(high, 3)} in ${count} values`;
}

function keep(list, item, most) {
  list.push(item);
  if (list.length > most) list.shift();
}

function carTitle(api, name) {
  const car = api.cars.find((one) => one.name === name);
  return car?.brand ? `${car.brand} ${car.model}` : name;
}
