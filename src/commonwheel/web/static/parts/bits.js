// A frame, byte by byte and bit by bit: hexadecimal above, bits below, each bit in its field's colour.

import { el, setAttr, setText } from "../core/dom.js";

const HEX = [...Array(256).keys()].map((value) => value.toString(16).toUpperCase().padStart(2, "0"));
const CHECK = -2;
const NOBODY = -1;

/** Bytes of hexadecimal text. */
export function bytesOf(hex) {
  const bytes = new Uint8Array(hex.length >> 1);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = Number.parseInt(hex.substr(2 * i, 2), 16);
  return bytes;
}

/** A byte as two digits. */
export const hexOf = (value) => HEX[value];

export class Bits {
  /** Room for a frame of so many bytes; `name` is what it is called for those who do not see it. */
  constructor(name, size) {
    this.name = name;
    this.cells = [];
    this.hexes = [];
    this.bytes = new Uint8Array(0);
    this.node = el("div", { class: "bits", role: "img", "aria-label": `Bits of ${name}` });
    this.resize(size);
  }

  resize(size) {
    if (this.hexes.length === size) return;
    this.hexes = [];
    this.cells = [];
    const nodes = [];
    for (let byte = 0; byte < size; byte += 1) {
      const hex = el("b", {}, "··");
      const bits = [];
      for (let bit = 7; bit >= 0; bit -= 1) bits.push(el("i", {}, "·"));
      this.hexes.push(hex);
      this.cells.push(...bits);
      nodes.push(el("div", { class: "byte" }, el("small", {}, String(byte)), hex, el("span", {}, ...bits)));
    }
    this.node.replaceChildren(...nodes);
    this.bytes = new Uint8Array(size);
    this.known = false;
  }

  /** Draw a frame, and mark the bits that are others than those before; `owners` has a field's number for each bit, `colors` a colour for each field that is pointed out. */
  draw(hex, owners, colors) {
    const bytes = bytesOf(hex);
    this.resize(bytes.length);
    for (let at = 0; at < bytes.length; at += 1) {
      if (!this.known || bytes[at] !== this.bytes[at]) setText(this.hexes[at], HEX[bytes[at]]);
      const flipped = this.known ? bytes[at] ^ this.bytes[at] : 0;
      for (let bit = 0; bit < 8; bit += 1) {
        const mask = 128 >> bit;
        this.bit(8 * at + bit, bytes[at] & mask, flipped & mask, owners, colors);
      }
    }
    this.bytes = bytes;
    this.known = true;
  }

  bit(at, value, flipped, owners, colors) {
    const cell = this.cells[at];
    const text = value ? "1" : "0";
    if (cell.firstChild.data !== text) cell.firstChild.data = text;
    const owner = owners?.[at] ?? NOBODY;
    const color = colors?.get(owner);
    const kind = color !== undefined ? `c${color % 6}` : owner === CHECK ? "check" : owner === NOBODY ? "none" : "other";
    const name = flipped ? `${kind} flip` : kind;
    if (cell.className !== name) cell.className = name;
    setAttr(cell, "data-f", owner >= 0 ? String(owner) : null);
  }
}
