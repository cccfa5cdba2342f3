// Coverage: which car gives which signal, and which app runs on which car; every cell says why it is as it is.

import { el, setAttr, setText } from "../core/dom.js";
import { unitText } from "../core/format.js";
import { Beside, broken, debounce, evidenceNode, factList } from "../parts/panel.js";

export const title = "Coverage";

const LEGEND = [["v", "V", "verified on a recording"], ["d", "D", "documented by a public source"], ["a", "A", "assumed, with the reason"], ["f", "=", "a fixed fact"], ["d", "ƒ", "computed"], ["r", "▸", "can be asked of the car"], ["x", "", "not given"]];
const WORDS = { full: "runs fully", reduced: "runs in a reduced form", none: "cannot run" };
const SIGNS = { full: "full", reduced: "reduced", none: "no" };

export function mount(root, api) {
  const page = new CoveragePage(root, api);
  page.load();
  return () => {};
}

class CoveragePage {
  constructor(root, api) {
    this.api = api;
    this.tab = api.route.path[0] === "apps" ? "apps" : "signals";
    this.find = el("input", { class: "field grow", type: "search", id: "find-coverage", placeholder: "Battery, Wheel, Door …", autocomplete: "off", spellcheck: "false", value: api.route.query.get("q") ?? "" });
    this.profile = el("select", { class: "field" }, el("option", { value: "" }, "all profiles"));
    this.differ = el("input", { type: "checkbox" });
    this.missing = el("input", { type: "checkbox" });
    this.hint = el("p", { class: "hint", role: "status" });
    const filter = debounce(120, () => this.filter());
    this.find.addEventListener("input", filter);
    for (const control of [this.profile, this.differ, this.missing]) control.addEventListener("change", () => this.filter());
    const tab = (name, text) => el("button", { class: "button", type: "button", onclick: () => api.go([name], {}) }, text);
    this.tabs = { signals: tab("signals", "Signals by car"), apps: tab("apps", "Apps by car") };
    this.filters = el("div", { class: "toolbar" }, el("label", { class: "sr", for: "find-coverage" }, "Find a signal"), this.find, el("label", { class: "field-label" }, "Profile", this.profile), el("label", { class: "tick" }, this.differ, "where the cars differ"), el("label", { class: "tick" }, this.missing, "where a required one is missing"));
    this.legend = el("ul", { class: "legend" }, ...LEGEND.map(([kind, sign, text]) => el("li", {}, el("span", { class: kind, "aria-hidden": "true" }, sign), text)));
    this.cover = el("div", { class: "card cover", role: "region", "aria-label": "Coverage", tabindex: "0" }, el("p", { class: "quiet empty" }, "Reading the descriptions …"));
    this.beside = new Beside(this.cover, { label: "Why a cell is as it is", onclose: () => this.closed() });
    root.append(el("div", { class: "toolbar" }, el("span", { class: "group-of", role: "group", "aria-label": "What is covered" }, ...Object.values(this.tabs)), el("a", { href: "/cars/" }, "reference pages of the cars")), this.filters, this.legend, this.hint, this.beside.node);
    api.onRoute((route) => this.routed(route));
    this.cover.addEventListener("keydown", (event) => this.key(event));
    this.cover.addEventListener("click", (event) => {
      const cell = event.target.closest("td[data-at]");
      if (cell) this.choose(cell);
    });
  }

  async load() {
    try {
      this.data = await this.api.call("coverage");
    } catch (error) {
      if (error.reason === "lost") {
        this.api.onLink((up) => up && !this.data && this.load());
        return;
      }
      this.cover.replaceChildren(el("p", { class: "note bad" }, error.message));
      return;
    }
    for (const group of this.data.groups) this.profile.append(el("option", { value: group.name }, group.name));
    this.draw();
  }

  routed(route) {
    const tab = route.path[0] === "apps" ? "apps" : "signals";
    if (tab === this.tab) return;
    this.tab = tab;
    if (!this.data) return; // it is drawn when it is there
    this.beside.hide();
    this.draw();
  }

  draw() {
    for (const [name, button] of Object.entries(this.tabs)) setAttr(button, "aria-pressed", String(name === this.tab));
    this.filters.hidden = this.legend.hidden = this.tab === "apps";
    this.cover.replaceChildren(this.tab === "apps" ? this.appTable() : this.signalTable());
    this.hold(this.cover.querySelector("td[data-at]"));
    this.cover.tabIndex = this.cover.querySelector("td[data-at]") ? -1 : 0;
    this.filter();
  }

