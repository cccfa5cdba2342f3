// Traffic: a car's frames as they come. By message: the last payload, what changes in it, count and rate; or as a list
// that flows. One message in full beside it; the last seconds to download; a recording on the server.

import { el, setAttr, setText } from "../core/dom.js";
import { fixed, grouped, span } from "../core/format.js";
import { bytesOf, hexOf } from "../parts/bits.js";
import { FlowList } from "../parts/flowlist.js";
import { MessagePanel } from "../parts/messagepanel.js";
import { Beside, carChoice, debounce, tails } from "../parts/panel.js";
import { RecordControl } from "../parts/recorder.js";

export const title = "Traffic";

const HOT_MS = 700;
const CHANGED_MS = 3000;
const MOST_ROWS = 600;
/** Between the key of a message and that of the same one as it is sent from here. */
const SENT = 64 * 2 ** 32;
const SORTS = {
  id: (one, other) => one.bus.localeCompare(other.bus) || one.number - other.number,
  name: (one, other) => one.name.localeCompare(other.name),
  count: (one, other) => other.count - one.count,
  rate: (one, other) => other.rate - one.rate,
};

export function mount(root, api) {
  const cars = api.cars.filter((car) => car.live);
  const seen = cars.filter((car) => car.frames);
  if (!seen.length) {
    const why = cars.length ? "Your token does not let you see frames: they carry every signal, so that takes the scope ‘read’ without a path." : "No car of this service has buses.";
    root.append(el("p", { class: "note" }, why));
    return () => {};
  }
  return new TrafficPage(root, api, seen).stop;
}

class TrafficPage {
  constructor(root, api, cars) {
    this.api = api;
    this.cars = cars;
    this.known = new Map();
    this.rows = new Map();
    this.hot = new Map();
    this.sort = "id";
    this.offset = 0;
    this.mode = api.route.query.get("as") === "flow" ? "flow" : "messages";
    this.carName = this.carOf(api.route);
    this.build(root);
    this.open();
    this.timer = setInterval(() => this.cool(), 350);
    api.onRoute((route) => this.routed(route));
    this.stop = () => clearInterval(this.timer);
  }

  carOf(route) {
    return (this.cars.find((car) => car.name === route.path[0]) ?? this.cars[0]).name;
  }

  get car() {
    return this.cars.find((car) => car.name === this.carName);
  }

  // ---- what stands on the page

  build(root) {
    const query = this.api.route.query;
    this.find = el("input", { class: "field grow", type: "search", id: "find-frame", placeholder: "id, name or signal", autocomplete: "off", spellcheck: "false", value: query.get("q") ?? "" });
    this.changed = el("input", { type: "checkbox", checked: query.get("changed") === "1" });
    const filter = debounce(120, () => this.filter());
    this.find.addEventListener("input", filter);
    this.changed.addEventListener("change", () => this.filter());
    const mode = (name, text) => el("button", { class: "button", type: "button", "aria-pressed": String(this.mode === name), onclick: () => this.setMode(name) }, text);
    this.modes = { messages: mode("messages", "By message"), flow: mode("flow", "Flowing") };
    this.pause = el("button", { class: "button", type: "button", "aria-pressed": "false", onclick: () => this.setPaused(!this.paused) }, "Pause");
    this.buildRest(root, carChoice(this.cars, this.carName, (name) => this.api.go([name], this.query())));
  }

  buildRest(root, choice) {
    this.seconds = el("select", { class: "field", "aria-label": "How much to download" }, ...[5, 10, 30].map((seconds) => el("option", { value: String(seconds), selected: seconds === 30 }, `last ${seconds} s`)));
    const download = el("button", { class: "button", type: "button", onclick: () => this.download() }, "Download");
    this.record = new RecordControl(this.api, () => this.car, (text) => this.problem(text));
    this.hint = el("p", { class: "hint", role: "status" });
    this.facts = el("p", { class: "traffic-facts" });
    this.number = Object.fromEntries(["frames", "rate", "messages", "unknown"].map((name) => [name, el("b", {}, "–")]));
    this.facts.append(...[["frames", "frames since this page was opened"], ["rate", "frames/s"], ["messages", "messages"], ["unknown", "not described"]].map(([name, text]) => el("span", {}, this.number[name], ` ${text}`)));
    this.list = el("div", { class: "card traffic-list", tabindex: "0", role: "region", "aria-label": "Frames" });
    this.beside = new Beside(this.list, {
      label: "One message",
      onclose: () => {
        this.rows.get(this.one?.key)?.button.focus();
        this.api.go([this.carName], this.query());
      },
    });
    this.makeTables();
    root.append(
      el("div", { class: "toolbar" }, choice, el("label", { class: "sr", for: "find-frame" }, "Find messages"), this.find, el("label", { class: "tick" }, this.changed, "changed only"), el("span", { class: "group-of", role: "group", "aria-label": "How frames are shown" }, ...Object.values(this.modes)), this.pause, this.record.button, this.seconds, download),
      this.record.state,
      this.facts,
      this.hint,
      this.beside.node,
    );
  }

