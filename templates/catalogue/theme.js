// Before the page is painted, set the stored theme; without it the theme of the system applies.
(function () {
  "use strict";
  try {
    const chosen = localStorage.getItem("watcher-theme");
    if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
  } catch { /* storage is not available for local files */ }
})();
