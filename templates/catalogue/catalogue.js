// The script of the site: search and filters, the matrix, the rules behind a count. It sends no request to any server.
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
    const element = Object.assign(document.createElement(tag), options || {});
    element.append(...children);
    return element;
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
    try { localStorage.setItem("watcher-theme", document.documentElement.dataset.theme); } catch { /* storage is not available */ }
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
    const names = Object.fromEntries([...$("tactic").options].map((option) => [option.value, option.text.replace(/ \(\d+\)$/, "")]));
    const pressed = [...document.querySelectorAll("[data-level]")];
    let matches = [];
    let shown = 0;

    function chosen() {
      const filters = { q: $("q").value.trim(), order: $("order").value };
      filters.level = pressed.filter((button) => button.getAttribute("aria-pressed") === "true").map((button) => button.dataset.level).join(",");
      CHOICES.forEach((name) => { filters[name] = $(name).value.trim(); });
      return filters;
    }

    function fits(rule, filters, terms, levels, technique) {
      return (!levels.length || levels.includes(rule.level))
        && (!filters.status || rule.status === filters.status)
        && (!filters.tactic || rule.tactic.includes(filters.tactic))
        && (!filters.logsource || rule.logsource === filters.logsource)
        && (!filters.corpus || rule.corpus === filters.corpus)
        && (!filters.author || rule.author.includes(filters.author))
        && (!technique || rule.technique.some((name) => name === technique || name.startsWith(`${technique}.`)))
        && terms.every((term) => rule.words.includes(term));
    }

    function row(rule) {
      const tactics = rule.tactic.map((name) => names[name] || name);
      const about = [rule.logsource, tactics.join(", "), rule.technique.join(" "), rule.corpus, rule.status].filter(Boolean).join(" · ");
      return make("li", {},
        make("span", { className: `pill ${rule.level}`, textContent: rule.level }),
        make("a", { href: `${root}rules/${rule.page}.html`, textContent: rule.title }),
        make("p", { textContent: about }));
    }

    function more() {
      $("results").append(...matches.slice(shown, shown + PAGE).map(row));
      shown = Math.min(matches.length, shown + PAGE);
      $("more").hidden = shown >= matches.length;
    }

    function update() {
      const filters = chosen();
      const terms = filters.q.toLowerCase().split(/\s+/).filter(Boolean);
      const levels = filters.level ? filters.level.split(",") : [];
      const technique = filters.technique.toUpperCase();
      matches = orders[filters.order].filter((rule) => fits(rule, filters, terms, levels, technique));
      shown = 0;
      $("results").replaceChildren();
      more();
      const narrowed = Object.entries(filters).some(([name, value]) => value && name !== "order");
      const count = matches.length.toLocaleString("en");
      $("state").textContent = narrowed
        ? `${count} of ${all.length.toLocaleString("en")} rules` : `${count} ${matches.length === 1 ? "rule" : "rules"}`;
      $("clear").hidden = !narrowed;
      if (filters.order === "title") delete filters.order;
      const hash = new URLSearchParams(Object.entries(filters).filter(([, value]) => value)).toString();
      history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
    }

    function restore() {
      const filters = new URLSearchParams(location.hash.slice(1));
      $("q").value = filters.get("q") || "";
      $("order").value = filters.get("order") || "title";
      const levels = (filters.get("level") || "").split(",");
      pressed.forEach((button) => button.setAttribute("aria-pressed", levels.includes(button.dataset.level)));
      CHOICES.forEach((name) => { $(name).value = filters.get(name) || ""; });
      if (CHOICES.some((name) => filters.get(name)) || matchMedia("(min-width: 60rem)").matches) $("filters").open = true;
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
    pressed.forEach((button) => button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
      update();
    }));
    $("clear").addEventListener("click", () => { history.replaceState(null, "", location.pathname + location.search); restore(); $("q").focus(); });
    $("more").addEventListener("click", more);
    new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting) && shown < matches.length) more(); },
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
        const noun = kind === "hits" ? "hit" : "rule";
        cell.querySelector(".n").replaceChildren(count.toLocaleString("en"), make("span", { className: "hide", textContent: ` ${noun}${count === 1 ? "" : "s"}` }));
        const level = /^\d$/.test(show) ? `&level=${LEVELS[Number(show)]}` : "";
        cell.href = cell.href.split("#")[0] + `#technique=${cell.querySelector(".id").textContent}${level}`;
      });
      document.querySelectorAll(".matrix li").forEach((item) => {
        item.classList.toggle("empty", [...item.querySelectorAll(".cell")].every((cell) => cell.dataset.count === "0"));
      });
      document.querySelectorAll(".legend span").forEach((step, at) => { step.textContent = spelled[kind][at]; });
      $("matrix").classList.toggle("with-parts", $("parts").checked);
      $("matrix").classList.toggle("covered-only", $("covered").checked);
    };
    heat.hidden = false;
    heat.addEventListener("change", paint);
    paint();
  }

  // ---- the rules behind a count

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

  // ---- an anchor inside a folded element unfolds it

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
    const fragment = document.createDocumentFragment();
    let at = 0;
    for (const match of text.matchAll(TOKEN)) {
      const word = match[1] || match[0];
      fragment.append(text.slice(at, match.index), make("i", { className: match[2] ? "k" : match[1] ? "s" : "n", textContent: word }));
      at = match.index + word.length;
    }
    fragment.append(text.slice(at));
    code.replaceChildren(fragment);
  }
  document.querySelectorAll(".json code").forEach((code) => {
    const folded = code.closest("details");
    if (!folded || folded.open) colour(code);
    else folded.addEventListener("toggle", () => colour(code), { once: true });
  });
})();
