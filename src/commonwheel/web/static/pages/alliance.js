// All cars side by side in the same instruments; under each, the frames that carry it.

import { BitFlow } from "../core/bits.js";
import { el, setAttr, setText } from "../core/dom.js";
import { clockText, fixed, grouped, outputText, plain, withUnit, words } from "../core/format.js";
import { Bar, Dial, Wheel } from "../core/gauges.js";
import { GOOD, MISSING, qualityWord } from "../core/quality.js";
import { Silhouette } from "../core/silhouette.js";

export const title = "Alliance";

const ROLE_WORDS = {
  speed: "speed", steering: "steering", accelerator: "accelerator", power: "power", revs: "revolutions",
  charge: "charge", fuel: "fuel", gear: "gear",
};
const GEARS = [[126, "P", "park"], [-1, "R", "reverse"], [0, "N", "neutral"], [127, "D", "drive"]];
const MOST_OUTPUTS = 6;
const LONG = 13; // characters that have no room beside others
const TELLTALES = [
  ["low_beam", "Low beam"], ["high_beam", "High beam"], ["parking_brake", "Parking brake"],
];

export function mount(root, api) {
  const columns = new Map();
  const legend = el("div", { class: "legend", role: "group", "aria-label": "Colours of the signals; press one to see it alone" });
  const grid = el("div", { class: "cars" });
  root.append(
    el("div", { class: "intro" },
      el("p", { class: "lead" }, "One standard, read from a different wire in every car. A colour is a signal: in the instrument, and in the bits that carry it."),
      legend,
    ),
    grid,
  );
  let only = null;
  const show = (role) => {
    only = role;
    for (const button of legend.children) setAttr(button, "aria-pressed", String(button.dataset.role === only));
    for (const column of columns.values()) column.recolor(only);
  };
  api.open("alliance", {}, {
    first(value) {
      columns.clear();
      grid.replaceChildren();
      for (const car of value.cars) {
        const card = api.cars.find((one) => one.name === car.name);
        if (!card) continue;
        const column = new Column(card, car, api);
        columns.set(car.name, column);
        grid.append(column.element);
        column.showLanes(car.lanes);
      }
      const shown = Object.keys(ROLE_WORDS).filter((role) => value.cars.some((car) => role in car.roles));
      legend.replaceChildren(...shown.map((role) => legendButton(role, () => show(only === role ? null : role))));
      show(shown.includes(only) ? only : null); // as it was before the connection was lost
      if (!value.cars.length) grid.append(el("p", { class: "note" }, "No car runs here."));
    },
    update(change) {
      for (const [name, news] of Object.entries(change)) columns.get(name)?.update(news);
    },
    failed(error) {
      grid.replaceChildren(el("p", { class: "note bad" }, error.message));
    },
  });
  api.onTheme(() => columns.forEach((column) => column.recolor(only)));
  const resized = new ResizeObserver(() => columns.forEach((column) => column.redraw()));
  resized.observe(grid);
  return () => resized.disconnect();
}

function legendButton(role, press) {
  return el("button", { class: `chip legend-chip role-${role}`, type: "button", "data-role": role, "aria-pressed": "false", onclick: press },
    el("span", { class: "swatch", "aria-hidden": "true" }), ROLE_WORDS[role]);
}

class Column {
  constructor(card, car, api) {
    this.card = card;
    this.api = api;
    this.roles = car.roles;
    this.qualities = new Map();
    this.lanes = [];
    this.apps = new Map();
    this.only = null;
    this.verdict = "";
    const given = new Set(Object.keys(car.roles));
    this.chip = el("span", { class: "chip" }, "waiting");
    this.parts = this.instruments(given);
    this.wire = el("div", { class: "lanes" });
    this.rate = el("span", { class: "quiet num" });
    this.counts = el("p", { class: "counts quiet num" });
    this.appList = el("ul", { class: "car-apps" });
    this.appSection = el("section", { class: "car-part", hidden: true, "aria-label": `Apps of ${card.title}` }, el("h3", {}, "Apps"), this.appList);
    const id = `car-${card.name || "broker"}`;
    this.element = el(
      "article",
      { class: "card car", "aria-labelledby": id },
      el(
        "header",
        { class: "car-head" },
        el("h2", { id }, el("b", {}, card.brand || card.title), " ", el("span", {}, card.model)),
        this.chip,
        el("p", { class: "quiet" }, [card.vehicle, card.powertrain].filter(Boolean).join(" · ")),
      ),
      this.parts.element,
      el(
        "section",
        { class: "car-part", "aria-label": `Frames of ${card.title}` },
        el("h3", {}, "On the wire ", this.rate),
        card.frames ? null : el("p", { class: "quiet" }, card.live ? "Frames are shown to who may read every signal." : "No frames: others give this car its values."),
        this.wire,
        this.counts,
      ),
      this.appSection,
    );
  }

