// Instruments. Each has an element, and a `set` that changes what is there: no node is made after the beginning.

import { el, setAttr, setText, svg } from "./dom.js";
import { fixed } from "./format.js";
import { ABSENT, GOOD, MISSING, qualityMeaning, qualityShape, qualityWord } from "./quality.js";

const START = -225;
const SWEEP = 270;

function polar(angle, radius) {
  const rad = (angle * Math.PI) / 180;
  return [Math.cos(rad) * radius, Math.sin(rad) * radius];
}

function arc(from, to, radius) {
  const [x0, y0] = polar(from, radius);
  const [x1, y1] = polar(to, radius);
  const large = Math.abs(to - from) > 180 ? 1 : 0;
  return `M${x0.toFixed(2)} ${y0.toFixed(2)}A${radius} ${radius} 0 ${large} ${to > from ? 1 : 0} ${x1.toFixed(2)} ${y1.toFixed(2)}`;
}

/** Mark an element with a quality: a word and hatching where it is not good. */
export function markQuality(node, word, quality) {
  node.classList.toggle("not-good", quality !== GOOD && quality < MISSING);
  setText(word, quality === GOOD ? "" : quality >= MISSING ? qualityWord(quality) : `${qualityShape(quality)} ${qualityWord(quality)}`);
  setAttr(word, "title", quality === GOOD ? null : qualityMeaning(quality));
}

/** A round gauge; low below 0 puts zero on top and lets the bar grow both ways. */
export class Dial {
  constructor({ name, role, unit, low, high, step, decimals = 0, absent = false }) {
    Object.assign(this, { name, unit, low, high, decimals, absent });
    this.value = svg("text", { class: "dial-value", y: 6 }, "\u2013");
    this.bar = svg("path", { class: "dial-bar" });
    this.needle = svg("path", { class: "dial-needle", d: "M0 -46L0 -71" });
    this.scale = svg("g", { class: "dial-scale" });
    this.word = el("span", { class: "dial-word" });
    this.picture = svg(
      "svg",
      { viewBox: "-96 -92 192 166", "aria-hidden": "true" },
      svg("path", { class: "dial-track", d: arc(START, START + SWEEP, 78) }),
      this.bar,
      this.scale,
      this.needle,
      this.value,
      svg("text", { class: "dial-unit", y: 26 }, unit),
      svg("text", { class: "dial-name", y: 64 }, name),
    );
    this.element = el("div", { class: `dial role-${role}`, role: "meter", "aria-label": name }, this.picture, this.word);
    this.step = step;
    this.draw();
    this.set(null, ABSENT);
  }

  angle(value) {
    const share = (Math.min(this.high, Math.max(this.low, value)) - this.low) / (this.high - this.low);
    return START + share * SWEEP;
  }

  draw() {
    setAttr(this.element, "aria-valuemin", String(this.low));
    setAttr(this.element, "aria-valuemax", String(this.high));
    const marks = [];
    for (let mark = this.low; mark <= this.high + 1e-9; mark += this.step) {
      const [x0, y0] = polar(this.angle(mark), 70);
      const [x1, y1] = polar(this.angle(mark), 64);
      const [out, ty] = polar(this.angle(mark), 55);
      const tx = out * (1 - 0.13 * Math.abs(out / 55)); // words are wider than high: farther from the marks at the sides
      marks.push(
        svg("path", { d: `M${x0.toFixed(1)} ${y0.toFixed(1)}L${x1.toFixed(1)} ${y1.toFixed(1)}` }),
        svg("text", { x: tx.toFixed(1), y: (ty + 3).toFixed(1) }, this.label(mark)),
      );
    }
    this.scale.replaceChildren(...marks);
  }

  label(mark) {
    return this.high >= 2000 ? fixed(mark / 1000, 0) : fixed(mark, 0);
  }

  /** Make room for a value beyond the scale, in whole steps. */
  fit(value) {
    if (this.absent || (value <= this.high && value >= this.low)) return;
    const times = Math.max(value / this.high, this.low < 0 ? value / this.low : 0);
    const factor = Math.max(1.5, Math.ceil(times * 2) / 2);
    this.high *= factor;
    this.low *= factor;
    this.step *= factor;
    this.draw();
  }

