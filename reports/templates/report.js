"use strict";
/* Filter, search, keyboard, deep links. The page is complete without it. The state of the filter is in the URL, after #?. */
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const form = document.querySelector(".tools form");
  const search = form.elements.text, group = form.elements.group, level = form.elements.level;
  const chips = all(".chip"), cards = all("details.card[data-kind]");
  const texts = new Map();

  const text = (card) => {
    if (!texts.has(card)) texts.set(card, card.textContent.toLowerCase());
    return texts.get(card);
  };

  function apply(remember = true) {
    const wanted = new Set(chips.filter((chip) => chip.ariaPressed === "true").map((chip) => chip.value));
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = { finding: 0, req: 0 };
    for (const card of cards) {
      const fits = (!wanted.size || wanted.has(card.dataset.outcome)) &&
        (!group.value || card.dataset.group.split("|").includes(group.value)) &&
        (!level.value || card.dataset.level.split("|").includes(level.value)) &&
        words.every((word) => text(card).includes(word));
      card.hidden = !fits;
      if (fits) shown[card.dataset.kind] += 1;
    }
    for (const section of all("section.group")) section.hidden = !section.querySelector("details.card:not([hidden])");
    document.getElementById("shown").textContent =
      `${shown.finding} of ${all("details.finding").length} findings and ${shown.req} of ${all("details.req").length} requirements shown`;
    if (remember) {
      const state = new URLSearchParams();
      if (wanted.size) state.set("outcome", [...wanted].join(","));
      if (group.value) state.set("group", group.value);
      if (level.value) state.set("level", level.value);
      if (search.value) state.set("text", search.value);
      history.replaceState(null, "", state.size ? `#?${state}` : location.pathname + location.search);
    }
  }

  function restore() {
    if (location.hash.startsWith("#?")) {
      const state = new URLSearchParams(location.hash.slice(2));
      const wanted = (state.get("outcome") || "").split(",");
      for (const chip of chips) chip.ariaPressed = String(wanted.includes(chip.value));
      group.value = state.get("group") || "";
      level.value = state.get("level") || "";
      search.value = state.get("text") || "";
      apply(false);
      return;
    }
    const card = document.getElementById(decodeURIComponent(location.hash.slice(1)))?.closest("details.card");
    if (card) show(card);
  }

  function show(card) {
    if (card.hidden) clear();
    card.open = true;
    card.scrollIntoView({ block: "start" });
    here(card);
  }

  function clear() {
    for (const chip of chips) chip.ariaPressed = "false";
    form.reset();
    apply();
  }

  function here(card) {
    for (const other of all("details.here")) other.classList.remove("here");
    card.classList.add("here");
    card.querySelector("summary").focus({ preventScroll: true });
  }

  function step(by) {
    const visible = cards.filter((card) => !card.hidden);
    const now = visible.findIndex((card) => card.classList.contains("here"));
    const next = visible[Math.min(Math.max(now + by, 0), visible.length - 1)];
    if (!next) return;
    here(next);
    next.scrollIntoView({ block: "nearest" });
  }

  function openAll(open) {
    for (const card of cards) if (!card.hidden && card.matches(".finding")) card.open = open;
  }

  function theme() {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  }

  const help = document.getElementById("help");
  const keys = {
    "/": () => search.focus(),
    j: () => step(1),
    k: () => step(-1),
    o: () => { const card = document.querySelector("details.here"); if (card) card.open = !card.open; },
    e: () => openAll(true),
    c: () => openAll(false),
    x: clear,
    t: theme,
    "?": () => help.showModal(),
  };
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && document.activeElement === search) { search.blur(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
    const action = keys[event.key];
    if (action) { event.preventDefault(); action(); }
  });

  for (const chip of chips) chip.addEventListener("click", () => { chip.ariaPressed = String(chip.ariaPressed !== "true"); apply(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => apply());
  addEventListener("click", (event) => {
    const link = event.target.closest("[data-only]");
    if (link) {
      event.preventDefault();
      clear();
      const [key, value, outcome] = link.dataset.only.split("|");
      form.elements[key].value = value;
      for (const chip of chips) if (chip.value === outcome) chip.ariaPressed = "true";
      apply();
      document.getElementById("findings").scrollIntoView();
    }
    const button = event.target.closest("button.copy");
    if (button) {
      navigator.clipboard?.writeText(button.previousElementSibling.textContent);
      button.textContent = "copied";
    }
  });
  document.getElementById("theme").addEventListener("click", theme);
  document.getElementById("keys").addEventListener("click", () => help.showModal());
  document.getElementById("open").addEventListener("click", () => openAll(true));
  document.getElementById("close").addEventListener("click", () => openAll(false));
  document.getElementById("clear").addEventListener("click", clear);
  let opened = [];
  addEventListener("beforeprint", () => {
    const shown = all("details.cause, details.finding:not([hidden])");
    opened = shown.flatMap((card) => [card, ...all(".seq details, .control details", card)]).filter((part) => !part.open);
    for (const card of opened) card.open = true;
  });
  addEventListener("afterprint", () => { for (const card of opened) card.open = false; });
  addEventListener("hashchange", restore);
  apply(false);
  restore();
})();