  instruments(given) {
    const has = (role) => given.has(role);
    const speed = new Dial({ name: "speed", role: "speed", unit: "km/h", low: 0, high: 160, step: 40 });
    const kind = has("power") || (!has("revs") && this.card.powertrain === "battery-electric") ? "power" : "revs";
    const right = kind === "power"
      ? new Dial({ name: "power", role: "power", unit: "kW", low: -80, high: 80, step: 40 })
      : new Dial({ name: "revolutions", role: "revs", unit: "rpm", low: 0, high: 8000, step: 2000 });
    const wheel = new Wheel();
    const silhouette = new Silhouette(given);
    const accelerator = new Bar({ name: "accelerator", role: "accelerator", upright: true });
    const brake = new Bar({ name: "brake", role: "brake", upright: true });
    const energy = new Bar({ name: has("charge") || (!has("fuel") && this.card.powertrain !== "combustion") ? "charge" : "fuel", role: "charge" });
    const extra = el("span", { class: "num extra" });
    const gears = new Map(GEARS.map(([code, letter, word]) => [code, el("li", { title: word }, letter)]));
    const gearText = el("span", { class: "sr" });
    const arrows = { left: el("span", { class: "arrow", "aria-hidden": "true" }, "\u25c0"), right: el("span", { class: "arrow", "aria-hidden": "true" }, "\u25b6") };
    const tells = new Map(TELLTALES.map(([role, word]) => [role, el("li", { class: has(role) ? "tell" : "tell absent" }, word, el("span", { class: "sr" }))]));
    const element = el(
      "div",
      { class: "cluster" },
      el("div", { class: "dials" }, speed.element, right.element),
      el("div", { class: "middle" },
        arrows.left,
        el("div", { class: has("gear") ? "gears role-gear" : "gears absent" }, el("ul", { "aria-hidden": "true" }, ...gears.values()), gearText),
        arrows.right,
      ),
      el("div", { class: "controls" }, wheel.element, silhouette.element, el("div", { class: "pedals" }, brake.element, accelerator.element)),
      el("div", { class: "energy" }, energy.element, extra),
      el("ul", { class: "tells" }, ...tells.values()),
    );
    return { element, kind, speed, right, wheel, silhouette, accelerator, brake, energy, extra, gears, gearText, arrows, tells, values: {} };
  }

  update(news) {
    if (news.values) this.setValues(news.values);
    if (news.lanes) this.showLanes(news.lanes);
    if (news.frames) this.showFrames(news.frames);
    if (news.facts) this.showFacts(news.facts);
    if (news.apps) this.showApps(news.apps);
  }

  setValues(values) {
    const { parts } = this;
    for (const [role, [given, quality]] of Object.entries(values)) {
      const value = typeof given === "number" ? given * this.roles[role].factor : given;
      this.qualities.set(role, quality);
      parts.values[role] = [value, quality];
      if (role === "speed") parts.speed.set(value, quality);
      else if (role === parts.kind) parts.right.set(value, quality);
      else if (role === "steering") {
        parts.wheel.set(value, quality);
        parts.silhouette.steer(value ?? 0);
      } else if (role === "accelerator") parts.accelerator.set(value, quality);
      else if (role === "brake") {
        parts.brake.set(value, quality);
        parts.silhouette.set(role, value, quality);
      } else if (role === "charge" || (role === "fuel" && !("charge" in this.roles))) parts.energy.set(value, quality);
      else if (role === "gear") this.setGear(value, quality);
      else if (parts.tells.has(role)) this.setTell(role, value, quality);
      if (role in parts.arrows) {
        parts.arrows[role].classList.toggle("on", value === true && quality === GOOD);
        parts.silhouette.set(role, value, quality);
      } else if (role !== "brake") parts.silhouette.set(role, value, quality);
    }
    this.setExtra();
    this.judge();
  }

  setGear(value, quality) {
    const { gears, gearText } = this.parts;
    let word = "gear not known";
    for (const [code, letter, name] of GEARS) {
      const on = code === 127 ? value > 0 && value !== 126 : code === value;
      const node = gears.get(code);
      node.classList.toggle("on", on);
      if (on) {
        word = value > 0 && value < 126 ? `gear ${value}` : name;
        setText(node, value > 0 && value < 126 ? String(value) : letter);
      } else setText(node, letter);
    }
    setText(gearText, quality === GOOD ? word : `${word}, ${qualityWord(quality)}`);
  }

