// The button that records a car's frames on the server, and what is said of the recording.

import { el, setAttr, setText } from "../core/dom.js";
import { bytesText, grouped, span } from "../core/format.js";

export class RecordControl {
  /** `car()` is the car that is shown; `failed(text)` is told what went wrong. */
  constructor(api, car, failed) {
    this.api = api;
    this.car = car;
    this.failed = failed;
    this.running = false;
    this.text = el("span", {}, "Record");
    this.button = el("button", { class: "button record", type: "button", "data-on": "false", onclick: () => this.toggle() }, el("span", { class: "dot", "aria-hidden": "true" }), this.text);
    this.state = el("p", { class: "record-text", role: "status" });
  }

  async toggle() {
    this.button.disabled = true;
    try {
      this.draw(await this.api.call("frames.record", { car: this.car().name, on: !this.running }));
    } catch (error) {
      this.failed(error.message ?? String(error));
    }
    this.drawRight();
  }

  drawRight() {
    const { operate, why } = this.car();
    this.button.disabled = !operate;
    setAttr(this.button, "title", operate ? null : why);
  }

  draw(record) {
    this.running = record.running;
    setAttr(this.button, "data-on", String(record.running));
    setText(this.text, record.running ? "Stop" : "Record");
    this.state.classList.toggle("on", record.running);
    setText(this.state, record.running ? this.going(record) : this.over(record));
    this.drawRight();
  }

  size(record) {
    const lost = record.lost ? `, ${grouped(record.lost)} lost` : "";
    return `${grouped(record.written)} frames, ${bytesText(record.size_bytes)}${lost}`;
  }

  going(record) {
    const bounds = `at most ${bytesText(record.most_bytes)} or ${span(record.most_seconds)}`;
    return `Recording into ${record.folder}: ${this.size(record)}, ${span(record.seconds)}; ${bounds}${record.why ? `; ${record.why}` : ""}`;
  }

  over(record) {
    const { operate, why } = this.car();
    if (!record.written && !record.files.length && !record.why) return operate ? "" : `Recording: ${why}.`;
    return `Recorded ${this.size(record)} into ${record.folder}: ${record.files.join(", ")}${record.why ? `. Ended: ${record.why}` : ""}`;
  }
}
