/* The ledger: sort it by a column, filter it, say how many rows are left. */
(() => {
  "use strict";
  const table = document.querySelector("table.claims-ledger");
  const form = document.querySelector("form.ledger-filter");
  const said = form.querySelector("[role=status]");
  const far = Number(form.dataset.far);
  const rows = [...table.tBodies[0].rows];
  const texts = new Map(
    rows.map((row) => [row, row.textContent.toLowerCase()]),
  );

  function sort(head) {
    const key = head.dataset.key;
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const each of table.tHead.rows[0].cells) {
      each.removeAttribute("aria-sort");
    }
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    // in the order of chapters, whatever the language
    const by = key === "chapter" ? "place" : key;
    const number = !["claim", "kind"].includes(key);
    const sign = down ? -1 : 1;
    rows.sort((a, b) => {
      const [x, y] = by === "claim" ? [texts.get(a), texts.get(b)]
        : [a.dataset[by], b.dataset[by]];
      if (x === "" || y === "") return (x === "") - (y === "");
      return sign * (number ? x - y : x.localeCompare(y))
        || a.dataset.place - b.dataset.place;
    });
    table.tBodies[0].append(...rows);
  }

  function fits(row, wanted) {
    const { chapter, kind, margin, fresh } = row.dataset;
    const close = margin !== "" && Number(margin) < far;
    const held = { "": "none", 1: "held" }[fresh] ?? "failed";
    return (!wanted.chapter || wanted.chapter === chapter)
      && (!wanted.kind || wanted.kind === kind)
      && (!wanted.margin || (margin !== ""
        && close === (wanted.margin === "close")))
      && (!wanted.fresh || wanted.fresh === held)
      && wanted.words.every((word) => texts.get(row).includes(word));
  }

  function filter() {
    const wanted = Object.fromEntries(new FormData(form));
    wanted.words = wanted.words.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      row.hidden = !fits(row, wanted);
      shown += !row.hidden;
    }
    said.textContent = said.dataset.words
      .replace("{shown}", shown)
      .replace("{all}", rows.length);
  }

  for (const head of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sort(head));
    head.replaceChildren(button);
  }
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  filter();
})();
