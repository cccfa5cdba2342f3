// Numbers, times and units for people.

const MINUS = "\u2212";

/** A number with so many decimals; a dash for none. */
export function fixed(value, decimals = 1) {
  if (typeof value !== "number" || !Number.isFinite(value)) return "\u2013";
  const text = value.toFixed(decimals);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", MINUS);
}

/** A number with about so many digits that mean something. */
export function short(value, digits = 4) {
  if (typeof value !== "number" || !Number.isFinite(value)) return "\u2013";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e7 || size < 1e-4)) return value.toPrecision(3).replace("-", MINUS);
  const before = size < 1 ? 1 : Math.floor(Math.log10(size)) + 1;
  return fixed(value, Math.max(0, Math.min(6, digits - before)));
}

/** A constant as it is written: no zeros behind. */
export function plain(value) {
  return String(Number(value.toPrecision(6))).replace("-", MINUS);
}

/** A count with thin spaces between thousands. */
export function grouped(value) {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

const UNITS = {
  percent: "%", degrees: "\u00b0", deg: "\u00b0", "degrees/s": "\u00b0/s", "deg/s": "\u00b0/s", Celsius: "\u00b0C", celsius: "\u00b0C",
  degC: "\u00b0C", "m/s^2": "m/s\u00b2", "cm/s^2": "cm/s\u00b2", Nm: "N\u00b7m", Ohm: "\u03a9", mOhm: "m\u03a9",
  "kWh/100km": "kWh/100\u202fkm", "l/100km": "l/100\u202fkm", "1/100km": "per 100\u202fkm",
};

/** A unit as people write it; what is not known stays as it is. */
export function unitText(unit) {
  return UNITS[unit] ?? unit ?? "";
}

/** A number, as text, and its unit; degrees of an angle stand close to it. */
export function withUnit(text, unit) {
  const said = unitText(unit);
  return said ? `${text}${said === "\u00b0" ? "" : "\u00a0"}${said}` : text;
}

/** A value of any type as text. */
export function valueText(value, decimals) {
  if (value === null || value === undefined) return "\u2013";
  if (value === true) return "yes";
  if (value === false) return "no";
  if (typeof value === "number") return decimals === undefined ? short(value) : fixed(value, decimals);
  return String(value);
}

/** What an app puts out: [value, unit, datatype]; three digits say what people take from it. */
export function outputText([value, unit, datatype]) {
  if (value === null || value === undefined || value === "") return "\u2013";
  if (typeof value !== "number") return withUnit(valueText(value), unit);
  if (unit === "s") return span(value);
  const whole = datatype === "integer" || value === 0 || Math.abs(value) >= 1000;
  return withUnit(whole ? grouped(value).replace("-", MINUS) : short(value, 3), unit);
}

/** A name in a program as words. */
export function words(name) {
  return name.replaceAll("_", " ");
}

/** A span of seconds: 0.4 s, 12 s, 3 min 05 s, 2 h 10 min. */
export function span(seconds) {
  if (!Number.isFinite(seconds)) return "\u2013";
  if (seconds < 10) return `${fixed(seconds, 1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** A time of day from nanoseconds UTC. */
export function clockText(t_ns) {
  return new Date(t_ns / 1e6).toLocaleTimeString(undefined, { hour12: false });
}

/** Bytes: 12 kB, 3.4 MB. */
export function bytesText(count) {
  if (count < 1000) return `${Math.round(count)} B`;
  return count < 1e6 ? `${fixed(count / 1e3, 0)} kB` : `${fixed(count / 1e6, 1)} MB`;
}
