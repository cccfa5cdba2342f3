// A tree of many hundreds of rows of which only those on the screen are in the document, as ARIA's treegrid.
//
// The grid itself has the focus; `aria-activedescendant` says which row is meant. Arrows, Page Up and Down, Home and End
// move, right and left open and close branches, letters look for a row that begins with them, Enter shows a row.

import { el, setAttr } from "../core/dom.js";

const TYPED_MS = 700;

export class TreeGrid {
  /** `columns`: [{label, class}]; `make()` makes a row's cells, `fill(cells, row)` shows a row in them. */
  constructor({ label, columns, make, fill, onToggle, onPick, onWindow }) {
    Object.assign(this, { make, fill, onToggle, onPick, onWindow });
    this.rows = [];
    this.pool = [];
    this.at = 0;
    this.picked = "";
    this.typed = "";
    this.typedAt = 0;
    this.head = el("div", { role: "row", class: "grid-head", "aria-rowindex": "1" }, ...columns.map((column) => el("span", { role: "columnheader", class: column.class }, column.label)));
    this.space = el("div", { role: "presentation", class: "grid-space" });
    this.node = el("div", { class: "grid", role: "treegrid", "aria-label": label, tabindex: "0", "aria-colcount": String(columns.length) }, this.head, this.space);
    this.node.addEventListener("scroll", () => this.place(), { passive: true });
    this.node.addEventListener("keydown", (event) => this.key(event));
    this.node.addEventListener("click", (event) => this.clicked(event));
    this.watch = new ResizeObserver(() => this.place());
    this.watch.observe(this.node);
  }

  close() {
    this.watch.disconnect();
  }

  /** Show other rows; the row that is meant stays, where it is still there. */
  set(rows) {
    const before = this.rows[this.at]?.path;
    this.rows = rows;
    const again = rows.findIndex((row) => row.path === before);
    this.at = Math.max(0, again >= 0 ? again : Math.min(this.at, rows.length - 1));
    setAttr(this.node, "aria-rowcount", String(rows.length + 1));
    this.place(true);
  }

  get height() {
    return Number.parseFloat(getComputedStyle(this.node).getPropertyValue("--row")) || 34;
  }

  /** Put rows where the window is. */
  place(anew = false) {
    const height = this.height;
    const visible = Math.ceil((this.node.clientHeight || 600) / height) + 2;
    const first = Math.max(0, Math.min(Math.floor(this.node.scrollTop / height) - 1, this.rows.length - visible));
    this.space.style.height = `${this.rows.length * height}px`;
    while (this.pool.length < visible) this.grow();
    const span = `${first}/${visible}/${height}`;
    if (!anew && span === this.span) return;
    this.span = span;
    for (const [i, slot] of this.pool.entries()) this.show(slot, i < visible ? first + i : -1, height);
    this.mark();
    this.onWindow(this.shown());
  }

  grow() {
    const cells = this.make();
    const node = el("div", { role: "row", class: "grid-row", hidden: true }, ...Object.values(cells));
    this.space.append(node);
    this.pool.push({ node, cells, index: -1, row: null });
  }

  show(slot, index, height) {
    const row = this.rows[index] ?? null;
    slot.index = index;
    slot.row = row;
    slot.node.hidden = !row;
    if (!row) {
      slot.node.removeAttribute("id");
      return;
    }
    slot.node.id = `row-${index}`;
    slot.node.style.top = `${index * height}px`;
    setAttr(slot.node, "aria-rowindex", String(index + 2));
    setAttr(slot.node, "aria-level", String(row.level));
    setAttr(slot.node, "aria-expanded", row.signal ? null : String(row.open));
    setAttr(slot.node, "data-branch", row.signal ? null : "");
    slot.node.style.setProperty("--level", String(row.level - 1));
    this.fill(slot.cells, row);
  }

  /** The slots that show a signal now. */
  shown() {
    return this.pool.filter((slot) => slot.row?.signal);
  }

  mark() {
    let found = false;
    for (const slot of this.pool) {
      const on = slot.index === this.at && Boolean(slot.row);
      slot.node.classList.toggle("active", on);
      setAttr(slot.node, "aria-selected", slot.row?.signal ? String(slot.row.path === this.picked) : null);
      found ||= on;
    }
    setAttr(this.node, "aria-activedescendant", found ? `row-${this.at}` : null);
  }

  /** Say which row is shown elsewhere. */
  pick(path) {
    this.picked = path;
    this.mark();
  }

  move(to) {
    if (!this.rows.length) return;
    this.at = Math.max(0, Math.min(this.rows.length - 1, to));
    const height = this.height;
    const top = this.at * height;
    const head = this.head.offsetHeight;
    const room = this.node.clientHeight - head;
    if (top < this.node.scrollTop) this.node.scrollTop = top;
    else if (top + height > this.node.scrollTop + room) this.node.scrollTop = top + height - room;
    this.place();
    this.mark();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.node.clientHeight / this.height) - 2);
    const ways = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -this.rows.length, End: this.rows.length };
    const row = this.rows[this.at];
    if (event.key.length > 1) this.typed = "";
    if (event.key in ways) this.move(this.at + ways[event.key]);
    else if (!row) return;
    else if (event.key === "ArrowRight") this.right(row);
    else if (event.key === "ArrowLeft") this.left(row);
    else if (event.key === "Enter" || event.key === " ") this.choose(row);
    else if (event.key.length === 1) this.type(event.key.toLowerCase());
    else return;
    event.preventDefault();
  }

  right(row) {
    if (row.signal) return;
    if (row.open) this.move(this.at + 1);
    else this.onToggle(row);
  }

  left(row) {
    if (!row.signal && row.open) {
      this.onToggle(row);
      return;
    }
    for (let i = this.at - 1; i >= 0; i -= 1) {
      if (this.rows[i].level < row.level) {
        this.move(i);
        return;
      }
    }
  }

  choose(row) {
    if (row.signal) this.onPick(row);
    else this.onToggle(row);
  }

  type(letter) {
    const now = performance.now();
    this.typed = now - this.typedAt < TYPED_MS ? this.typed + letter : letter;
    this.typedAt = now;
    const from = this.typed.length === 1 ? this.at + 1 : this.at;
    for (let i = 0; i < this.rows.length; i += 1) {
      const index = (from + i) % this.rows.length;
      if (this.rows[index].label.toLowerCase().startsWith(this.typed)) {
        this.move(index);
        return;
      }
    }
  }

  clicked(event) {
    const node = event.target.closest(".grid-row");
    const slot = this.pool.find((one) => one.node === node);
    if (!slot?.row) return;
    this.at = slot.index;
    this.mark();
    this.choose(slot.row);
  }
}
