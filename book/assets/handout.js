// Printed, a chapter is a handout: two columns, the questions first, the
// answers on the last pages, and the sources in full. Afterwards all of it goes
// back. The words are the page's own, in data attributes.
(() => {
  "use strict";
  const place = document.querySelector("section.answers");
  const words = place.dataset;
  const page = document.documentElement;
  // How many characters of code a column holds, and how many em of a formula.
  const COLUMN = 44;
  const FORMULA = 21;
  const solved = make("div", "columns");
  const undo = [];

  const all = (selector, from = document) => [
    ...from.querySelectorAll(selector),
  ];
  const moveAll = (from, target) => {
    for (const each of all(":scope > :not(summary)", from)) move(each, target);
  };

  function make(tag, className, text = "") {
    const made = document.createElement(tag);
    made.className = className;
    made.textContent = text;
    return made;
  }

  function move(node, target) {
    const mark = document.createComment("");
    node.replaceWith(mark);
    target.append(node);
    undo.push(() => mark.replaceWith(node));
  }

  function write(node, name, value) {
    if (value === null) node.removeAttribute(name);
    else node.setAttribute(name, value);
  }

  function set(node, name, value) {
    const old = node.getAttribute(name);
    write(node, name, value);
    undo.push(() => write(node, name, old));
  }

  // A place among the answers that has the same name as its question.
  function answerTo(name) {
    const answer = make("div", "answer-to");
    answer.append(make("p", "number", name));
    solved.append(answer);
    return answer;
  }

  function numbered(selector, template, tell) {
    all(selector).forEach((box, index) => {
      const name = template.replace("{number}", index + 1);
      const number = make("p", "number", name);
      box.prepend(number);
      undo.push(() => number.remove());
      tell(box, answerTo(name));
    });
  }

  function choices(box, answer) {
    all("details", box).forEach((choice, index) => {
      const part = make("div", `choice ${choice.className}`);
      part.append(make("b", "letter", "ABCDEFGH"[index]));
      answer.append(part);
      moveAll(choice, part);
    });
  }

  function prediction(box, answer) {
    if (box.matches(".quiz")) return choices(box, answer);
    moveAll(box.querySelector("details"), answer);
  }

  // An exercise begins with its number and kind, in bold.
  function exercise(solution) {
    let question = solution;
    while (question && !question.matches("p:has(> strong:first-child)")) {
      question = question.previousElementSibling;
    }
    const name = question?.querySelector("strong").textContent ?? "";
    const answer = answerTo(words.exercise.replace("{number}", name));
    move(solution.querySelector(".sd-summary-content"), answer);
    set(solution, "hidden", "");
  }

  function citeInFull(sources) {
    const cited = all(".bibtex-citation a[title]").map((link) => link.title);
    const list = make("ul", "cited");
    for (const each of new Set(cited)) list.append(make("li", "", each));
    sources.append(list);
    undo.push(() => list.remove());
  }

  function wide(node) {
    if (node.matches("h1") || node.querySelector("table")) return true;
    if (node.matches("div.math")) {
      const parts = all(".katex-html > .base", node);
      const width = (part) =>
        part.offsetWidth / parseFloat(getComputedStyle(part).fontSize);
      return parts.reduce((sum, part) => sum + width(part), 0) > FORMULA;
    }
    return all("pre", node).some((pre) =>
      pre.textContent.split("\n").some((line) => line.length > COLUMN),
    );
  }

  // Columns, and between them what is wide: browsers do not balance columns
  // above what spans them all. A link to a section leads to its heading.
  function layOut(article) {
    const flow = make("div", "flow");
    let columns = null;
    const fill = (section) => {
      const heading = section.querySelector(":scope > :is(h2, h3, h4)");
      if (heading && section.id) {
        const { id } = section;
        set(section, "id", null);
        set(heading, "id", id);
      }
      for (const node of [...section.children]) {
        if (node.matches("section")) {
          fill(node);
        } else if (wide(node)) {
          const last = columns?.lastElementChild;
          if (last?.matches("h2, h3, h4")) flow.append(last);
          move(node, flow);
          columns = null;
        } else {
          if (!columns) flow.append((columns = make("div", "columns")));
          move(node, columns);
        }
      }
    };
    fill(article);
    article.append(flow);
    undo.push(() => flow.remove());
  }

  function handout() {
    if (undo.length) return;
    const height = scrollY;
    undo.push(() => scrollTo(0, height));
    set(page, "class", `${page.className} handout`.trim());
    set(page, "data-theme", "light");
    set(place, "hidden", null);
    place.append(make("h2", "", words.title), solved);
    numbered(".predict", words.prediction, prediction);
    numbered(".misconception", words.misconception, (box, answer) =>
      move(box.querySelector(".answer"), answer),
    );
    all("#exercises details.sd-dropdown").forEach(exercise);
    numbered(".quiz:not(.predict)", words.quiz, choices);
    for (const aside of all("details.sd-dropdown")) set(aside, "open", "");
    all("#sources").forEach(citeInFull);
    layOut(document.querySelector(".bd-article > section"));
  }

  function back() {
    for (const step of undo.splice(0).reverse()) step();
    solved.replaceChildren();
    place.replaceChildren();
  }

  addEventListener("beforeprint", handout);
  addEventListener("afterprint", back);
})();
