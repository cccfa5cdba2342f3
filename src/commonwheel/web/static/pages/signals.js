// Signals: the tree of the standard as this car gives it, live, and one signal in full beside it.

import { el, setAttr, setText } from "../core/dom.js";
import { fixed, span, unitText } from "../core/format.js";
import { GOOD, MISSING, qualityMeaning, qualityShape, qualityWord } from "../core/quality.js";
import { Beside, broken, carChoice, debounce, numberText, tell, titleOf } from "../parts/panel.js";
import { Past, spark } from "../parts/plot.js";
import { SignalPanel } from "../parts/signalpanel.js";
import { rowsOf, treeOf } from "../parts/tree.js";
import { TreeGrid } from "../parts/treegrid.js";

export const title = "Signals";

const COLUMNS = [
  { label: "Signal", class: "name" },
  { label: "Value", class: "value" },
  { label: "Quality", class: "quality" },
  { label: "Rate", class: "rate" },
  { label: "Age", class: "age" },
  { label: "Last 10 s", class: "spark" },
];
const FLOATS = new Set(["float", "double"]);
const SPARK_POINTS = 128;
const SPARK_S = 10;

/** A signal as the server lists it. */
function signalOf([number, path, unit, datatype, kind, given, asked, evidence, decimals]) {
  return { number, path, unit, datatype, kind, given: given === 1, asked: asked === 1, evidence, decimals: decimals >= 0 ? decimals : /int/.test(datatype) ? 0 : undefined };
}

export function mount(root, api) {
  return new SignalsPage(root, api).stop;
}

class SignalsPage {
  constructor(root, api) {
    this.api = api;
    this.live = new Map();
    this.signals = [];
    this.tree = treeOf([]);
    this.toggled = new Map();
    this.offset = 0;
    this.carName = this.carOf(api.route);
    this.build(root);
    this.open();
    this.clock = setInterval(() => this.drawAges(), 500);
    api.onTheme(() => this.drawAll());
    api.onRoute((route) => this.routed(route));
    this.stop = () => {
      clearInterval(this.clock);
      this.grid.close();
    };
  }

  carOf(route) {
    const names = this.api.cars.map((car) => car.name);
    return names.includes(route.path[0]) ? route.path[0] : names[0];
  }

  // ---- what stands on the page

  build(root) {
    const query = this.api.route.query;
    this.find = el("input", { class: "field grow", type: "search", id: "find-signal", placeholder: "Battery, Wheel … or a pattern: Vehicle.Cabin.**.IsOpen", autocomplete: "off", spellcheck: "false", value: query.get("q") ?? "", "aria-describedby": "signals-hint" });
    this.all = el("input", { type: "checkbox", checked: query.get("all") === "1" });
    this.hint = el("p", { class: "hint", id: "signals-hint", role: "status" });
    const choice = carChoice(this.api.cars, this.carName, (name) => this.api.go([name], this.query()));
    this.search = debounce(150, () => this.filter());
    this.find.addEventListener("input", this.search);
    this.all.addEventListener("change", () => this.filter());
    this.grid = new TreeGrid({
      label: "Signals",
      columns: COLUMNS,
      make: makeCells,
      fill: (cells, row) => this.fill(cells, row),
      onToggle: (row) => this.toggle(row),
      onPick: (row) => this.api.go([this.carName, row.path], this.query()),
      onWindow: debounce(60, () => this.watch()),
    });
    this.grid.node.classList.add("card");
    this.beside = new Beside(el("div", {}, this.grid.node), {
      label: "One signal",
      onclose: () => {
        this.grid.node.focus();
        this.api.go([this.carName], this.query());
      },
    });
    root.append(
      el("div", { class: "toolbar" }, choice, el("label", { class: "sr", for: "find-signal" }, "Find signals"), this.find, el("label", { class: "tick" }, this.all, "the whole standard")),
      this.hint,
      this.beside.node,
    );
  }

  query() {
    return { q: this.find.value, all: this.all.checked ? "1" : "" };
  }

  // ---- the server

  open() {
    this.view?.close();
    this.live.clear();
    this.view = this.api.open("signals", { car: this.carName, shown: [], past: [] }, {
      first: (value) => this.first(value),
      update: (change) => this.update(change),
      failed: (error) => tell(this.hint, error.message),
    });
  }

  first(value) {
    this.signals = value.signals.map(signalOf);
    this.vehicle = value.vehicle;
    this.live.clear();
    this.asked = "";
    this.filter();
    this.routed(this.api.route);
  }

  watch() {
    const shown = this.grid.shown().map((slot) => slot.row.signal);
    const key = shown.map((signal) => signal.number).join();
    if (key === this.asked) return;
    this.asked = key;
    const past = [];
    const keep = new Set(shown.map((signal) => signal.number));
    for (const number of [...this.live.keys()]) if (!keep.has(number)) this.live.delete(number);
    for (const { number } of shown) {
      if (this.live.has(number)) continue;
      this.live.set(number, { value: null, quality: MISSING, t: 0, rate: 0, past: new Past(SPARK_POINTS) });
      past.push(number);
    }
    this.view.tell({ shown: [...keep], past });
  }

  update(change) {
    this.offset = change.now - Date.now();
    for (const [number, points] of Object.entries(change.past ?? {})) {
      const live = this.live.get(Number(number));
      for (const [t, value] of live && !live.past.times.count ? points : []) live.past.push(t, value);
    }
    for (const [number, value, quality, t, rate] of change.rows) {
      const live = this.live.get(number);
      if (!live) continue;
      if (t > live.past.last && quality !== MISSING) live.past.push(t, quality <= 1 ? value : NaN);
      Object.assign(live, { value, quality, t, rate });
    }
    this.drawAll();
  }

