// Shows the values of a chart under the pointer, or at a place that the arrow keys move.
(() => {
  const QUALITY = ["", "STALE", "INVALID", "CORRUPT", "MISSING"];
  const SVG = "http://www.w3.org/2000/svg";
  const last = (list, at) => {  // index of the last entry not above `at`
    let low = 0, high = list.length;
    while (low < high) { const mid = (low + high) >> 1; if (list[mid] <= at) low = mid + 1; else high = mid; }
    return low - 1;
  };
  const number = (v) => (Math.abs(v) >= 1e4 ? Math.round(v).toLocaleString("en").replaceAll(",", " ")
    : String(+v.toPrecision(5))).replace("-", "−");
  const value = (series, at) => {
    const i = last(series.t, at);
    const told = i < 0 ? "–" : series.labels ? series.labels[series.v[i]] ?? number(series.v[i]) : number(series.v[i]);
    const span = series.q.find(([from, to]) => from <= at && at < to);
    if (!span) return told;
    return span[2] === 1 ? `${told} (STALE)` : QUALITY[span[2]];
  };
  const write = (text, parts) => text.replaceChildren(...parts.map(([told, color], i) => {
    const part = document.createElementNS(SVG, "tspan");
    part.textContent = told;
    if (color >= 0) part.setAttribute("style", `fill:var(--s${color % 6})`);
    if (i) part.setAttribute("dx", "9");
    return part;
  }));
  const readings = (panel, at) => {
    if (panel.series.length <= 8) return panel.series.map((s) => [value(s, at), panel.series.length > 1 ? s.color : -1]);
    const all = panel.series.map((s) => s.v[last(s.t, at)]).filter((v) => v !== undefined);
    return [[all.length ? `${number(Math.min(...all))} … ${number(Math.max(...all))}` : "–", -1]];
  };
  for (const figure of document.querySelectorAll("figure.chart")) {
    const data = JSON.parse(figure.querySelector("script").textContent);
    const span = data.last - data.first;
    const digits = Math.max(0, 3 - Math.floor(Math.log10(span || 1)));
    const panels = [...figure.querySelectorAll(".panel")], whens = [...figure.querySelectorAll(".when")];
    let at = null;
    const hide = () => { at = null; figure.classList.remove("on"); };
    const show = (where, aloud) => {
      at = Math.min(data.last, Math.max(data.first, where));
      const time = data.timed ? `${at.toFixed(digits)} s` : `frame ${Math.round(at)}`;
      const told = [];
      figure.classList.add("on");
      data.panels.forEach((panel, i) => {
        const parts = readings(panel, at);
        for (const svg of panels[i].querySelectorAll("svg")) {
          const x = +svg.dataset.left + (at - data.first) / (span || 1) * svg.dataset.plot;
          const cross = svg.querySelector(".cross");
          cross.setAttribute("x1", x); cross.setAttribute("x2", x);
          write(svg.querySelector(".now"), parts);
        }
        told.push(`${panel.title} ${parts.map((part) => part[0]).join(", ")} ${panel.unit}`.trim());
      });
      for (const when of whens) {
        const svg = when.closest("svg"), plot = +svg.dataset.plot;
        const x = (at - data.first) / (span || 1) * plot;
        when.setAttribute("x", Math.min(plot - 24, Math.max(24, x)));
        when.textContent = time;
      }
      if (aloud) figure.querySelector("output").textContent = `${time}: ${told.slice(0, 12).join("; ")}`;
    };
    figure.addEventListener("pointermove", (event) => {
      const svg = event.target.closest("svg[data-plot]");
      if (!svg) return;
      const box = svg.getBoundingClientRect();
      const x = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
      show(data.first + (x - svg.dataset.left) / svg.dataset.plot * span, false);
    });
    figure.addEventListener("pointerleave", hide);
    figure.addEventListener("blur", hide);
    figure.addEventListener("keydown", (event) => {
      const step = span / (event.shiftKey ? 20 : 200), here = at ?? data.first;
      const to = { ArrowLeft: here - step, ArrowRight: here + step, Home: data.first, End: data.last }[event.key];
      if (event.key === "Escape") hide();
      if (to === undefined || event.target !== figure) return;
      event.preventDefault();
      show(to, true);
    });
  }
})();