  makeTables() {
    const head = (name, text, kind) => {
      const cell = el("th", { scope: "col", class: kind }, name in SORTS ? el("button", { type: "button", onclick: () => this.sortBy(name) }, text) : el("span", {}, text));
      if (name in SORTS) this.heads[name] = cell;
      return cell;
    };
    this.heads = {};
    this.body = el("tbody");
    this.body.addEventListener("keydown", (event) => this.key(event));
    const columns = [head("id", "Id"), head("name", "Message"), head("bus", "Bus", "bus"), head("payload", "Payload"), head("count", "Frames", "n count"), head("rate", "Rate", "n"), head("signals", "Carries", "names")];
    this.table = el("table", { class: "messages-table" }, el("caption", { class: "sr" }, "Messages by id; arrow keys move from one to the next, Enter shows it"), el("thead", {}, el("tr", {}, ...columns)), this.body);
    setAttr(this.heads.id, "aria-sort", "ascending");
    this.flow = new FlowList((key) => this.rows.get(key));
    this.showTable();
  }

  showTable() {
    this.list.replaceChildren(this.mode === "flow" ? this.flow.node : this.table);
    for (const [name, button] of Object.entries(this.modes)) setAttr(button, "aria-pressed", String(name === this.mode));
  }

  query() {
    return { q: this.find.value, changed: this.changed.checked ? "1" : "", as: this.mode === "flow" ? "flow" : "" };
  }

  // ---- the server

  open() {
    this.view?.close();
    this.view = this.api.open("traffic", { car: this.carName, mode: this.mode, keys: null, changed: this.changed.checked, paused: false }, {
      first: (value) => this.first(value),
      update: (change) => this.update(change),
      failed: (error) => this.problem(error.message),
    });
  }

  problem(text) {
    this.hint.classList.add("bad");
    setText(this.hint, text);
  }

  first(value) {
    this.clear();
    this.known = new Map(value.messages.map((message) => [message.key, message]));
    for (const option of this.seconds.options) option.hidden = Number(option.value) > value.kept_s;
    this.tellFilter();
    this.routed(this.api.route);
  }

  clear() {
    this.rows.clear();
    this.hot.clear();
    this.body.replaceChildren();
    this.setPaused(false);
    this.before = null;
    this.flow.clear();
  }

  /** What the description knows of a key. */
  messageOf(key) {
    return this.known.get(key) ?? this.known.get(key - SENT);
  }

  update(change) {
    if (change.record) this.record.draw(change.record);
    if (change.now === undefined) return;
    this.offset = change.now - Date.now();
    this.drawFacts(change);
    let grown = false;
    for (const row of change.rows ?? []) grown = this.drawRow(row, change.now) || grown;
    if (grown) this.arrange();
    if (change.flow) this.drawFlow(change);
  }

  drawFacts({ frames, now, others }) {
    setText(this.number.frames, grouped(frames));
    if (this.before && now > this.before.now) setText(this.number.rate, grouped((1000 * (frames - this.before.frames)) / (now - this.before.now)));
    if (!this.before || now - this.before.now > 2000) this.before = { frames, now };
    setText(this.number.messages, grouped(this.rows.size));
    setText(this.number.unknown, grouped([...this.rows.values()].filter((row) => !row.message).length) + (others ? ` and ${grouped(others)} frames of more ids than are listed` : ""));
  }

  // ---- by message

