// One signal in full: its value and past, the frame it came from, the arithmetic, the row behind it, the standard.

import { el, setText } from "../core/dom.js";
import { short, span, unitText } from "../core/format.js";
import { GOOD, qualityMeaning, qualityShape, qualityWord } from "../core/quality.js";
import { Bits } from "./bits.js";
import { evidenceNode, factList, numberText } from "./panel.js";
import { Past, plot } from "./plot.js";

const HOW = { from: "read from", compute: "computed from", first_of: "the first good one of", text: "put together from", fixed: "a fixed fact", request: "only asked for" };
const POINTS = 900;

/** A factor or offset as people write it. */
function factorText(value) {
  return String(Number(value.toPrecision(7))).replace("-", "−");
}

export class SignalPanel {
  constructor(api, car, signal, vehicle) {
    this.path = signal.path;
    this.signal = signal;
    this.vehicle = vehicle;
    this.past = new Past(POINTS);
    this.offset = 0;
    this.value = el("b", {}, "–");
    this.unit = el("span", { class: "quiet" }, unitText(signal.unit));
    this.quality = el("span", { class: "chip" });
    this.age = el("span", { class: "quiet num" });
    this.canvas = el("canvas", { class: "plot", role: "img", "aria-label": "The last minute" });
    this.rest = el("div", {}, el("p", { class: "quiet" }, "…"));
    this.node = el("div", {}, el("p", { class: "now-value" }, this.value, this.unit, this.quality, this.age), this.canvas, this.rest);
    this.frames = [];
    this.steps = [];
    this.view = api.open("signal", { car, path: signal.path }, {
      first: (value) => this.first(value),
      update: (change) => this.update(change),
      failed: (error) => this.rest.replaceChildren(el("p", { class: "note bad" }, error.message)),
    });
    this.timer = setInterval(() => this.drawPast(), 250);
    api.onTheme(() => this.drawPast());
  }

  close() {
    clearInterval(this.timer);
    this.view.close();
  }

  first(value) {
    this.seconds = value.past_s;
    this.about = value;
    this.past = new Past(POINTS);
    for (const [t, number] of value.past) this.past.push(t, number);
    this.rest.replaceChildren(...this.frameNodes(value), ...this.rowNodes(value), ...this.standardNodes(value.about));
  }

  // ---- from the frame to the value

  frameNodes({ messages, carriers, why }) {
    this.frames = [];
    this.steps = carriers.map(() => null);
    if (!carriers.length) return [];
    const parts = [el("h3", {}, carriers.length > 1 ? "From the frames to the value" : "From the frame to the value")];
    if (why) parts.push(el("p", { class: "quiet" }, `${why}.`));
    for (const [at, message] of messages.entries()) {
      const bits = new Bits(message.name, message.size);
      const state = el("small", {}, "no frame since this was opened");
      this.frames.push({ bits, state, message });
      const period = message.period_ms ? `, every ${factorText(message.period_ms)} ms` : "";
      parts.push(
        el("p", { class: "message-head" }, el("span", { class: "mono" }, message.id), ` ${message.name}`, el("small", {}, `bus ${message.bus}${period}${message.checksum ? `, checksum ${message.checksum}` : ""}${message.counter ? `, counter ${message.counter}` : ""}`)),
        why ? null : bits.node,
        why ? null : state,
      );
      for (const [i, carrier] of carriers.entries()) if (carrier.message === at) parts.push(this.stepNode(i, carrier, message.fields[carrier.field]));
    }
    return parts;
  }

  stepNode(index, carrier, field) {
    const sum = el("span", {}, "–");
    this.steps[index] = { sum, carrier, field };
    const order = field.length === 1 ? "" : field.big_endian ? ", big-endian" : ", little-endian";
    const where = `${field.length} bit${field.length > 1 ? "s" : ""} from bit ${field.start}${order}${field.signed ? ", signed" : ""}${field.condition ? `, when ${field.condition}` : ""}`;
    return el("p", { class: `sum c${index % 6}` }, el("small", {}, `${field.name}: ${where}`), sum);
  }

  sumText({ carrier, field }, step) {
    if (!this.frames[carrier.message]?.t) return "–";
    if (step.raw === null) return "not in this frame";
    const raw = String(step.raw).replace("-", "−");
    if (carrier.invalid !== null && step.raw === carrier.invalid) return `${raw}: the sender's own code for no value`;
    if (carrier.codes.length) return step.value === null ? `${raw}: a code without a meaning here` : `code ${raw} means ${this.meaning(step.value)}`;
    const offset = carrier.offset ? ` ${carrier.offset < 0 ? "−" : "+"} ${factorText(Math.abs(carrier.offset))}` : "";
    const value = carrier.direct ? step.value : step.raw * carrier.factor + carrier.offset;
    const unit = unitText(carrier.direct ? this.signal.unit : carrier.unit);
    if (field.is_float) return `${short(value, 6)} ${unit}`.trim();
    return `${raw} × ${factorText(carrier.factor)}${offset} = ${factorText(value)} ${unit}${carrier.direct ? "" : " (an input)"}`.trim();
  }

