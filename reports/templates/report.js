"use strict";
(function () {
  const root = document.documentElement;
  const fail = (message) => { root.dataset.error = String(message); };
  window.addEventListener("error", (event) => fail(event.message));
  window.addEventListener("unhandledrejection", (event) => fail(event.reason));

  const charts = [...document.querySelectorAll("[data-chart]")];
  let drawn = 0;
  const count = () => { root.dataset.charts = drawn + "/" + charts.length; };
  count();
  for (const place of charts) {
    const spec = JSON.parse(document.getElementById(place.dataset.chart).textContent);
    // ast: expressions are interpreted, so that the page needs no right to evaluate code.
    window.vegaEmbed(place, spec, { mode: "vega-lite", renderer: "svg", actions: false, ast: true })
      .then(() => { drawn += 1; count(); place.dataset.drawn = "yes"; })
      .catch((error) => { place.dataset.drawn = "no"; place.textContent = "This chart could not be drawn. The table contains its numbers."; fail(error); });
  }

  for (const event of ["beforeprint", "afterprint"]) {
    window.addEventListener(event, () => {
      for (const fold of document.querySelectorAll("details")) { fold.open = event === "beforeprint"; }
    });
  }
  const open = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    const fold = target && target.querySelector("details");
    if (fold) { fold.open = true; }
  };
  window.addEventListener("hashchange", open);
  open();

  // The document as JSON. A large document is gzip in base64, and has its results in columns.
  const results = async () => {
    const block = document.getElementById("results");
    if (block.type === "application/json") { return block.textContent; }
    const bytes = Uint8Array.from(atob(block.textContent), (character) => character.charCodeAt(0));
    const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const { columns, ...whole } = JSON.parse(await new Response(unpacked).text());
    if (!columns) { return JSON.stringify(whole); }
    const next = {};
    whole.results = columns.order.map((kind) => {
      const place = next[kind] || 0;
      next[kind] = place + 1;
      return Object.fromEntries(Object.entries(columns.fields[kind]).map(([field, values]) => [field, values[place]]));
    });
    return JSON.stringify(whole);
  };
  const save = document.getElementById("save");
  save.hidden = false;
  save.addEventListener("click", async () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([await results()], { type: "application/json" }));
    link.download = "energybench-results.json";
    link.click();
    URL.revokeObjectURL(link.href);
  });
})();
