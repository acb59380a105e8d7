"use strict";
(function () {
  const form = document.getElementById("chosen");
  const words = document.getElementById("choice");
  const explained = words.textContent;
  const buttons = { compare: document.getElementById("compare"), power: document.getElementById("power"), report: document.getElementById("report"), none: document.getElementById("none") };
  const KEY = "energybench-view:" + location.pathname;
  const POLL_MS = 5000;

  // The chosen runs in the order of choice: the first is the baseline. They stay over pages, filters and orders.
  let chosen = [];
  try { chosen = JSON.parse(sessionStorage.getItem(KEY)) || []; } catch { chosen = []; }

  const boxes = () => [...form.querySelectorAll("input[type=checkbox][name=id]")];

  function show() {
    const ids = new Set(chosen.map((run) => run.id));
    for (const box of boxes()) { box.checked = ids.has(box.value); }
    words.replaceChildren();
    if (!chosen.length) { words.textContent = explained; }
    chosen.forEach((run, i) => {
      const role = chosen.length === 2 ? (i === 0 ? "baseline: " : "candidate: ") : "";
      words.append((i ? " · " : "") + role + run.label);
      const drop = document.createElement("button");
      drop.type = "button";
      drop.textContent = "×";
      drop.setAttribute("aria-label", "do not choose " + run.label);
      drop.addEventListener("click", () => { chosen = chosen.filter((other) => other.id !== run.id); keep(); });
      words.append(drop);
    });
    buttons.compare.disabled = chosen.length !== 2 || chosen.some((run) => !run.comparable);
    for (const button of [buttons.power, buttons.report]) { button.disabled = !chosen.length; }
    buttons.none.hidden = !chosen.length;
  }

  function keep() {
    try { sessionStorage.setItem(KEY, JSON.stringify(chosen)); } catch { /* the choice then ends with the page */ }
    show();
  }

  form.addEventListener("change", (event) => {
    const box = event.target;
    if (box.name !== "id") { return; }
    chosen = chosen.filter((run) => run.id !== box.value);
    if (box.checked) { chosen.push({ id: box.value, label: box.dataset.label, comparable: "comparable" in box.dataset }); }
    keep();
  });
  buttons.none.addEventListener("click", () => { chosen = []; keep(); });

  // Runs of other pages have no box here: the choice is sent in its own order instead of the boxes.
  form.addEventListener("submit", () => {
    const before = boxes();
    for (const box of before) { box.disabled = true; }
    const fields = chosen.map((run) => {
      const field = document.createElement("input");
      field.type = "hidden"; field.name = "id"; field.value = run.id;
      form.append(field);
      return field;
    });
    setTimeout(() => {
      for (const field of fields) { field.remove(); }
      for (const box of before) { box.disabled = false; }
    });
  });

  // A change of a filter shows its rows at once.
  const filters = document.querySelector(".filters");
  for (const select of filters.querySelectorAll("select")) {
    select.addEventListener("change", () => filters.requestSubmit());
  }

  // New and removed runs appear without a reload.
  let busy = false;
  async function look() {
    if (document.hidden || busy) { return; }
    busy = true;
    try {
      const state = await (await fetch("state")).json();
      if (String(state.number) !== document.body.dataset.number) {
        const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
        document.getElementById("shown").replaceWith(page.getElementById("shown"));
        document.body.dataset.number = page.body.dataset.number;
        show();
      }
      document.body.classList.remove("ended");
    } catch {
      document.body.classList.add("ended");
    } finally {
      busy = false;
    }
  }
  setInterval(look, POLL_MS);
  document.addEventListener("visibilitychange", look);
  window.addEventListener("pageshow", show);
  show();
})();
