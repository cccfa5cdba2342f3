// The matrix of signals by car: cells explain themselves, the arrow keys move, a box filters the rows.
(() => {
  const table = document.getElementById("matrix"), tip = document.getElementById("tip");
  if (!table) return;
  const data = JSON.parse(document.getElementById("matrix-data").textContent);
  const rows = [...table.querySelectorAll("tr[data-r]")];
  const find = document.getElementById("find"), differ = document.getElementById("differ"), count = document.getElementById("count");
  const name = (row) => row.cells[0].textContent;
  const line = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });
  let current = null;

  const tell = (cell) => {
    const row = cell?.parentElement;
    if (!cell || cell.tagName !== "TD" || !row.dataset.r) { tip.hidden = true; return; }
    const car = cell.cellIndex - 1;
    const [first, ...rest] = data.strings[data.cells[row.dataset.r][car]].split("\n");
    const path = row.cells[0].firstChild ? [...row.cells[0].childNodes].filter((n) => n.nodeName !== "SPAN").map((n) => n.textContent).join("") : "";
    tip.replaceChildren(line("b", path), line("span", data.cars[car]), line("span", first), ...rest.map((text) => line("span", text)));
    tip.hidden = false;
    const box = cell.getBoundingClientRect(), own = tip.getBoundingClientRect();
    const left = Math.min(innerWidth - own.width - 8, Math.max(8, box.left + box.width / 2 - own.width / 2));
    const below = box.bottom + 8;
    tip.style.left = `${left}px`;
    tip.style.top = `${below + own.height < innerHeight ? below : Math.max(8, box.top - own.height - 8)}px`;
  };
  const hold = (cell) => {
    if (current) { current.tabIndex = -1; current.removeAttribute("aria-describedby"); }
    current = cell;
    cell.tabIndex = 0;
    cell.setAttribute("aria-describedby", "tip");
  };
  const step = (down, right) => {
    const shown = rows.filter((row) => !row.hidden);
    const row = shown[Math.min(shown.length - 1, Math.max(0, shown.indexOf(current.parentElement) + down))];
    const at = Math.min(data.cars.length, Math.max(1, current.cellIndex + right));
    if (row) { hold(row.cells[at]); current.focus(); }
  };
  table.addEventListener("pointerover", (event) => tell(event.target.closest("td")));
  table.addEventListener("pointerleave", () => { tip.hidden = true; });
  table.addEventListener("focusin", (event) => tell(event.target));
  table.addEventListener("focusout", () => { tip.hidden = true; });
  table.addEventListener("click", (event) => { const cell = event.target.closest("tr[data-r] td"); if (cell) { hold(cell); cell.focus(); } });
  table.addEventListener("keydown", (event) => {
    const way = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-10, 0], PageDown: [10, 0] }[event.key];
    if (event.key === "Escape") tip.hidden = true;
    if (!way || event.target.tagName !== "TD") return;
    event.preventDefault();
    step(...way);
  });
  table.closest(".scroll").addEventListener("scroll", () => {
    if (table.contains(document.activeElement)) tell(document.activeElement); else tip.hidden = true;
  }, { passive: true });

  const filter = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = name(row).toLowerCase();
      const given = [...row.cells].slice(1).map((cell) => cell.className);
      const same = given.every((kind) => (kind === "x") === (given[0] === "x"));
      row.hidden = !words.every((word) => text.includes(word)) || (differ.checked && same);
      if (!row.hidden) shown += 1;
    }
    for (const body of table.tBodies) body.rows[0].hidden = ![...body.rows].slice(1).some((row) => !row.hidden);
    count.textContent = shown === rows.length ? "" : `${shown} of ${rows.length} rows`;
    if (current?.parentElement.hidden) { const row = rows.find((one) => !one.hidden); if (row) hold(row.cells[1]); }
  };
  find.addEventListener("input", filter);
  differ.addEventListener("change", filter);
  if (rows.length) hold(rows[0].cells[1]);
})();