  setTell(role, value, quality) {
    const node = this.parts.tells.get(role);
    const on = value === true;
    node.classList.toggle("on", on && quality === GOOD);
    setText(node.lastChild, quality === MISSING ? ": none yet" : on ? ": on" : ": off");
  }

  /** What has no instrument of its own: torque, range, and the fuel of a car that has a battery too. */
  setExtra() {
    const { values, extra } = this.parts;
    const told = [];
    const add = (role, text) => values[role] && values[role][1] === GOOD && values[role][0] !== null && told.push(text(values[role][0]));
    if (this.parts.kind === "power") add("revs", (value) => `${grouped(value)} rpm`);
    add("torque", (value) => `${fixed(value, 0)} N·m`);
    add("range", (value) => `${grouped(value)} km range`);
    if ("charge" in this.roles) add("fuel", (value) => `fuel ${fixed(value, 0)} %`);
    setText(extra, told.join(" · "));
  }

  /** Say in a word how the car's values are. */
  judge() {
    const count = [0, 0, 0, 0, 0];
    for (const quality of this.qualities.values()) count[quality] += 1;
    const [good, late, invalid, corrupt] = count;
    const known = good + late + invalid + corrupt;
    let [kind, text] = ["good", `\u2714 ${good} signal${good === 1 ? "" : "s"} good`];
    if (!known) [kind, text] = ["warn", "\u2013 no values yet"];
    else if (invalid + corrupt) [kind, text] = ["bad", `\u2716 ${invalid + corrupt} of ${known} not valid`];
    else if (late) [kind, text] = ["warn", `\u25f7 ${late} of ${known} stale`];
    setAttr(this.chip, "data-kind", kind);
    setText(this.chip, text);
    if (this.verdict && this.verdict !== kind) this.api.say(`${this.card.title}: ${text.slice(2)}`);
    this.verdict = kind;
  }

  // ---- the wire

  showLanes(cards) {
    this.lanes = cards.map((card) => new Lane(card));
    this.wire.replaceChildren(...this.lanes.map((lane) => lane.element));
    for (const lane of this.lanes) lane.begin(this.only);
  }

  showFrames(frames) {
    for (const [at, news] of Object.entries(frames)) this.lanes[at]?.update(news, this.api.still);
  }

  recolor(only) {
    this.only = only;
    for (const lane of this.lanes) lane.begin(only);
    setAttr(this.element, "data-only", only);
  }

  redraw() {
    for (const lane of this.lanes) lane.flow.measure();
  }

  showFacts(facts) {
    setText(this.rate, facts.rate === null || facts.rate === undefined ? "" : `${grouped(facts.rate)} frames/s`);
    const told = Object.entries(facts.buses ?? {}).map(([name, state]) => `bus ${name} ${state}`);
    if (facts.stale) told.push(`${facts.stale} message${facts.stale === 1 ? "" : "s"} late`);
    for (const kind of ["lost", "corrupt", "unknown"]) if (facts[kind]) told.push(`${grouped(facts[kind])} frame${facts[kind] === 1 ? "" : "s"} ${kind}`);
    setText(this.counts, told.join(" · ") || (facts.rate === undefined ? "" : "nothing lost, nothing corrupt"));
  }

  // ---- apps

  showApps(apps) {
    this.appSection.hidden = !apps.length;
    for (const app of apps) {
      let row = this.apps.get(app.name);
      if (!row) {
        row = new AppRow(app.name, this.card.name);
        this.apps.set(app.name, row);
        this.appList.append(row.element);
      }
      row.set(app);
    }
  }
}

class Lane {
  constructor(card) {
    this.card = card;
    this.bytes = Array.from({ length: card.size }, () => el("span", {}, "\u00b7\u00b7"));
    this.canvas = el("canvas", { class: "flow", "aria-hidden": "true" });
    this.sums = card.fields.map((field) => new Sum(field));
    const carried = [...new Set(card.owners.filter((role) => role in ROLE_WORDS))];
    const every = card.period_ms ? ` · every ${plain(card.period_ms)} ms` : "";
    const said = carried.map((role) => `${ROLE_WORDS[role]} in ${card.owners.filter((one) => one === role).length} bits`).join(", ");
    this.hex = el("div", { class: "hex mono" }, ...this.bytes);
    this.element = el(
      "div",
      { class: "lane" },
      el("p", { class: "lane-head" }, el("b", { class: "mono" }, card.id), ` ${card.message}`, el("span", { class: "quiet" }, ` ${card.bus}${every}`)),
      el("div", { class: "picture", role: "img", "aria-label": `Frame ${card.id} ${card.message} of ${card.size} bytes: ${said}` }, this.hex, this.canvas),
      ...this.sums.map((sum) => sum.element),
    );
    for (const [i, byte] of this.bytes.entries()) {
      const owner = card.owners.slice(i * 8, i * 8 + 8).find((role) => role in ROLE_WORDS);
      if (owner) byte.className = `role-${owner} owned`;
    }
    this.flow = null;
  }

