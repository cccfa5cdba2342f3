// The newest frames as a list of a fixed length, the newest first.

import { el, setText } from "../core/dom.js";

const LENGTH = 60;
const COLUMNS = [["Time", "time"], ["Id", "id"], ["Message", "what"], ["Bus", "bus"], ["Payload", "payload"]];

export class FlowList {
  /** `about(key)` says of a message: {id, name, bus}; undefined where nothing is known yet. */
  constructor(about) {
    this.about = about;
    this.frames = [];
    this.rows = [...Array(LENGTH)].map(() => {
      const cells = COLUMNS.map(([, kind]) => el("td", { class: kind }));
      return { node: el("tr", { hidden: true }, ...cells), cells };
    });
    const heads = COLUMNS.map(([text, kind]) => el("th", { scope: "col", class: kind }, el("span", {}, text)));
    this.node = el("table", { class: "flow" }, el("caption", { class: "sr" }, "The newest frames, the newest first"), el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...this.rows.map((row) => row.node)));
  }

  clear() {
    this.frames = [];
    this.draw();
  }

  /** Put frames in front: [t_ms, key, payload in hexadecimal or null where it is nobody's business], oldest first. */
  add(frames) {
    this.frames = [...frames.reverse(), ...this.frames].slice(0, LENGTH);
    this.draw();
  }

  draw() {
    for (const [i, row] of this.rows.entries()) {
      const frame = this.frames[i];
      row.node.hidden = !frame;
      if (frame) this.drawRow(row.cells, frame);
    }
  }

  drawRow([time, id, what, bus, payload], [t, key, hex]) {
    const about = this.about(key);
    const clock = new Date(t).toLocaleTimeString(undefined, { hour12: false });
    setText(time, `${clock}.${String(Math.floor(t % 1000)).padStart(3, "0")}`);
    setText(id, about?.id ?? `0x${(key % 0x20000000).toString(16).toUpperCase()}`);
    setText(what, about?.name || "not described");
    setText(bus, about?.bus ?? "");
    setText(payload, hex === null ? "personal, not shown" : hex.toUpperCase().replace(/(..)(?=.)/g, "$1 "));
  }
}