  // ---- rows

  async filter() {
    const text = this.find.value.trim();
    const given = this.signals.filter((signal) => this.all.checked || signal.given || signal.asked);
    let found = given;
    let problem = "";
    const turn = (this.turn = (this.turn ?? 0) + 1);
    if (text.includes("*") || text.startsWith("Vehicle.")) {
      try {
        const { numbers } = await this.api.call("signals.match", { car: this.carName, pattern: text });
        const chosen = new Set(numbers);
        found = given.filter((signal) => chosen.has(signal.number));
      } catch (error) {
        problem = error.message;
        found = [];
      }
      if (turn !== this.turn) return;
    } else if (text) {
      const words = text.toLowerCase().split(/\s+/);
      found = given.filter((signal) => words.every((word) => signal.path.toLowerCase().includes(word)));
    }
    this.tree = treeOf(found);
    this.searching = Boolean(text);
    this.api.go(this.api.route.path, this.query(), { replace: true });
    this.redraw();
    const car = this.api.cars.find((one) => one.name === this.carName);
    const of = this.all.checked ? "the standard" : titleOf(car);
    this.hint.classList.toggle("bad", Boolean(problem));
    tell(this.hint, problem || `${found.length} of ${given.length} signals of ${of}${found.length || !text || this.all.checked ? "" : "; the whole standard may have more"}`);
  }

  redraw() {
    this.grid.set(rowsOf(this.tree, (path, level) => this.toggled.get(path) ?? (this.searching || !this.all.checked || level < 2)));
    this.watch();
    this.drawAll();
  }

  toggle(row) {
    this.toggled.set(row.path, !row.open);
    this.redraw();
  }

  fill(cells, row) {
    const signal = row.signal;
    setText(cells.name, row.label);
    setAttr(cells.name, "title", row.path);
    cells.name.parentElement.classList.toggle("none", Boolean(signal && !signal.given));
    if (signal) this.draw(cells, signal);
    else {
      cells.canvas.hidden = true;
      cells.value.classList.remove("not-good");
      setText(cells.number, `${row.count}`);
      setText(cells.unit, row.count === 1 ? "signal" : "signals");
      for (const cell of [cells.quality, cells.rate, cells.age]) setText(cell, "");
      setAttr(cells.quality, "data-q", null);
    }
  }

  draw(cells, signal) {
    const live = this.live.get(signal.number);
    const quality = live ? live.quality : MISSING;
    setText(cells.number, live ? numberText(live.value, signal.decimals) : "–");
    setText(cells.unit, typeof live?.value === "number" ? unitText(signal.unit) : "");
    cells.value.classList.toggle("not-good", quality !== GOOD && quality !== MISSING);
    setAttr(cells.quality, "data-q", String(quality));
    const word = quality === MISSING && !signal.given ? "not given" : qualityWord(quality);
    setText(cells.quality, `${qualityShape(quality)} ${word}`.trim());
    setAttr(cells.quality, "title", qualityMeaning(quality));
    setText(cells.rate, live?.rate > 0 ? `${fixed(live.rate, live.rate < 9.95 ? 1 : 0)} Hz` : "");
    this.drawAge(cells, live);
    cells.canvas.hidden = signal.datatype === "string";
    const step = !FLOATS.has(signal.datatype);
    if (live && !cells.canvas.hidden) spark(cells.canvas, live.past, { to: Date.now() + this.offset, seconds: SPARK_S, step });
  }

  drawAge(cells, live) {
    const age = live?.t ? (Date.now() + this.offset - live.t) / 1000 : NaN;
    setText(cells.age, Number.isFinite(age) ? span(Math.max(0, age)) : "");
  }

  drawAll() {
    for (const slot of this.grid.shown()) this.draw(slot.cells, slot.row.signal);
  }

  drawAges() {
    for (const slot of this.grid.shown()) this.drawAge(slot.cells, this.live.get(slot.row.signal.number));
  }

  // ---- one signal

  routed(route) {
    const car = this.carOf(route);
    if (car !== this.carName) {
      this.carName = car;
      this.showPanel("");
      this.open();
      return;
    }
    this.showPanel(route.path[1] ?? "");
  }

  showPanel(path) {
    if (path === (this.one?.path ?? "")) return;
    this.one?.close();
    this.one = null;
    this.grid.pick(path);
    if (!path) {
      this.beside.hide();
      return;
    }
    const signal = this.signals.find((found) => found.path === path);
    if (!signal) {
      this.beside.show("No such signal", el("p", {}, `There is no signal ${path} that may be read here.`));
      return;
    }
    this.one = new SignalPanel(this.api, this.carName, signal, this.vehicle);
    this.beside.show(broken(path), this.one.node);
    this.api.say(`${path.replaceAll(".", " ")} is shown beside the list`);
  }
}

function makeCells() {
  const number = el("span", {});
  const unit = el("small", {});
  const canvas = el("canvas", { "aria-hidden": "true" });
  const cell = (name, ...children) => el("span", { role: "gridcell", class: name }, ...children);
  const cells = { name: cell("name"), value: cell("value", number, unit), quality: cell("quality"), rate: cell("rate"), age: cell("age"), spark: cell("spark", canvas) };
  for (const [key, node] of Object.entries({ number, unit, canvas })) Object.defineProperty(cells, key, { value: node, enumerable: false });
  return cells;
}
