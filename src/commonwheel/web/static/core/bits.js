// A message's bits as they come: the present ones large, and under them those before, flowing down. Drawn, not made
// of nodes: twelve of these at twenty updates a second are a few hundred copies of small pictures.

import { fitCanvas } from "./dom.js";
import { color } from "./theme.js";

const ROWS = 18;
const LATEST = 12; // height of the present ones, in CSS pixels
const COLUMNS = 71; // 64 bits, and at least one more between bytes

const OF_ROLE = {
  speed: "--s0", steering: "--s1", accelerator: "--s2", power: "--s3", torque: "--s3", revs: "--s3",
  charge: "--s4", fuel: "--s4", gear: "--s5",
};

function rgb(text) {
  const number = Number.parseInt(text.slice(1, 7), 16);
  return [(number >> 16) & 255, (number >> 8) & 255, number & 255];
}

function mixed(front, back, share) {
  return front.map((part, i) => Math.round(part * share + back[i] * (1 - share)));
}

export class BitFlow {
  /** Draw into a canvas; owners: whose each bit is, as the server says. */
  constructor(canvas, owners, size) {
    this.canvas = canvas;
    this.owners = owners;
    this.bytes = size;
    this.columns = Math.max(1, size * 8);
    this.past = new Uint8Array(ROWS * 8);
    this.kept = 0;
    this.next = 0;
    this.small = document.createElement("canvas");
    this.small.width = this.columns;
    this.small.height = ROWS;
    this.smallContext = this.small.getContext("2d");
    this.picture = new ImageData(this.columns, ROWS);
    this.context = null;
    this.only = null;
    this.recolor();
  }

  /** Take the colours anew, as after a change of theme; `only`: a role that stands out alone. */
  recolor(only = this.only) {
    this.only = only;
    const ground = rgb(color("--card"));
    const quiet = mixed(rgb(color("--quiet")), ground, 0.55);
    const off = rgb(color("--grid"));
    this.lit = this.owners.map((role) => {
      const named = OF_ROLE[role];
      if (!named || (only && role !== only)) return role === "counter" || role === "checksum" ? mixed(quiet, ground, 0.75) : quiet;
      return rgb(color(named));
    });
    this.dim = this.owners.map((role) => {
      const named = OF_ROLE[role];
      return named && !(only && role !== only) ? mixed(rgb(color(named)), ground, 0.2) : off;
    });
    this.redraw();
  }

  /** Put payloads in, oldest first, and draw. */
  push(payloads) {
    for (const hex of payloads) {
      const at = this.next * 8;
      for (let i = 0; i < this.bytes; i += 1) this.past[at + i] = Number.parseInt(hex.substr(i * 2, 2), 16);
      this.next = (this.next + 1) % ROWS;
      if (this.kept < ROWS) this.kept += 1;
    }
    this.redraw();
  }

  /** Look how much room there is (costs a layout), and draw. */
  measure() {
    const width = this.canvas.clientWidth;
    if (!width) return;
    const [context, , height] = fitCanvas(this.canvas);
    const scale = context.getTransform().a;
    this.context = context;
    this.width = width;
    this.height = height;
    this.cell = Math.max(1, Math.floor((width * scale) / COLUMNS)) / scale;
    this.pitch = Math.floor(((width - 8 * this.cell) * scale) / 7) / scale; // from one byte to the next
    this.line = 1 / scale;
    const { style } = this.canvas.parentElement;
    style.setProperty("--byte", `${8 * this.cell}px`);
    style.setProperty("--pitch", `${this.pitch}px`);
    this.redraw();
  }

  redraw() {
    const { context, cell, pitch, width, height, line } = this;
    if (!context) return;
    this.paint();
    context.clearRect(0, 0, width, height);
    if (!this.kept) return;
    context.imageSmoothingEnabled = false;
    context.beginPath();
    for (let byte = 0; byte < this.bytes; byte += 1) {
      const [from, to] = [byte * 8, byte * pitch];
      context.drawImage(this.small, from, 0, 8, 1, to, 0, 8 * cell, LATEST);
      context.drawImage(this.small, from, 1, 8, ROWS - 1, to, LATEST + 3, 8 * cell, height - LATEST - 3);
      for (let bit = 1; bit < 8; bit += 1) context.rect(to + bit * cell - line, 0, line, LATEST);
    }
    context.globalCompositeOperation = "destination-out";
    context.fill();
    context.globalCompositeOperation = "source-over";
  }

  /** Paint one pixel per bit: the latest payload on top. */
  paint() {
    const { data } = this.picture;
    for (let row = 0; row < this.kept; row += 1) {
      const from = ((this.next - 1 - row + 2 * ROWS) % ROWS) * 8;
      const fade = 255 - Math.round((row / ROWS) * 190);
      for (let byte = 0; byte < this.bytes; byte += 1) {
        const value = this.past[from + byte];
        for (let bit = 0; bit < 8; bit += 1) {
          const owner = byte * 8 + bit;
          const shade = (value >> (7 - bit)) & 1 ? this.lit[owner] : this.dim[owner];
          const at = (row * this.columns + byte * 8 + bit) * 4;
          data[at] = shade[0];
          data[at + 1] = shade[1];
          data[at + 2] = shade[2];
          data[at + 3] = fade;
        }
      }
    }
    this.smallContext.putImageData(this.picture, 0, 0);
  }
}