  head(first) {
    const cars = this.data.cars.map((car) => el("th", { scope: "col", class: car.live.length ? "live" : null, title: `${car.title}${car.live.length ? `, live here as ${car.live.join(", ")}` : ""}` }, el("span", {}, ...car.name.split(/(?<=[/_])/).flatMap((part) => [part, el("wbr")]), car.live.length ? " ●" : null, car.live.length ? el("span", { class: "sr" }, " live here") : null)));
    return el("thead", {}, el("tr", {}, el("th", { scope: "col", class: "corner" }, first), ...cars));
  }

  // ---- signals by car

  signalTable() {
    this.rows = [];
    const cells = this.data.cars.length;
    const bodies = this.data.groups.filter((group) => group.rows.length).map((group) => {
      const title = el("tr", { class: "group" }, el("th", { colspan: String(cells + 1), scope: "rowgroup" }, el("span", { class: "group-text" }, el("strong", {}, group.name), group.summary)));
      const profile = group.rows.some((row) => row.required !== null);
      const met = profile
        ? el("tr", { class: "met" }, el("th", { scope: "row" }, "required signals given"), ...group.met.map(([have, of]) => el("td", { class: have === of ? "all" : null }, `${have}/${of}`)))
        : null;
      const rows = group.rows.map((row) => this.signalRow(group, row));
      return el("tbody", { "data-group": group.name }, title, met, ...rows);
    });
    return el("table", { role: "grid", "aria-label": "Signals by car" }, el("caption", { class: "sr" }, "Signals by car. The arrow keys move from cell to cell, Enter says why it is so."), this.head("Signal"), ...bodies);
  }

  signalRow(group, row) {
    const number = this.rows.length;
    const name = el("th", { scope: "row", title: row.reason || null }, ...broken(row.path), row.required ? el("span", { class: "must" }, "required") : null, row.count > 1 ? el("span", { class: "must" }, `${row.count} signals`) : null);
    const cells = row.cells.map(([kind, sign, text], car) => {
      const needed = kind === "x" && row.required;
      const told = `${this.data.cars[car].name}: ${this.data.texts[text].split("\n")[0]}`;
      return el("td", { class: needed ? "x needed" : kind, "data-at": `${number}/${car}`, tabindex: "-1", "aria-label": told, title: told }, needed ? "–" : sign);
    });
    const node = el("tr", {}, name, ...cells);
    const given = row.cells.map(([kind]) => kind !== "x");
    this.rows.push({ row, group, node, text: row.path.toLowerCase(), differs: given.some((one) => one !== given[0]), lacks: row.required && given.includes(false) });
    return node;
  }

