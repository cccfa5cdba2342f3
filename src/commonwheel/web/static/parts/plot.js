// Lines over time on a canvas: a spark beside a value, a plot of the last minute.

import { fitCanvas } from "../core/dom.js";
import { plain } from "../core/format.js";
import { Ring } from "../core/ring.js";
import { color } from "../core/theme.js";

/** The recent past of one value: times in ms and numbers, in memory that never grows. */
export class Past {
  constructor(size) {
    this.times = new Ring(size);
    this.values = new Ring(size);
  }

  push(t, value) {
    const number = value === true ? 1 : value === false ? 0 : value;
    this.times.push(t);
    this.values.push(typeof number === "number" ? number : NaN);
  }

  get last() {
    return this.times.count ? this.times.at(this.times.count - 1) : -Infinity;
  }
}

/** Draw the line of a past between two times; values hold until the next (step) or are joined. */
function line(context, past, { from, to, left, right, top, bottom, low, high, step }) {
  const x = (t) => left + ((t - from) / (to - from)) * (right - left);
  const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - top);
  let before = NaN;
  let drawn = false;
  context.beginPath();
  for (let i = 0; i < past.times.count; i += 1) {
    const t = past.times.at(i);
    const value = past.values.at(i);
    const at = x(t);
    if (step && !Number.isNaN(before)) context.lineTo(at, y(before));
    if (Number.isNaN(value)) drawn = false;
    else if (drawn) context.lineTo(at, y(value));
    else context.moveTo(at, y(value));
    drawn = !Number.isNaN(value);
    before = value;
  }
  if (drawn) context.lineTo(x(to), y(before));
  context.stroke();
}

function limits(past, from) {
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < past.times.count; i += 1) {
    if (past.times.at(i) < from && i + 1 < past.times.count && past.times.at(i + 1) < from) continue;
    const value = past.values.at(i);
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : null;
}

/** A small line without scales. */
export function spark(canvas, past, { to, seconds, step }) {
  const [context, width, height] = fitCanvas(canvas);
  context.clearRect(0, 0, width, height);
  const from = to - 1000 * seconds;
  const found = limits(past, from);
  if (!found || !width) return;
  const [low, high] = found[0] === found[1] ? [found[0] - 1, found[1] + 1] : found;
  context.save();
  context.beginPath();
  context.rect(0, 0, width, height);
  context.clip();
  context.strokeStyle = color("--accent");
  context.lineWidth = 1.4;
  line(context, past, { from, to, left: 1, right: width - 1, top: 3, bottom: height - 3, low, high, step });
  context.restore();
}

/** Several lines in one small picture and one scale: [{past, tone, dash}]. Returns the least and greatest that it has
 * room for, which is at least *span* apart, so that noise looks like noise; null where nothing was drawn. */
export function traces(canvas, lines, { to, seconds, span = 0 }) {
  const [context, width, height] = fitCanvas(canvas);
  context.clearRect(0, 0, width, height);
  const from = to - 1000 * seconds;
  const found = lines.map((one) => limits(one.past, from)).filter(Boolean);
  if (!found.length || !width) return null;
  let low = Math.min(...found.map((one) => one[0]));
  let high = Math.max(...found.map((one) => one[1]));
  const least = span || (low === high ? 2 : 0);
  if (high - low < least) [low, high] = [(low + high - least) / 2, (low + high + least) / 2];
  context.save();
  context.beginPath();
  context.rect(0, 0, width, height);
  context.clip();
  for (const { past, tone, dash } of lines) {
    context.strokeStyle = color(tone);
    context.lineWidth = dash ? 1 : 1.5;
    context.setLineDash(dash ?? []);
    line(context, past, { from, to, left: 1, right: width - 1, top: 3, bottom: height - 3, low, high, step: true });
  }
  context.restore();
  return [low, high];
}

/** A plot with its least, its greatest and its time. */
export function plot(canvas, past, { to, seconds, step }) {
  const [context, width, height] = fitCanvas(canvas);
  context.clearRect(0, 0, width, height);
  const from = to - 1000 * seconds;
  const [left, right, top, bottom] = [52, width - 6, 10, height - 20];
  context.font = `11px ${getComputedStyle(canvas).fontFamily}`;
  context.lineWidth = 1;
  context.strokeStyle = color("--grid");
  context.fillStyle = color("--quiet");
  context.textBaseline = "middle";
  for (let i = 0; i <= 6; i += 1) {
    const at = Math.round(left + ((right - left) * i) / 6) + 0.5;
    context.beginPath();
    context.moveTo(at, top);
    context.lineTo(at, bottom);
    context.stroke();
    context.textAlign = i === 6 ? "right" : "center";
    context.fillText(i === 6 ? "now" : `−${Math.round(seconds * (1 - i / 6))} s`, at, height - 9);
  }
  const found = limits(past, from);
  if (!found) {
    context.textAlign = "center";
    context.fillText("no number in this time", (left + right) / 2, (top + bottom) / 2);
    return;
  }
  let [low, high] = found;
  if (low === high) [low, high] = [low - Math.max(1, Math.abs(low) * 0.05), high + Math.max(1, Math.abs(high) * 0.05)];
  const room = (high - low) * 0.08;
  [low, high] = [low - room, high + room];
  context.textAlign = "right";
  for (const value of found[0] === found[1] ? [found[0]] : found) {
    const y = Math.round(bottom - ((value - low) / (high - low)) * (bottom - top)) + 0.5;
    context.strokeStyle = color("--rule");
    context.beginPath();
    context.moveTo(left, y);
    context.lineTo(right, y);
    context.stroke();
    context.fillText(plain(Number(value.toPrecision(4))), left - 6, y);
  }
  context.save();
  context.beginPath();
  context.rect(left, 0, right - left, height);
  context.clip();
  context.strokeStyle = color("--accent");
  context.lineWidth = 1.8;
  context.lineJoin = "round";
  line(context, past, { from, to, left, right, top, bottom, low, high, step });
  context.restore();
}
