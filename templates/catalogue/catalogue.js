// The site's own script: search and filters, the matrix, what stands behind a count. It asks nothing of any server.
(function () {
  "use strict";
  const root = document.documentElement.dataset.root || "";
  const LEVELS = ["critical", "high", "medium", "low", "informational"];
  const PAGE = 60;
  const PEEK = 12;
  const data = {};
  const waiting = {};
  const $ = (id) => document.getElementById(id);

  window.watcher = {
    take(name, rows) {
      data[name] = rows;
      (waiting[name] || []).forEach((go) => go(rows));
      delete waiting[name];
    },
  };

  function load(name) {
    return new Promise((go) => {
      if (data[name]) { go(data[name]); return; }
      (waiting[name] = waiting[name] || []).push(go);
      if (waiting[name].length > 1 || document.querySelector(`script[src$="assets/${name}.js"]`)) return;
      const script = document.createElement("script");
      script.src = `${root}assets/${name}.js`;
      document.head.append(script);
    });
  }

  function make(tag, options, ...children) {
    const made = Object.assign(document.createElement(tag), options || {});
    made.append(...children);
    return made;
  }

  // ---- the theme

  const theme = $("theme");
  const dark = () => {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  };
  const nameTheme = () => {
    theme.textContent = dark() ? "Light" : "Dark";
    theme.setAttribute("aria-label", `Switch to ${dark() ? "light" : "dark"} colours`);
  };
  theme.hidden = false;
  nameTheme();
  theme.addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    try { localStorage.setItem("watcher-theme", document.documentElement.dataset.theme); } catch { /* nothing is kept */ }
    nameTheme();
  });

  // ---- the index

  const CHOICES = ["status", "tactic", "logsource", "corpus", "author", "technique"];

  function index(rows, words) {
    const all = Object.entries(rows).map(([key, row]) => ({
      page: row[0], title: row[1], level: row[2], status: row[3] || "none", tactic: row[4], technique: row[5],
      logsource: row[6], corpus: row[7], author: row[8], date: row[9], words: `${words[key]} ${row[8].join(" ").toLowerCase()}`,
    }));
    const orders = {
      title: all,
      level: [...all].sort((a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level)),
      new: [...all].sort((a, b) => b.date.localeCompare(a.date)),
    };
    const names = Object.fromEntries([...$("tactic").options].map((one) => [one.value, one.text.replace(/ \(\d+\)$/, "")]));
    const pressed = [...document.querySelectorAll("[data-level]")];
    let found = [];
    let shown = 0;

    function chosen() {
      const told = { q: $("q").value.trim(), order: $("order").value };
      told.level = pressed.filter((one) => one.getAttribute("aria-pressed") === "true").map((one) => one.dataset.level).join(",");
      CHOICES.forEach((name) => { told[name] = $(name).value.trim(); });
      return told;
    }

    function fits(one, told, terms, levels, technique) {
      return (!levels.length || levels.includes(one.level))
        && (!told.status || one.status === told.status)
        && (!told.tactic || one.tactic.includes(told.tactic))
        && (!told.logsource || one.logsource === told.logsource)
        && (!told.corpus || one.corpus === told.corpus)
        && (!told.author || one.author.includes(told.author))
        && (!technique || one.technique.some((name) => name === technique || name.startsWith(`${technique}.`)))
        && terms.every((term) => one.words.includes(term));
    }

    function row(one) {
      const tactics = one.tactic.map((name) => names[name] || name);
      const about = [one.logsource, tactics.join(", "), one.technique.join(" "), one.corpus, one.status].filter(Boolean).join(" · ");
      return make("li", {},
        make("span", { className: `pill ${one.level}`, textContent: one.level }),
        make("a", { href: `${root}rules/${one.page}.html`, textContent: one.title }),
        make("p", { textContent: about }));
    }

    function more() {
      $("results").append(...found.slice(shown, shown + PAGE).map(row));
      shown = Math.min(found.length, shown + PAGE);
      $("more").hidden = shown >= found.length;
    }

    function update() {
      const told = chosen();
      const terms = told.q.toLowerCase().split(/\s+/).filter(Boolean);
      const levels = told.level ? told.level.split(",") : [];
      const technique = told.technique.toUpperCase();
      found = orders[told.order].filter((one) => fits(one, told, terms, levels, technique));
      shown = 0;
      $("results").replaceChildren();
      more();
      const narrowed = Object.entries(told).some(([name, value]) => value && name !== "order");
      const count = found.length.toLocaleString("en");
      $("state").textContent = narrowed
        ? `${count} of ${all.length.toLocaleString("en")} rules` : `${count} ${found.length === 1 ? "rule" : "rules"}`;
      $("clear").hidden = !narrowed;
      if (told.order === "title") delete told.order;
      const hash = new URLSearchParams(Object.entries(told).filter(([, value]) => value)).toString();
      history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
    }

    function restore() {
      const told = new URLSearchParams(location.hash.slice(1));
      $("q").value = told.get("q") || "";
      $("order").value = told.get("order") || "title";
      const levels = (told.get("level") || "").split(",");
      pressed.forEach((one) => one.setAttribute("aria-pressed", levels.includes(one.dataset.level)));
      CHOICES.forEach((name) => { $(name).value = told.get(name) || ""; });
      if (CHOICES.some((name) => told.get(name)) || matchMedia("(min-width: 60rem)").matches) $("filters").open = true;
      update();
    }

    function keys(event) {
      const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
      if (event.key === "/" && !typing) {
        event.preventDefault();
        $("q").focus();
      } else if (event.key === "Escape" && document.activeElement === $("q")) {
        $("q").value = "";
        update();
      } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !(typing && document.activeElement !== $("q"))) {
        const links = [...$("results").querySelectorAll("a")];
        const at = links.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
        if (at < -1 || !links.length) return;
        event.preventDefault();
        if (at >= links.length) more();
        const next = at < 0 ? $("q") : $("results").querySelectorAll("a")[Math.min(at, shown - 1)];
        next.focus({ preventScroll: true });
        next.scrollIntoView({ block: at < 0 ? "nearest" : "center" });
      }
    }

    $("search").hidden = false;
    $("search").addEventListener("submit", (event) => event.preventDefault());
    $("search").addEventListener("input", update);
    pressed.forEach((one) => one.addEventListener("click", () => {
      one.setAttribute("aria-pressed", one.getAttribute("aria-pressed") !== "true");
      update();
    }));
    $("clear").addEventListener("click", () => { history.replaceState(null, "", location.pathname + location.search); restore(); $("q").focus(); });
    $("more").addEventListener("click", more);
    new IntersectionObserver((seen) => { if (seen.some((one) => one.isIntersecting) && shown < found.length) more(); },
      { rootMargin: "600px" }).observe($("more").parentElement);
    document.addEventListener("keydown", keys);
    addEventListener("hashchange", restore);
    restore();
  }

  if ($("results")) Promise.all([load("rules"), load("words")]).then(([rows, words]) => index(rows, words));

  // ---- the matrix

  const heat = $("heat");
  if (heat) {
    const cells = [...document.querySelectorAll(".cell")];
    const steps = { rules: [1, 2, 5, 10, 25], hits: [1, 10, 100, 1000, 10000] };
    const spelled = { rules: ["0", "1", "2–4", "5–9", "10–24", "25+"], hits: ["0", "1–9", "10–99", "100–999", "1,000–9,999", "10,000+"] };
    const paint = () => {
      const show = heat.elements.show.value;
      const kind = show === "hits" ? "hits" : "rules";
      cells.forEach((cell) => {
        const levels = cell.dataset.rules.split(" ").map(Number);
        const count = show === "hits" ? Number(cell.dataset.hits) : show === "all" ? levels.reduce((a, b) => a + b, 0) : levels[Number(show)];
        cell.dataset.s = steps[kind].filter((step) => count >= step).length;
        cell.dataset.count = count;
        const one = kind === "hits" ? "hit" : "rule";
        cell.querySelector(".n").replaceChildren(count.toLocaleString("en"), make("span", { className: "hide", textContent: ` ${one}${count === 1 ? "" : "s"}` }));
        const level = /^\d$/.test(show) ? `&level=${LEVELS[Number(show)]}` : "";
        cell.href = cell.href.split("#")[0] + `#technique=${cell.querySelector(".id").textContent}${level}`;
      });
      document.querySelectorAll(".matrix li").forEach((one) => {
        one.classList.toggle("empty", [...one.querySelectorAll(".cell")].every((cell) => cell.dataset.count === "0"));
      });
      document.querySelectorAll(".legend span").forEach((one, at) => { one.textContent = spelled[kind][at]; });
      $("matrix").classList.toggle("with-parts", $("parts").checked);
      $("matrix").classList.toggle("covered-only", $("covered").checked);
    };
    heat.hidden = false;
    heat.addEventListener("change", paint);
    paint();
  }

  // ---- what stands behind a count

  const peek = $("peek");
  if (peek) {
    let asked = null;
    const close = () => {
      if (asked) asked.removeAttribute("aria-describedby");
      asked = null;
      peek.hidden = true;
    };
    const open = async (link) => {
      if (asked === link) return;
      close();
      asked = link;
      const [shared, rows] = await Promise.all([load("shared"), load("rules")]);
      if (asked !== link) return;
      const titles = (shared[link.dataset.shared] || []).map((key) => rows[key][1]);
      peek.replaceChildren(make("ul", {}, ...titles.slice(0, PEEK).map((text) => make("li", { textContent: text }))));
      if (titles.length > PEEK) peek.append(make("p", { textContent: `and ${titles.length - PEEK} more` }));
      peek.hidden = false;
      const box = link.getBoundingClientRect();
      const left = Math.max(8, Math.min(box.left, document.documentElement.clientWidth - peek.offsetWidth - 8));
      const below = box.bottom + peek.offsetHeight + 8 < innerHeight || box.top < peek.offsetHeight + 8;
      peek.style.left = `${left + scrollX}px`;
      peek.style.top = `${(below ? box.bottom + 4 : box.top - peek.offsetHeight - 4) + scrollY}px`;
      link.setAttribute("aria-describedby", "peek");
    };
    let leaving = 0;
    document.querySelectorAll("a[data-shared]").forEach((link) => {
      link.addEventListener("mouseenter", () => { clearTimeout(leaving); open(link); });
      link.addEventListener("focus", () => open(link));
      link.addEventListener("mouseleave", () => { leaving = setTimeout(close, 200); });
      link.addEventListener("blur", close);
    });
    peek.addEventListener("mouseenter", () => clearTimeout(leaving));
    peek.addEventListener("mouseleave", close);
    document.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
  }

  // ---- an anchor inside something that is folded opens it

  const unfold = () => {
    const at = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!at || !at.closest) return;
    const folded = at.closest("details");
    if (folded) { folded.open = true; at.scrollIntoView(); }
  };
  if (!$("results")) {
    addEventListener("hashchange", unfold);
    unfold();
  }

  // ---- JSON in colours

  const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|(-?\b\d[\d.eE+-]*\b)|\b(true|false|null)\b/g;
  function colour(code) {
    const text = code.textContent;
    const made = document.createDocumentFragment();
    let at = 0;
    for (const found of text.matchAll(TOKEN)) {
      const word = found[1] || found[0];
      made.append(text.slice(at, found.index), make("i", { className: found[2] ? "k" : found[1] ? "s" : "n", textContent: word }));
      at = found.index + word.length;
    }
    made.append(text.slice(at));
    code.replaceChildren(made);
  }
  document.querySelectorAll(".json code").forEach((code) => {
    const folded = code.closest("details");
    if (!folded || folded.open) colour(code);
    else folded.addEventListener("toggle", () => colour(code), { once: true });
  });
})();
