// A car's reference: a box that filters signals and messages, and fields that light up where they are named.
(() => {
  const find = document.getElementById("find"), count = document.getElementById("count");
  if (!find) return;
  const rows = [...document.querySelectorAll("#signals tbody tr")];
  const messages = [...document.querySelectorAll(".message")];
  const texts = new Map([...rows, ...messages].map((one) => [one, one.textContent.toLowerCase()]));

  const filter = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (one) => words.every((word) => texts.get(one).includes(word));
    for (const one of [...rows, ...messages]) one.classList.toggle("hide", !fits(one));
    for (const group of document.querySelectorAll("#signals .group")) {
      group.classList.toggle("hide", !group.querySelector("tbody tr:not(.hide)"));
    }
    const shown = (list) => list.filter((one) => !one.classList.contains("hide")).length;
    count.textContent = words.length ? `${shown(rows)} of ${rows.length} rows, ${shown(messages)} of ${messages.length} messages` : "";
  };
  find.addEventListener("input", filter);

  const light = (event) => {
    const message = event.target.closest?.(".message");
    if (!message) return;
    const row = event.target.closest("tr")?.querySelector("[data-f]");
    const own = event.target.closest("[data-f]") ?? row;
    for (const one of message.querySelectorAll("[data-f]")) one.classList.toggle("lit", event.type === "pointerover" && one.dataset.f === own?.dataset.f);
  };
  document.addEventListener("pointerover", light);
  document.addEventListener("pointerout", light);
  const open = () => {  // a link into what a filter hides shows everything again
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target?.closest(".hide")) { find.value = ""; filter(); target.scrollIntoView(); }
  };
  addEventListener("hashchange", open);
  filter();
})();
