"use strict";
(function () {
  const root = document.documentElement;
  const fail = (message) => { root.dataset.error = String(message); };
  window.addEventListener("error", (event) => fail(event.message));
  window.addEventListener("unhandledrejection", (event) => fail(event.reason));

  // The text of a block that is gzip in base64.
  const unpacked = (block) => {
    const bytes = Uint8Array.from(atob(block.textContent), (character) => character.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  };

  const charts = [...document.querySelectorAll("[data-chart]")];
  let drawn = 0;
  const count = () => { root.dataset.charts = drawn + "/" + charts.length; };
  count();
  const draw = async (place) => {
    try {
      const spec = JSON.parse(document.getElementById(place.dataset.chart).textContent);
      // ast: expressions are interpreted, so that the page needs no right to evaluate code.
      await window.vegaEmbed(place, spec, { mode: "vega-lite", renderer: "svg", actions: false, ast: true });
      drawn += 1;
      count();
      place.dataset.drawn = "yes";
    } catch (error) {
      place.dataset.drawn = "no";
      place.textContent = "This chart could not be drawn. The table contains its numbers.";
      fail(error);
    }
  };
  const start = async () => {
    try {
      const library = document.createElement("script");
      library.textContent = await unpacked(document.getElementById("library"));
      document.head.append(library);
      library.remove();
    } catch (error) { fail(error); }
    charts.forEach(draw);
  };
  if (charts.length) { start(); }

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

  // A number in the digits that were taken out of the text, in which 1e-6 is the first power of ten with an exponent.
  const digits = (number) => Math.abs(number) >= 1e-6 && Math.abs(number) < 1e-5 ? number.toExponential() : String(number);

  // JSON of each result of a large document.
  const resultTexts = (packed) => {
    const planes = packed.numbers.map(atob), length = planes[0].length;
    const bytes = new DataView(new ArrayBuffer(8 * length));
    planes.forEach((plane, place) => { for (let i = 0; i < length; i += 1) { bytes.setUint8(8 * i + place, plane.charCodeAt(i)); } });
    const counts = packed.places.map(() => 0);
    for (const shape of packed.shapes) { counts[shape] += 1; }
    let end = 0;
    const next = packed.places.map((places, shape) => {
      const start = end;
      end += counts[shape] * (1 + Math.max(-1, ...places));
      return start;
    });
    let result = 0;
    const kinds = {};
    for (const [kind, fields] of Object.entries(packed.fields)) {
      kinds[kind] = Object.values(fields)[0].map((_, row) => {
        const shape = packed.shapes[result], first = next[shape], places = packed.places[shape];
        result += 1;
        next[shape] += 1;
        let place = 0;
        const number = () => digits(bytes.getFloat64(8 * (first + counts[shape] * places[place++]), true));
        return "{" + Object.entries(fields).map(([name, texts]) =>
          JSON.stringify(name) + ":" + packed.texts[texts[row]].replace(/\u0001/g, number)).join(",") + "}";
      });
    }
    return packed.order.map((kind) => kinds[kind].shift());
  };

  // The document as JSON. A large document is gzip in base64, and has its results packed (packed_results.py).
  const results = async () => {
    const block = document.getElementById("results");
    if (block.type === "application/json") { return block.textContent; }
    const { packed, ...whole } = JSON.parse(await unpacked(block));
    if (!packed) { return JSON.stringify(whole); }
    delete whole.results;
    return JSON.stringify(whole).slice(0, -1) + ',"results":[' + resultTexts(packed).join(",") + "]}";
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
