// A car from above: doors that open, lamps that shine, front wheels that turn.

import { el, setAttr, setText, svg } from "./dom.js";

const DOORS = {
  door_fl: { name: "front left door", d: "M-31 -22L-31 8", x: -31, y: -22, open: 42 },
  door_fr: { name: "front right door", d: "M31 -22L31 8", x: 31, y: -22, open: -42 },
  door_rl: { name: "rear left door", d: "M-31 11L-31 38", x: -31, y: 11, open: 42 },
  door_rr: { name: "rear right door", d: "M31 11L31 38", x: 31, y: 11, open: -42 },
  trunk: { name: "boot", d: "M-22 76L22 76", x: -22, y: 76, open: 0 },
};
const LAMPS = ["left", "right", "low_beam", "high_beam", "brake"];
const WORDS = { left: "left indicator", right: "right indicator", low_beam: "low beam", high_beam: "high beam", brake: "brake" };

export class Silhouette {
  /** Show what a car gives of it; given: a set of roles. */
  constructor(given) {
    this.given = given;
    this.state = new Map();
    this.wheels = [-1, 1].map((side) => svg("rect", { class: "sil-wheel", x: side * 29 - 4, y: -62, width: 8, height: 20, rx: 3 }));
    this.lamps = {
      high_beam: svg("path", { class: "sil-beam high", d: "M-24 -78L-40 -120H-6L-16 -80ZM24 -78L40 -120H6L16 -80Z" }),
      low_beam: svg("path", { class: "sil-beam", d: "M-25 -78L-36 -104H-12L-16 -80ZM25 -78L36 -104H12L16 -80Z" }),
      left: svg("path", { class: "sil-turn", d: "M-30 -70l-7 4v-10zM-29 70l-8 4v-10z" }),
      right: svg("path", { class: "sil-turn", d: "M30 -70l7 4v-10zM29 70l8 4v-10z" }),
      brake: svg("path", { class: "sil-brake", d: "M-28 77H-14M28 77H14" }),
    };
    this.doors = Object.fromEntries(Object.entries(DOORS).map(([role, { d }]) => [role, svg("path", { class: "sil-door", d })]));
    this.said = el("span", { class: "sr" });
    this.element = el(
      "div",
      { class: "silhouette" },
      svg(
        "svg",
        { viewBox: "-52 -122 104 212", "aria-hidden": "true" },
        this.lamps.high_beam,
        this.lamps.low_beam,
        ...this.wheels,
        ...[-1, 1].map((side) => svg("rect", { class: "sil-wheel", x: side * 29 - 4, y: 36, width: 8, height: 20, rx: 3 })),
        svg("path", { class: "sil-body", d: "M-29 -66C-28 -84 -16 -86 0 -86C16 -86 28 -84 29 -66C31 -40 32 -20 32 0C32 30 31 50 29 68C27 80 16 82 0 82C-16 82 -27 80 -29 68C-31 50 -32 30 -32 0C-32 -20 -31 -40 -29 -66Z" }),
        svg("path", { class: "sil-glass", d: "M-24 -30C-14 -38 14 -38 24 -30L20 -12C8 -17 -8 -17 -20 -12ZM-21 46C-10 51 10 51 21 46L23 60C10 67 -10 67 -23 60Z" }),
        svg("path", { class: "sil-roof", d: "M-20 -10C-8 -14 8 -14 20 -10C22 8 22 28 20 43C8 47 -8 47 -20 43C-22 28 -22 8 -20 -10Z" }),
        ...Object.values(this.doors),
        this.lamps.left,
        this.lamps.right,
        this.lamps.brake,
      ),
      this.said,
    );
    for (const role of LAMPS) if (!given.has(role)) this.lamps[role].classList.add("absent");
  }

  /** Take note of a lamp or a door; a number counts as on when it is above 0. */
  set(role, value, quality) {
    const on = quality <= 1 && (value === true || (typeof value === "number" && value > 0.5));
    if (this.state.get(role) === on) return;
    this.state.set(role, on);
    const door = DOORS[role];
    if (door) {
      const node = this.doors[role];
      node.classList.toggle("open", on);
      setAttr(node, "transform", on ? (role === "trunk" ? "translate(0 8)" : `rotate(${door.open} ${door.x} ${door.y})`) : null);
    } else this.lamps[role]?.classList.toggle("on", on);
    const open = Object.keys(DOORS).filter((one) => this.state.get(one)).map((one) => `${DOORS[one].name} open`);
    const lit = LAMPS.filter((one) => this.state.get(one)).map((one) => `${WORDS[one]} on`);
    setText(this.said, [...open, ...lit].join(", ") || "doors shut, lamps off");
  }

  /** Turn the front wheels by the steering wheel's angle, in degrees. */
  steer(degrees) {
    const angle = Math.max(-38, Math.min(38, -degrees / 15)).toFixed(1);
    this.wheels.forEach((wheel, i) => setAttr(wheel, "transform", `rotate(${angle} ${i ? 29 : -29} -52)`));
  }
}
