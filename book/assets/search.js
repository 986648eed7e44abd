/* The search: shows the sections that Pagefind finds, under the field while
   one types, and on the page of results. */
(() => {
  "use strict";
  const { some, none, file } = document.currentScript.dataset;
  const root = document.documentElement.dataset.content_root;
  const SHOWN = 12;
  const KINDS = { page: 1, lab: 0.5, api: 0.25 };
  // Words of a question that no section is about.
  const EMPTY = new Set(
    ("a about an and are as at be between by can do does for from has have how i "
      + "if in into is it its my of on or not should so than that the them then "
      + "there these this to use vs was what when where which why will with you")
      .split(" "),
  );
  let engine;

  function load() {
    engine ??= import(new URL(`${root}pagefind/pagefind.js`, location)).then(
      async (pagefind) => {
        await pagefind.options({
          ranking: { termFrequency: 1, pageLength: 0 },
        });
        return pagefind;
      },
    );
    return engine;
  }

  function telling(text) {
    const every = text.toLowerCase().split(/[^\p{L}\p{N}_]+/u).filter(Boolean);
    const some = every.filter((word) => !EMPTY.has(word));
    return (some.length ? some : every).slice(0, 6);
  }

  function subsets(words, size) {
    if (size === 0) return [[]];
    return words.flatMap((word, i) =>
      subsets(words.slice(i + 1), size - 1).map((rest) => [word, ...rest]));
  }

  // What has these words, the story before the lab and the functions.
  async function search(pagefind, words) {
    const found = Object.entries(KINDS).map(async ([kind, weight]) => {
      const options = { filters: { kind } };
      const { results } = await pagefind.search(words.join(" "), options);
      return results.map(({ score, data }) => ({ score: weight * score, data }));
    });
    return (await Promise.all(found)).flat();
  }

  // The sections that have all words; where none has, all but one; and so on.
  async function ask(words) {
    const pagefind = await load();
    for (let size = words.length; size > 0; size -= 1) {
      const found = await Promise.all(
        subsets(words, size).map((each) => search(pagefind, each)),
      );
      const best = found.flat().sort((a, b) => b.score - a.score);
      if (best.length) return best;
    }
    return [];
  }

  // Some words of a section, around the first that was looked for.
  function snippet(text, asked) {
    const paragraph = document.createElement("p");
    const words = text.split(/\s+/);
    const looked = (word) => asked.some(
      (each) => word.toLowerCase().replace(/^\W+/, "").startsWith(each),
    );
    const first = Math.max(0, words.findIndex(looked) - 8);
    if (first) paragraph.append("… ");
    for (const word of words.slice(first, first + 32)) {
      const part = document.createElement(looked(word) ? "mark" : "span");
      part.textContent = word;
      paragraph.append(part, " ");
    }
    if (first + 32 < words.length) paragraph.append("…");
    return paragraph;
  }

  function entry({ meta, content }, asked) {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = root + meta.address;
    link.textContent = meta.title;
    const place = document.createElement("span");
    place.className = "place";
    place.textContent = meta.place === meta.title ? "" : meta.place;
    // title and place come first in what is indexed
    const text = [meta.title, meta.place].reduce(
      (rest, first) => rest.replace(first, "").replace(/^[.\s]*/, ""),
      content,
    );
    item.append(link, place, snippet(text, asked));
    return item;
  }

  function attach(form) {
    const field = form.querySelector("input[type=search]");
    const status = document.createElement("p");
    const list = document.createElement("ol");
    status.setAttribute("role", "status");
    list.className = "search-found";
    const page = form.closest("dialog") ? null
      : document.getElementById("search-results");
    const place = page ?? form.parentElement;
    place.append(status, list);
    // Browsers refuse what the search needs to pages that are opened as files.
    if (location.protocol === "file:") {
      status.textContent = file;
      return;
    }
    let last = "";

    async function show() {
      const text = field.value.trim();
      if (text === last) return;
      last = text;
      const asked = telling(text);
      const results = text.length > 1 ? await ask(asked) : [];
      const shown = await Promise.all(
        results.slice(0, SHOWN).map((result) => result.data()),
      );
      if (text !== last) return; // typed on meanwhile
      // of a word that it has not, Pagefind looks for the first letters
      const like = shown.filter(({ content }) => asked.some(
        (word) => content.toLowerCase().includes(word.slice(0, 4)),
      ));
      list.replaceChildren(...like.map((each) => entry(each, asked)));
      status.textContent = text.length < 2 ? ""
        : like.length ? some.replace("{count}", results.length) : none;
    }

    field.addEventListener("focus", load, { once: true });
    field.addEventListener("input", show);
    form.addEventListener("submit", (event) => {
      const first = list.querySelector("a");
      if (!first && page) event.preventDefault();
    });
    const asked = new URLSearchParams(location.search).get("q");
    if (page && asked) {
      field.value = asked;
      show();
    }
  }

  for (const form of document.querySelectorAll("form.bd-search")) attach(form);
})();