  set(value, quality) {
    const known = typeof value === "number";
    if (known) this.fit(value);
    const text = known ? fixed(value, this.decimals) : "\u2013";
    setText(this.value, text);
    this.value.classList.toggle("long", text.length > 3);
    const angle = known ? this.angle(value) : this.angle(Math.max(this.low, 0));
    const zero = this.angle(Math.max(this.low, 0));
    setAttr(this.bar, "d", known && Math.abs(angle - zero) > 0.4 ? arc(zero, angle, 78) : "M0 0");
    setAttr(this.needle, "transform", `rotate(${(angle + 90).toFixed(1)})`);
    setAttr(this.needle, "visibility", known ? null : "hidden");
    setAttr(this.element, "aria-valuenow", known ? String(Math.round(value)) : "0");
    setAttr(this.element, "aria-valuetext", known ? `${text} ${this.unit}${quality ? `, ${qualityWord(quality)}` : ""}` : qualityWord(quality));
    this.element.classList.toggle("none", !known);
    markQuality(this.element, this.word, quality);
  }
}

/** A straight gauge from 0 to 100 %. */
export class Bar {
  constructor({ name, role, upright = false, unit = "%" }) {
    Object.assign(this, { unit, upright });
    this.fill = el("span", { class: "bar-fill" });
    this.text = el("span", { class: "bar-text num" });
    this.word = el("span", { class: "bar-word" });
    this.track = el("span", { class: "bar-track", role: "meter", "aria-label": name, "aria-valuemin": "0", "aria-valuemax": "100" }, this.fill);
    this.element = el("div", { class: `bar-gauge role-${role}${upright ? " upright" : ""}` }, this.track, el("span", { class: "bar-name" }, name), this.text, this.word);
    this.set(null, ABSENT);
  }

  set(value, quality) {
    const switched = typeof value === "boolean";
    const known = typeof value === "number" || switched;
    const share = switched ? (value ? 100 : 0) : Math.min(100, Math.max(0, value ?? 0));
    this.fill.style.setProperty("--share", String(share / 100));
    const text = switched ? (value ? "pressed" : "released") : known ? `${fixed(value, 0)} ${this.unit}` : "";
    setText(this.text, text);
    setAttr(this.track, "aria-valuenow", String(Math.round(share)));
    setAttr(this.track, "aria-valuetext", known ? text : qualityWord(quality));
    this.track.classList.toggle("absent", !known);
    markQuality(this.text, this.word, quality);
  }
}

/** A steering wheel. */
export class Wheel {
  constructor() {
    this.rim = svg(
      "g",
      {},
      svg("circle", { r: 40, class: "wheel-rim" }),
      svg("path", { class: "wheel-spoke", d: "M0 0H-36M0 0H36M0 0V37" }),
      svg("circle", { r: 9, class: "wheel-hub" }),
      svg("path", { class: "wheel-top", d: "M-7 -39.4A40 40 0 0 1 7 -39.4" }),
    );
    this.text = el("span", { class: "num wheel-text" }, "\u2013");
    this.word = el("span", { class: "bar-word" });
    this.element = el(
      "div",
      { class: "wheel role-steering" },
      svg("svg", { viewBox: "-46 -46 92 92", "aria-hidden": "true" }, this.rim),
      el("span", { class: "bar-name" }, "steering"),
      this.text,
      this.word,
    );
    this.set(null, ABSENT);
  }

  set(value, quality) {
    const known = typeof value === "number";
    setAttr(this.rim, "transform", `rotate(${known ? (-value).toFixed(1) : 0})`);
    const side = !known || Math.abs(value) < 0.5 ? "" : value > 0 ? " left" : " right";
    setText(this.text, known ? `${fixed(Math.abs(value), 0)}\u00b0${side}` : "");
    this.element.classList.toggle("absent", !known);
    markQuality(this.text, this.word, quality);
  }
}
