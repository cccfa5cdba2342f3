// Cars that may act: the guard's states and why, arming, and what was asked, allowed, sent and measured side by side.

import { el, setAttr, setText } from "../core/dom.js";
import { clockText, fixed, short, unitText } from "../core/format.js";
import { Past, traces } from "../parts/plot.js";

export const title = "Control";

const KINDS = { off: "", armed: "info", engaged: "good", overriding: "warn", faulted: "bad" };
const SIGNS = { off: "\u25cb", armed: "\u25d4", engaged: "\u25cf", overriding: "\u21c4", faulted: "\u2716" };
const COLUMNS = ["asked", "allowed", "sent", "measured"];
const LINES = [["allowed", "--quiet", [3, 3]], ["sent", "--accent", null], ["measured", "--good", null]];
const SECONDS = 20;
// Decimals that mean something to a reader, and the least that a picture shows from bottom to top; by unit.
const SCALES = { "m/s^2": [2, 1], "1/m": [5, 0.001], degrees: [1, 4], "km/h": [1, 4] };
const ROOM = 260;
const MOST_LINES = 150;

export function mount(root, api) {
  const page = new ControlPage(root, api);
  api.open("control", {}, {
    first: (value) => page.begin(value),
    update: (change) => page.update(change),
    failed: (error) => root.replaceChildren(el("p", { class: "note bad" }, error.message)),
  });
  api.onLink((on) => page.connect(on));
  api.onTheme(() => page.draw());
}

class ControlPage {
  constructor(root, api) {
    this.root = root;
    this.api = api;
    this.cars = [];
  }

  begin({ cars }) {
    this.cars = cars.map((card) => new CarPart(card, this.api));
    if (!cars.length) {
      this.root.replaceChildren(el("p", { class: "note" }, "No car here may act. Run one that says how it acts (its ", el("code", {}, "control.yaml"), ") with ", el("code", {}, "--actuate"), "."));
      return;
    }
    this.root.replaceChildren(
      el("p", { class: "note" }, "For simulation, benches and research vehicles. Nothing leaves towards a car before it is armed, and every arming is logged with who and why."),
      ...this.cars.map((car) => car.node));
  }

  update(change) {
    for (const [at, news] of Object.entries(change)) this.cars[at]?.update(news);
  }

  connect(on) {
    for (const car of this.cars) car.connect(on);
  }

  draw() {
    for (const car of this.cars) car.draw();
  }
}

