// Before the page is painted: the theme that was chosen here, else that of the system.
(function () {
  "use strict";
  try {
    const chosen = localStorage.getItem("watcher-theme");
    if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
  } catch { /* a browser that keeps nothing for files */ }
})();
