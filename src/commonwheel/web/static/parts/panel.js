// What several pages share: a panel beside a list, the choice of a car, rows of facts.

import { el, setText } from "../core/dom.js";
import { grouped, valueText } from "../core/format.js";

/** A list with a panel beside it, which is hidden until something is shown in it. */
export class Beside {
  constructor(list, { label, onclose }) {
    this.list = list;
    this.onclose = onclose;
    this.title = el("h2", { tabindex: "-1" });
    this.shut = el("button", { class: "button icon", type: "button", "aria-label": "Close", onclick: () => this.close() }, "✕");
    this.body = el("div");
    this.panel = el("section", { class: "card panel", "aria-label": label, hidden: true, tabindex: "0" }, el("header", {}, this.title, this.shut), this.body);
    this.node = el("div", { class: "beside" }, list, this.panel);
    this.panel.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.close();
    });
  }

  /** Show something under a heading. */
  show(title, ...content) {
    this.title.replaceChildren(...(Array.isArray(title) ? title : [title]));
    this.body.replaceChildren(...content);
    this.panel.hidden = false;
    this.panel.scrollTop = 0;
    this.node.classList.add("open");
  }

  get isOpen() {
    return !this.panel.hidden;
  }

  hide() {
    this.panel.hidden = true;
    this.node.classList.remove("open");
    this.body.replaceChildren();
  }

  close() {
    if (!this.isOpen) return;
    this.hide();
    this.onclose();
  }
}

/** A choice between the cars that fit; null where there is only one. */
export function carChoice(cars, chosen, onchange) {
  if (cars.length < 2) return null;
  const select = el("select", { class: "field", onchange: () => onchange(select.value) }, ...cars.map((car) => el("option", { value: car.name, selected: car.name === chosen }, choiceText(car, cars))));
  return el("label", { class: "field-label" }, "Car", select);
}

/** What a car is called, in short: by the first brand that it is sold under. */
export function titleOf(car) {
  return car.brand ? `${car.brand} ${car.model}` : car.title;
}

/** Paths by their last names, as many as tell them apart. */
export function tails(paths) {
  const parts = paths.map((path) => path.split("."));
  const tail = (names, count) => names.slice(-count).join(".");
  return parts.map((names, at) => {
    let count = 2;
    while (count < names.length && parts.some((others, other) => other !== at && tail(others, count) === tail(names, count))) count += 1;
    return tail(names, count);
  });
}

/** A car among others: with its short name where two are called the same. */
function choiceText(car, cars) {
  const title = titleOf(car);
  return cars.some((other) => other !== car && titleOf(other) === title) ? `${title} (${car.name})` : title;
}

/** Facts as a list of pairs; what is empty is left out. */
export function factList(pairs) {
  const shown = pairs.filter(([, value]) => value !== undefined && value !== null && value !== "" && value !== false);
  return el("dl", {}, ...shown.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value instanceof Node ? value : String(value))]));
}

/** Evidence: its first word as a mark, and the reason. */
export function evidenceNode(text) {
  if (!text) return null;
  const [word] = text.split(" ", 1);
  const reason = text.slice(word.length).trim().replace(/^\((.*)\)$/s, "$1");
  return el("p", {}, el("span", { class: "evidence", "data-kind": word }, word), reason);
}

/** A path with room to break behind its dots. */
export function broken(path) {
  const parts = path.replace(/^Vehicle\./, "").split(".");
  return parts.flatMap((part, at) => (at + 1 < parts.length ? [`${part}.`, el("wbr")] : [part]));
}

/** Call a function once things have been quiet for a while. */
export function debounce(ms, fn) {
  let timer = 0;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => fn(...args), ms);
  };
}

/** Tell what went wrong, in a paragraph that is there for it. */
export function tell(node, text) {
  setText(node, text);
  node.hidden = !text;
}

/** A value as text; large numbers in groups of three digits. */
export function numberText(value, decimals) {
  if (typeof value === "number" && Math.abs(value) >= 1e6 && Math.abs(value) < 1e15) return (value < 0 ? "−" : "") + grouped(Math.abs(value));
  return valueText(value, decimals);
}
