// One message in full: its layout, its last frame bit by bit, each field's number and value, the signals that rest on it.

import { el, setText } from "../core/dom.js";
import { grouped, plain, withUnit } from "../core/format.js";
import { qualityShape, qualityWord } from "../core/quality.js";
import { Bits } from "./bits.js";
import { factList, numberText } from "./panel.js";

const COLORS = 6;

export class MessagePanel {
  constructor(api, car, key) {
    this.key = key;
    this.fields = [];
    this.signals = new Map();
    this.state = el("p", { class: "quiet num" }, "No frame with this id has come yet.");
    this.body = el("div");
    this.node = el("div", {}, this.state, this.body);
    this.view = api.open("message", { car, key }, {
      first: (value) => this.first(value),
      update: (change) => this.update(change),
      failed: (error) => this.body.replaceChildren(el("p", { class: "note bad" }, error.message)),
    });
    this.node.addEventListener("pointerover", (event) => this.light(event.target.closest("[data-f]")?.dataset.f));
    this.node.addEventListener("pointerleave", () => this.light(undefined));
  }

  close() {
    this.view.close();
  }

  first({ card, personal }) {
    this.card = card;
    this.bits = new Bits(card?.name ?? "an unknown message", card?.size ?? 8);
    this.colors = new Map((card?.fields ?? []).map((_, at) => [at, at % COLORS]));
    if (!card) {
      this.body.replaceChildren(el("p", {}, "The description does not know this id."), this.bits.node);
      return;
    }
    const facts = factList([
      ["bus", card.bus],
      ["size", `${card.size} byte${card.size === 1 ? "" : "s"}`],
      ["period", card.period_ms ? `${plain(card.period_ms)} ms` : "not known"],
      ["stale after", card.timeout_ms ? `${plain(card.timeout_ms)} ms` : ""],
      ["checksum", card.checksum],
      ["counter", card.counter ? `${card.counter}, 0 to ${card.modulo - 1}` : ""],
      ["row", card.place],
      ["database", card.comment],
      ["note", card.note],
    ]);
    this.body.replaceChildren(
      ...(personal ? [el("p", { class: "note" }, "Its payload tells who the car or its user is, and is not shown.")] : [this.bits.node]),
      this.fieldTable(card),
      this.signalList(),
      el("h3", {}, "The message"),
      facts,
    );
  }

  fieldTable(card) {
    this.fields = card.fields.map((field, at) => {
      const [raw, value] = [el("td", { class: "n mono" }, "–"), el("td", { class: "n" }, "–")];
      const { unit } = field;
      const about = [field.role, field.condition && `when ${field.condition}`].filter(Boolean).join(", ");
      const name = el("th", { scope: "row", title: field.comment || null }, el("span", { class: `mark-field c${at % COLORS}`, "aria-hidden": "true" }), field.name, about ? el("small", { class: "quiet" }, ` ${about}`) : null);
      return { raw, value, unit, decimals: decimalsOf(field.factor), node: el("tr", { "data-f": String(at) }, name, raw, value) };
    });
    if (!this.fields.length) return el("p", {}, "No field of it is known.");
    const head = el("tr", {}, el("th", { scope: "col" }, "Field"), el("th", { scope: "col", class: "n" }, "Number"), el("th", { scope: "col", class: "n" }, "Value"));
    return el("div", { class: "scroll" }, el("table", {}, el("caption", { class: "sr" }, `Fields of ${card.name}`), el("thead", {}, head), el("tbody", {}, ...this.fields.map((field) => field.node))));
  }

  signalList() {
    this.list = el("div");
    this.signals.clear();
    return this.list;
  }

  light(field) {
    if (field === this.lit) return;
    this.lit = field;
    for (const node of this.node.querySelectorAll("[data-f]")) node.classList.toggle("lit", node.dataset.f === field);
  }

  update({ frame, signals }) {
    setText(this.state, `${grouped(frame.count)} frame${frame.count === 1 ? "" : "s"}; the last at ${new Date(frame.t_ms).toLocaleTimeString(undefined, { hour12: false })}`);
    this.bits.draw(frame.payload, frame.owners, this.colors);
    for (const [at, [raw, value]] of (frame.fields ?? []).entries()) {
      const field = this.fields[at];
      if (!field) continue;
      setText(field.raw, raw === null ? "–" : String(raw).replace("-", "−"));
      const text = raw === null ? "not in this frame" : typeof value === "string" ? value : numberText(value, field.decimals);
      setText(field.value, typeof value === "number" && raw !== null ? withUnit(text, field.unit) : text);
    }
    for (const [path, value, quality, , unit] of signals ?? []) this.drawSignal(path, value, quality, unit);
  }

  drawSignal(path, value, quality, unit) {
    let row = this.signals.get(path);
    if (!row) {
      if (!this.signals.size) this.list.append(el("h3", {}, "Signals that rest on it"), (this.facts = el("dl", { class: "rests" })));
      row = el("dd", { class: "num" });
      this.signals.set(path, row);
      this.facts.append(el("dt", {}, path.replace(/^Vehicle\./, "")), row);
    }
    const told = quality ? ` ${qualityShape(quality)} ${qualityWord(quality)}` : "";
    const text = value === 0 ? "0" : numberText(value);
    setText(row, `${typeof value === "number" ? withUnit(text, unit) : text}${told}`);
  }
}

function decimalsOf(factor) {
  const size = Math.abs(factor);
  return size >= 1 && Number.isInteger(size) ? 0 : Math.min(6, Math.max(0, Math.ceil(-Math.log10(size) - 1e-9)));
}