  filter() {
    if (!this.data || this.tab === "apps") {
      setText(this.hint, this.data && this.tab === "apps" ? "Written once against the standard: an app runs on every car that gives what it needs." : "");
      return;
    }
    const words = this.find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const one of this.rows) {
      const fits = words.every((word) => one.text.includes(word)) && (!this.profile.value || one.group.name === this.profile.value) && (!this.differ.checked || one.differs) && (!this.missing.checked || one.lacks);
      one.node.hidden = !fits;
      if (fits) shown += 1;
    }
    for (const body of this.cover.querySelectorAll("tbody")) body.hidden = !body.querySelector("td[data-at]") || ![...body.rows].some((row) => !row.hidden && row.querySelector("td[data-at]"));
    setText(this.hint, `${shown} of ${this.rows.length} rows, ${this.data.cars.length} cars; those of this service come first`);
    if (this.held?.parentElement.hidden) this.hold(this.visible()[0]?.querySelector("td[data-at]"));
    this.api.go(this.api.route.path, { q: this.find.value }, { replace: true });
  }

  // ---- apps by car

  appTable() {
    this.rows = this.data.apps.map((app, number) => {
      const name = el("th", { scope: "row" }, el("strong", {}, app.name), el("small", { class: "quiet" }, ` ${app.version}`), el("div", { class: "quiet" }, app.about));
      const cells = app.cells.map((cell, car) => {
        const told = `${app.name} on ${this.data.cars[car].name}: ${WORDS[cell.fitness]}`;
        return el("td", { class: cell.fitness, "data-at": `${number}/${car}`, tabindex: "-1", "aria-label": told, title: told }, SIGNS[cell.fitness], el("small", {}, `${cell.given} of ${cell.stated}`));
      });
      return { app, node: el("tr", {}, name, ...cells) };
    });
    if (!this.rows.length) return el("p", { class: "quiet empty" }, "There are no apps here.");
    return el("table", { role: "grid", class: "apps-grid", "aria-label": "Apps by car" }, el("caption", { class: "sr" }, "Apps by car. The arrow keys move from cell to cell, Enter says what stands in the way."), this.head("App"), el("tbody", {}, ...this.rows.map((row) => row.node)));
  }

  // ---- cells

  visible() {
    return this.rows.map((one) => one.node).filter((node) => !node.hidden);
  }

  hold(cell) {
    if (this.held) this.held.tabIndex = -1;
    this.held = cell ?? null;
    if (cell) cell.tabIndex = 0;
  }

  key(event) {
    const cell = event.target.closest?.("td[data-at]");
    if (!cell) return;
    const ways = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-10, 0], PageDown: [10, 0], Home: [0, -99], End: [0, 99] };
    if (event.key === "Enter" || event.key === " ") this.choose(cell);
    else if (event.key in ways) {
      const [down, right] = ways[event.key];
      const rows = this.visible();
      const row = rows[Math.max(0, Math.min(rows.length - 1, rows.indexOf(cell.parentElement) + down))];
      const at = Math.max(1, Math.min(this.data.cars.length, cell.cellIndex + right));
      this.hold(row.cells[at]);
      this.held.focus();
      this.held.scrollIntoView({ block: "nearest", inline: "nearest" });
    } else return;
    event.preventDefault();
  }

  closed() {
    this.chosen?.removeAttribute("aria-selected");
    this.held?.focus();
  }

  choose(cell) {
    this.chosen?.removeAttribute("aria-selected");
    this.chosen = cell;
    cell.setAttribute("aria-selected", "true");
    this.hold(cell);
    const [number, at] = cell.dataset.at.split("/").map(Number);
    const car = this.data.cars[at];
    if (this.tab === "apps") this.showApp(this.rows[number].app, at, car);
    else this.showSignal(this.rows[number].row, at, car);
  }

  showApp(app, at, car) {
    const cell = app.cells[at];
    const items = cell.lacks.map(([need, pattern, why]) => el("li", {}, el("span", { class: "mono" }, ...broken(pattern)), el("small", {}, `it ${need} this; ${why}`)));
    this.beside.show(
      `${app.name} on ${car.title}`,
      el("p", {}, el("b", {}, `It ${WORDS[cell.fitness]}`), `: the car gives ${cell.given} of the ${cell.stated} signals and requests that it states.`),
      ...(items.length ? [el("h3", {}, "What stands in the way"), el("ul", { class: "lacks" }, ...items)] : []),
      el("h3", {}, "The app"),
      factList([["about", app.about], ["version", app.version]]),
      el("p", {}, el("a", { href: `/cars/${car.name}` }, `reference of ${car.name}`)),
    );
    this.api.say(`${app.name} ${WORDS[cell.fitness]} on ${car.title}`);
  }

  async showSignal(row, at, car) {
    const [kind, sign, text] = row.cells[at];
    const [first, ...rest] = this.data.texts[text].split("\n");
    const state = el("p", {}, el("span", { class: `cell ${kind}`, "aria-hidden": "true" }, sign), ` ${first}`, ...rest.filter((line) => line.startsWith("can be")).map((line) => el("span", { class: "quiet" }, ` ${line}`)));
    const more = el("div", {}, el("p", { class: "quiet" }, "…"));
    const reason = row.reason ? el("p", { class: "quiet" }, `In the profile${row.required ? ", required" : ""}: ${row.reason}`) : null;
    this.beside.show(broken(row.path), el("p", { class: "quiet" }, car.title, " ", el("span", { class: "mono" }, car.name)), ...[state, reason, more].filter(Boolean));
    this.api.say(`${row.path}, ${car.name}: ${first}`);
    const turn = (this.turn = (this.turn ?? 0) + 1);
    try {
      const found = await this.api.call("coverage.cell", { vehicle: car.name, path: row.first });
      if (turn === this.turn) more.replaceChildren(...this.about(found, car));
    } catch (error) {
      if (turn === this.turn) more.replaceChildren(el("p", { class: "note bad" }, error.message));
    }
  }

  about(found, car) {
    const { row } = found;
    const others = found.others.length ? el("p", {}, `Other cars that give it: ${found.others.join(", ")}.`) : null;
    const live = car.live[0];
    const parts = row
      ? [
          el("h3", {}, "The row"),
          evidenceNode(row.evidence),
          factList([["note", row.note], ["row", row.file ? `${row.file}:${row.line}` : ""], ["proved by", row.confirm]]),
          row.text ? el("pre", { tabindex: "0", "aria-label": "The row as it is written" }, row.text) : null,
          el("p", {}, el("a", { href: `/cars/${car.name}#s-${found.path}` }, "in the car's reference"), live ? " · " : "", live ? el("a", { href: `#/signals/${encodeURIComponent(live)}/${encodeURIComponent(found.path)}` }, "live") : ""),
        ]
      : [el("h3", {}, "Why it is missing"), el("p", {}, `No row of this car's description names it: in ${found.files.join(", ")} nobody has said yet which field carries it. A row with evidence fills the cell.`)];
    return [...parts, others, el("h3", {}, "The standard"), el("p", {}, found.description), factList([["path", el("span", { class: "mono" }, found.path)], ["unit", unitText(found.unit)]])].filter(Boolean);
  }
}