  drawRow([key, id, bus, count, rate, t, size, payload, moved], now) {
    let row = this.rows.get(key);
    const grown = !row;
    if (!row) {
      if (this.rows.size >= MOST_ROWS) return false;
      row = this.makeRow(key, id, bus);
    }
    row.count = count;
    row.rate = rate;
    row.t = t;
    setText(row.cells.count, grouped(count));
    this.drawRate(row);
    if (moved !== null) row.moved = bytesOf(moved);
    if (payload !== null) this.drawPayload(row, bytesOf(payload), now, size);
    row.node.classList.remove("silent");
    return grown;
  }

  /** The rate, with an arrow where it is less than half of what the description says. */
  drawRate(row) {
    const { rate } = row;
    const period = row.message?.period_ms;
    const late = Boolean(period && rate > 0 && rate < 500 / period);
    setText(row.cells.rate, rate > 0 ? `${late ? "↓ " : ""}${fixed(rate, rate < 9.95 ? 1 : 0)} Hz` : "–");
    row.cells.rate.classList.toggle("late", late);
    setAttr(row.cells.rate, "title", period ? `described: every ${period} ms${late ? ", which it is not" : ""}` : null);
  }

  makeRow(key, id, bus) {
    const message = this.messageOf(key);
    const button = el("button", { class: "open-message", type: "button", tabindex: "-1", onclick: () => this.api.go([this.carName, String(key)], this.query()) }, id);
    const paths = this.known.get(key)?.signals ?? []; // none rests on what is sent from here
    const signals = paths.map((path) => path.replace(/^Vehicle\./, ""));
    const cells = {
      id: el("th", { scope: "row" }, button),
      name: el("td", { class: "name" }, message?.name ?? "not described"),
      bus: el("td", { class: "bus" }, bus),
      payload: el("td", { class: "payload" }),
      count: el("td", { class: "n count" }),
      rate: el("td", { class: "n rate" }),
      signals: el("td", { class: "names", title: signals.join("\n") || null }, tails(signals).join(", ")),
    };
    if (message?.personal) {
      cells.payload.classList.add("hidden-away");
      cells.payload.textContent = "personal, not shown";
    }
    const row = { key, id, bus, message, button, cells, name: message?.name ?? "", number: key % 536870912, count: 0, rate: 0, t: 0, bytes: new Uint8Array(0), moved: new Uint8Array(0), spans: [], changedAt: 0 };
    row.text = `${id} ${row.name} ${bus} ${paths.join(" ")}`.toLowerCase();
    row.node = el("tr", {}, ...Object.values(cells));
    row.node.addEventListener("click", (event) => event.target.closest("button") || button.click());
    this.rows.set(key, row);
    this.body.append(row.node);
    if (this.rows.size === 1) button.tabIndex = 0;
    this.rowFilter(row);
    this.markOne();
    return row;
  }

  drawPayload(row, bytes, now, size) {
    if (row.spans.length !== bytes.length) {
      row.spans = [...bytes].map(() => el("i", {}, "··"));
      row.cells.payload.replaceChildren(...row.spans);
      row.bytes = new Uint8Array(0);
    }
    const first = !row.bytes.length && size > 0;
    for (let at = 0; at < bytes.length; at += 1) {
      const span = row.spans[at];
      if (first || bytes[at] !== row.bytes[at]) {
        setText(span, hexOf(bytes[at]));
        if (!first) {
          span.className = "hot";
          this.hot.set(span, performance.now() + HOT_MS);
        }
      }
      if (span.className !== "hot") span.className = row.moved[at] ? "" : "still";
    }
    row.bytes = bytes;
    if (!first) {
      row.changedAt = now;
      if (this.changed.checked) this.rowFilter(row);
    }
  }

  /** Let what was hot cool down, and what is silent look so. */
  cool() {
    if (this.paused || !this.api.connected) return;
    const at = performance.now();
    for (const [span, until] of this.hot) {
      if (until > at) continue;
      this.hot.delete(span);
      span.className = "";
    }
    const now = Date.now() + this.offset;
    for (const row of this.rows.values()) {
      const silent = now - row.t > Math.max(2000, 10 * (row.message?.period_ms ?? 0));
      row.node.classList.toggle("silent", silent);
      if (silent) setText(row.cells.rate, `silent ${span((now - row.t) / 1000)}`);
      if (this.changed.checked) this.rowFilter(row);
    }
  }

  // ---- filter and order

  words() {
    return this.find.value.toLowerCase().split(/\s+/).filter(Boolean);
  }

