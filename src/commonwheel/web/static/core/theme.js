// Colours: as the system is, or as the reader chose, which is remembered; canvases ask for them here.

const KEY = "commonwheel-theme";
const CHOICES = ["system", "light", "dark"];
const SIGNS = { system: "\u25d0", light: "\u2600", dark: "\u263e" };
const listeners = new Set();
const dark = matchMedia("(prefers-color-scheme: dark)");
let cache = new Map();

function chosen() {
  return document.documentElement.dataset.theme ?? "system";
}

function changed() {
  cache = new Map();
  for (const listener of listeners) listener();
}

function choose(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    if (theme === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
  } catch {
    // Storage is switched off: the choice lasts as long as the page.
  }
  changed();
}

/** The value of a custom property, as '--accent'. */
export function color(name) {
  let found = cache.get(name);
  if (found === undefined) {
    found = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    cache.set(name, found);
  }
  return found;
}

/** Call when the colours change; returns how to stop. */
export function onTheme(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Make a button go through the choices. */
export function themeButton(button) {
  const show = () => {
    const now = chosen();
    const text = { system: "as the system", light: "light", dark: "dark" }[now];
    button.textContent = SIGNS[now];
    button.setAttribute("aria-label", `Colours: ${text}`);
    button.title = `Colours: ${text}`;
  };
  button.addEventListener("click", () => {
    choose(CHOICES[(CHOICES.indexOf(chosen()) + 1) % CHOICES.length]);
    show();
  });
  dark.addEventListener("change", changed);
  show();
}