  meaning(code) {
    if (this.signal.datatype === "boolean") return code ? "yes" : "no";
    return this.about.about.allowed[code] ?? factorText(code);
  }

  // ---- the description and the standard

  rowNodes({ row, owner }) {
    if (!row) {
      const given = owner ? `Its values come from ${owner}.` : "Nobody gives it a value.";
      return [el("h3", {}, "The car's description"), el("p", {}, `The description has no row for it. ${given}`)];
    }
    const step = row.resolution && !this.about.about.allowed.length ? `${factorText(row.resolution)} ${unitText(this.signal.unit)}` : "";
    const range = row.low !== null || row.high !== null ? `${row.low === null ? "" : factorText(row.low)} … ${row.high === null ? "" : factorText(row.high)}` : "";
    return [
      el("h3", {}, "The car's description"),
      evidenceNode(row.evidence),
      factList([
        ["how", `${HOW[row.how] ?? row.how} ${row.sources.join(", ")}`.trim()],
        ["fixed", row.fixed],
        ["step", this.signal.datatype === "boolean" ? "" : step],
        ["the wire can carry", this.signal.datatype === "boolean" ? "" : range],
        ["asked for through", row.request],
        ["proved by", row.confirm],
        ["given by", owner],
        ["personal", row.personal ? "left out unless asked for" : ""],
        ["note", row.note],
        ["row", row.file ? `${row.file}:${row.line}` : ""],
      ]),
      row.text ? el("pre", { tabindex: "0", "aria-label": "The row as it is written" }, row.text) : null,
      this.vehicle ? el("p", {}, el("a", { href: `/cars/${this.vehicle}#s-${this.path}` }, "the car's reference page")) : null,
    ].filter(Boolean);
  }

  standardNodes(about) {
    const range = about.low !== null || about.high !== null ? `${about.low ?? ""} … ${about.high ?? ""}` : "";
    return [
      el("h3", {}, "The standard"),
      el("p", {}, about.description),
      about.comment ? el("p", { class: "quiet" }, about.comment) : null,
      factList([
        ["path", el("span", { class: "mono" }, about.path)],
        ["kind", about.kind],
        ["datatype", about.datatype],
        ["unit", about.unit],
        ["range", range],
        ["values", about.allowed.join(", ")],
        ["from", about.origin],
      ]),
    ].filter(Boolean);
  }

  // ---- live

  update(change) {
    this.offset = change.now - Date.now();
    this.t = change.t_ms;
    setText(this.value, numberText(change.value, this.signal.decimals));
    setText(this.quality, `${qualityShape(change.quality)} ${qualityWord(change.quality)}`.trim());
    this.quality.dataset.kind = change.quality === GOOD ? "good" : change.quality === 3 ? "bad" : "warn";
    this.quality.title = qualityMeaning(change.quality);
    if (change.t_ms > this.past.last && change.quality < 4) this.past.push(change.t_ms, change.quality <= 1 ? this.drawn(change.value) : NaN);
    for (const [at, frame] of (change.frames ?? []).entries()) if (frame) this.drawFrame(at, frame);
    for (const [i, step] of (change.steps ?? []).entries()) if (this.steps[i]) setText(this.steps[i].sum, this.sumText(this.steps[i], step));
    this.drawPast();
  }

  /** A value as a number: that of a text is its place among those allowed. */
  drawn(value) {
    return typeof value === "string" ? this.about.about.allowed.indexOf(value) : value;
  }

  drawFrame(at, frame) {
    const { bits, state } = this.frames[at];
    const colors = new Map();
    for (const [i, step] of this.steps.entries()) if (step?.carrier.message === at) colors.set(step.carrier.field, i);
    bits.draw(frame.payload, frame.owners, colors);
    this.frames[at].t = frame.t_ms;
    setText(state, `last ${span(Math.max(0, (Date.now() + this.offset - frame.t_ms) / 1000))} ago`);
  }

  drawPast() {
    if (!this.seconds) return;
    const to = Date.now() + this.offset;
    setText(this.age, this.t ? `${span(Math.max(0, (to - this.t) / 1000))} old` : "");
    for (const frame of this.frames) if (frame.t) setText(frame.state, `last ${span(Math.max(0, (to - frame.t) / 1000))} ago`);
    const step = !["float", "double"].includes(this.signal.datatype);
    plot(this.canvas, this.past, { to, seconds: this.seconds, step });
  }
}
