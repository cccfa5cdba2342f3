// Before anything is drawn: the reader's choice of colours, so that a page does not flash in the wrong ones.
(() => {
  try {
    const chosen = localStorage.getItem("commonwheel-theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // Storage is switched off: then it is as the system is.
  }
})();