  rowFilter(row, words = this.words()) {
    const fits = words.every((word) => row.text.includes(word)) && (!this.changed.checked || Date.now() + this.offset - row.changedAt < CHANGED_MS);
    row.node.hidden = !fits;
  }

  filter() {
    const words = this.words();
    for (const row of this.rows.values()) this.rowFilter(row, words);
    const shown = [...this.rows.values()].filter((row) => !row.node.hidden).length;
    this.hint.classList.remove("bad");
    setText(this.hint, words.length ? `${shown} of ${this.rows.size} messages` : "");
    this.flow.clear();
    this.tellFilter();
    this.api.go(this.api.route.path, this.query(), { replace: true });
  }

  tellFilter() {
    const words = this.words();
    const keys = words.length ? [...this.rows.values()].filter((row) => words.every((word) => row.text.includes(word))).map((row) => row.key) : null;
    this.view.tell({ mode: this.mode, keys, changed: this.changed.checked, paused: Boolean(this.paused) });
  }

  sortBy(name) {
    this.sort = name;
    for (const [key, cell] of Object.entries(this.heads)) setAttr(cell, "aria-sort", key === name ? (["count", "rate"].includes(name) ? "descending" : "ascending") : null);
    this.arrange();
  }

  arrange() {
    const sorted = [...this.rows.values()].sort(SORTS[this.sort]);
    for (const [i, row] of sorted.entries()) if (this.body.children[i] !== row.node) this.body.insertBefore(row.node, this.body.children[i]);
    if (this.words().length && this.mode === "flow") this.tellFilter();
  }

  key(event) {
    const ways = { ArrowDown: 1, ArrowUp: -1, PageDown: 12, PageUp: -12, Home: -1e6, End: 1e6 };
    if (!(event.key in ways)) return;
    const buttons = [...this.body.querySelectorAll("tr:not([hidden]) .open-message")];
    const at = buttons.indexOf(document.activeElement);
    const next = buttons[Math.max(0, Math.min(buttons.length - 1, at + ways[event.key]))];
    if (!next) return;
    event.preventDefault();
    for (const button of this.body.querySelectorAll('.open-message[tabindex="0"]')) button.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  // ---- flowing

  setMode(mode) {
    this.mode = mode;
    this.flow.clear();
    this.showTable();
    this.filter();
  }

  setPaused(paused) {
    if (Boolean(this.paused) === paused) return;
    this.paused = paused;
    setAttr(this.pause, "aria-pressed", String(paused));
    setText(this.pause, paused ? "Go on" : "Pause");
    this.view?.tell({ paused });
    this.api.say(paused ? "paused" : "going on");
  }

  drawFlow({ flow, skipped }) {
    this.flow.add(flow);
    this.hint.classList.remove("bad");
    setText(this.hint, skipped ? `${grouped(skipped)} more frames came than can be read; the newest are shown. Filter, or look at them by message.` : "");
  }

  // ---- one message

  routed(route) {
    const car = this.carOf(route);
    if (car !== this.carName) {
      this.carName = car;
      this.showOne(null);
      this.open();
      return;
    }
    this.showOne(route.path[1] === undefined ? null : Number(route.path[1]));
  }

  showOne(key) {
    if (key === (this.one?.key ?? null)) return;
    this.one?.close();
    this.one = null;
    if (key === null || !Number.isSafeInteger(key)) this.beside.hide();
    else {
      this.one = new MessagePanel(this.api, this.carName, key);
      const message = this.messageOf(key);
      this.beside.show([el("span", { class: "mono" }, `0x${(key % 536870912).toString(16).toUpperCase().padStart(3, "0")}`), ` ${message?.name ?? "not described"}`], this.one.node);
      this.api.say(`${message?.name ?? "the message"} is shown beside the list`);
    }
    this.markOne();
  }

  markOne() {
    for (const row of this.rows.values()) setAttr(row.node, "aria-current", row.key === this.one?.key ? "true" : null);
  }

  // ---- files

  async download() {
    const keys = this.words().length ? [...this.rows.values()].filter((row) => !row.node.hidden).map((row) => row.key) : null;
    try {
      await this.api.file("frames", { car: this.carName, seconds: Number(this.seconds.value), keys });
      this.hint.classList.remove("bad");
      setText(this.hint, "A candump log was downloaded; commonwheel decode reads it.");
    } catch (error) {
      this.problem(error.message ?? String(error));
    }
  }
}