class CarPart {
  constructor(card, api) {
    this.card = card;
    this.api = api;
    this.states = new Map();
    this.connected = true;
    this.axes = new Map(card.axes.map((axis) => [axis, { chip: el("span", { class: "chip" }, "\u2026"), cause: el("span", { class: "quiet cause" }) }]));
    this.rows = new Map(card.actuators.map((one) => [one.path, new ActuatorRow(one)]));
    const id = `control-${card.car}`;
    const car = api.cars.find((one) => one.name === card.car);
    this.reason = el("input", { class: "field", id: `${id}-reason`, maxlength: "300", placeholder: "why, for the log", autocomplete: "off" });
    this.arm = el("button", { class: "button primary", type: "button", onclick: () => this.ask(true) }, "Arm");
    this.disarm = el("button", { class: "button", type: "button", onclick: () => this.ask(false) }, "Disarm");
    this.told = el("p", { class: "quiet told", role: "status" }, card.why);
    this.reason.addEventListener("input", () => this.buttons());
    this.reason.addEventListener("keydown", (event) => event.key === "Enter" && !this.arm.disabled && this.ask(true));
    this.lines = el("ol", { class: "said", reversed: true });
    this.none = el("p", { class: "quiet" }, "Nothing yet.");
    this.node = el("section", { class: "card control-car", "aria-labelledby": id },
      el("header", {}, el("h2", { id }, car?.brand ? `${car.brand} ${car.model}` : card.car, el("span", { class: "quiet" }, ` ${card.car}`)),
        el("div", { class: "toolbar" }, el("label", { class: "sr", for: `${id}-reason` }, `Why ${card.car} is armed`), this.reason, this.arm, this.disarm)),
      this.told,
      el("dl", { class: "axes" }, ...[...this.axes].map(([axis, { chip, cause }]) => el("div", {}, el("dt", {}, axis), el("dd", {}, chip, cause)))),
      el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `What ${card.car} was asked and did` },
        el("table", {}, el("caption", { class: "sr" }, "Actuators: asked, allowed, sent and measured"),
          el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Actuator"), el("th", { scope: "col" }, "Follows"),
            ...COLUMNS.map((name) => el("th", { scope: "col", class: "right" }, name)), el("th", { scope: "col" }, `Last ${SECONDS} s`))),
          el("tbody", {}, ...[...this.rows.values()].map((row) => row.node)))),
      el("p", { class: "quiet legend" }, ...LINES.map(([name]) => el("span", { class: `key key-${name}` }, name))),
      el("h3", {}, "What the guard said last"), this.none,
      el("div", { class: "said-box", tabindex: "0", role: "region", "aria-label": `What the guard of ${card.car} said` }, this.lines),
      cannot(card.cannot));
    this.buttons();
  }

  update({ axes, doing, said = [] }) {
    for (const [axis, [state, cause]] of Object.entries(axes ?? {})) {
      const part = this.axes.get(axis);
      if (!part) continue;
      this.states.set(axis, state);
      const text = `${SIGNS[state] ?? ""} ${state}`.trim();
      if (part.chip.textContent !== text && part.chip.textContent !== "\u2026") this.api.say(`${this.card.car}, ${axis}: ${state}`);
      setText(part.chip, text);
      setAttr(part.chip, "data-kind", KINDS[state] || null);
      setText(part.cause, cause);
    }
    if (doing) {
      const now = Date.now();
      for (const [path, values] of Object.entries(doing)) this.rows.get(path)?.update(values, now);
    }
    for (const one of said) this.say(one);
    if (axes) this.buttons();
  }

  say(one) {
    this.none.hidden = true;
    const same = [one.kind, one.what, one.about, one.rule, one.text].join("\u0000");
    if (same === this.same) {
      this.times += 1;
      setText(this.lines.firstElementChild.lastElementChild, ` \u00d7${this.times}`);
      return;
    }
    [this.same, this.times] = [same, 1];
    this.lines.prepend(el("li", { "data-kind": one.kind },
      el("span", { class: "mono quiet" }, clockText(one.t_ns)), el("b", {}, one.what), el("span", {}, one.about.replace(/^Vehicle\./, "")),
      one.rule !== "none" && one.rule !== one.what ? el("span", { class: "chip" }, one.rule) : null,
      el("span", { class: "quiet" }, [one.who && one.who !== one.about ? `${one.who}: ` : "", one.text].join("")), el("b", { class: "times" })));
    while (this.lines.childElementCount > MOST_LINES) this.lines.lastElementChild.remove();
  }

  connect(on) {
    this.connected = on;
    this.buttons();
  }

  buttons() {
    const may = this.card.may && this.connected;
    const off = [...this.states.values()].every((state) => state === "off");
    const blind = !this.axes.size; // who may arm it, and may not see its states
    this.arm.disabled = !may || !(off || blind) || !this.reason.value.trim();
    this.disarm.disabled = !may || (off && !blind);
    this.reason.disabled = !may;
  }

  ask(arm) {
    const reason = this.reason.value.trim();
    this.api.call("control.arm", { car: this.card.car, arm, reason }).then(
      () => {
        setText(this.told, "");
        if (arm) this.reason.value = "";
        this.api.say(`${this.card.car}: ${arm ? "arming" : "disarming"}`);
      },
      (error) => setText(this.told, error.message),
    );
  }

  draw() {
    for (const row of this.rows.values()) row.draw(Date.now());
  }
}

class ActuatorRow {
  constructor({ path, unit, axis }) {
    this.cells = COLUMNS.map(() => el("td", { class: "num right" }, "\u2013"));
    this.source = el("td", {}, "\u2013");
    this.pasts = LINES.map(() => new Past(ROOM));
    this.canvas = el("canvas", { class: "trace", "aria-hidden": "true" });
    this.range = el("span", { class: "quiet range" });
    [this.decimals, this.span] = SCALES[unit] ?? [null, 0];
    const name = path.split(".").at(-1);
    this.node = el("tr", {}, el("th", { scope: "row", title: path }, name.replace(/([a-z])([A-Z])/g, "$1 $2"), el("span", { class: "quiet" }, ` ${[unitText(unit), axis].filter(Boolean).join(", ")}`)),
      this.source, ...this.cells, el("td", {}, this.canvas, this.range));
  }

  update([source, ...values], now) {
    setText(this.source, source || "\u2013");
    values.forEach((value, at) => setText(this.cells[at], this.text(value)));
    LINES.forEach(([name], at) => this.pasts[at].push(now, values[COLUMNS.indexOf(name)] ?? NaN));
    this.draw(now);
  }

  text(value) {
    return this.decimals === null ? short(value, 4) : fixed(value, this.decimals);
  }

  draw(now) {
    const lines = LINES.map(([, tone, dash], at) => ({ past: this.pasts[at], tone, dash }));
    const range = traces(this.canvas, lines, { to: now, seconds: SECONDS, span: this.span });
    setText(this.range, range ? range.map((value) => this.text(value)).join(" \u2026 ") : "");
  }
}

/** What the car says that it cannot be asked for, and why. */
function cannot(reasons) {
  const rows = Object.entries(reasons);
  if (!rows.length) return null;
  return el("details", {}, el("summary", {}, `What it cannot be asked for (${rows.length})`),
    el("ul", { class: "cannot" }, ...rows.map(([path, why]) => el("li", {}, el("span", { class: "mono" }, path), el("span", { class: "quiet" }, ` ${why}`)))));
}