  begin(only) {
    if (!this.flow) {
      this.flow = new BitFlow(this.canvas, this.card.owners, this.card.size);
      this.flow.measure();
    }
    this.flow.recolor(only);
    for (const byte of this.bytes) byte.classList.toggle("faint", only !== null && !byte.classList.contains(`role-${only}`));
  }

  update([payloads, , raws], still) {
    const last = payloads.at(-1);
    for (let i = 0; i < this.bytes.length; i += 1) setText(this.bytes[i], last.substr(i * 2, 2).toUpperCase());
    this.flow.push(still ? [last] : payloads);
    for (let i = 0; i < this.sums.length; i += 1) this.sums[i].set(raws[i]);
  }
}

/** How a number on the wire becomes a value of the standard. */
class Sum {
  constructor(field) {
    this.field = field;
    this.raw = el("span", { class: "num raw" });
    this.value = el("b", { class: "num" });
    const coded = field.codes.length > 0;
    this.codes = new Map(field.codes);
    const factor = coded || field.factor === 1 ? "" : ` \u00d7 ${plain(field.factor)}`;
    const offset = field.offset ? ` ${field.offset < 0 ? "\u2212" : "+"} ${plain(Math.abs(field.offset))}` : "";
    const order = field.bits > 8 ? `, ${field.order}` : "";
    this.element = el(
      "p",
      { class: `sum role-${field.role}`, "aria-hidden": "true" },
      el("span", { class: "quiet" }, `${field.direct ? "" : `${field.name}, `}${field.bits} bit${field.bits > 1 ? "s" : ""}${order} `),
      this.none = el("span", { class: "quiet" }, "no frame yet"),
      this.arith = el("span", { class: "arith", hidden: true }, coded ? el("span", { class: "quiet" }, "code ") : "", this.raw, el("span", { class: "quiet" }, coded ? "" : `${factor}${offset}`), " = ", this.value),
    );
    this.decimals = Math.min(3, Math.max(0, Math.ceil(-Math.log10(Math.abs(field.factor)) - 1e-9)));
  }

  set(raw) {
    this.none.hidden = true;
    this.arith.hidden = false;
    setText(this.raw, String(raw).replace("-", "\u2212"));
    const { factor, offset, unit, codes } = this.field;
    setText(this.value, codes.length ? this.meaning(raw) : withUnit(fixed(raw * factor + offset, this.decimals), unit));
  }

  /** What the standard says for a code. */
  meaning(raw) {
    const value = this.codes.get(raw);
    if (value === undefined) return "no value";
    const gear = this.field.role === "gear" && GEARS.find(([code]) => code === value);
    return gear ? gear[2] : plain(value);
  }
}

class AppRow {
  constructor(name, car) {
    this.state = el("span", { class: "chip", hidden: true });
    this.event = el("span", { class: "app-event" });
    this.list = el("dl", { class: "outputs" });
    this.outputs = new Map();
    this.element = el("li", {}, el("p", { class: "app-head" }, el("a", { href: `#/apps/${encodeURIComponent(name)}/${encodeURIComponent(car)}` }, name), this.state, this.event), this.list);
  }

  set(app) {
    this.state.hidden = app.state === "running";
    const unfit = app.state === "unfit";
    setText(this.state, unfit ? `cannot run: ${app.missing} signal${app.missing === 1 ? "" : "s"} missing` : app.state);
    setAttr(this.state, "data-kind", app.state === "failed" ? "bad" : unfit || app.state === "stopped" ? null : "warn");
    this.list.classList.toggle("past", app.state !== "running");
    setText(this.event, app.event ? `${words(app.event[0])}, ${clockText(app.event[2])}` : "");
    setAttr(this.event, "data-severity", app.event ? app.event[1] : null);
    for (const [name, output] of Object.entries(app.outputs)) {
      let node = this.outputs.get(name);
      if (!node) {
        if (this.outputs.size >= MOST_OUTPUTS || output[0] === null || output[0] === "") continue;
        node = el("dd", { class: "num" });
        this.outputs.set(name, node);
        node.place = el("div", {}, el("dt", {}, words(name)), node);
        this.list.append(node.place);
      }
      const text = outputText(output);
      setText(node, text);
      node.place.classList.toggle("long", text.length > LONG);
    }
  }
}
