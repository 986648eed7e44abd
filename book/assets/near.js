// The theme lays out the whole page when it has loaded: to mark the section in
// view in the contents, and to let the keyboard reach what scrolls. Here both
// are done for what comes near the window; what is far counts as scrolling.
// What scrolls fades where it is cut off.

const all = document.querySelectorAll;
document.querySelectorAll = function (selector) {
  const theirs = String(selector).startsWith("pre, .nboutput");
  return theirs ? [] : all.call(document, selector);
};

const fade = (box) => {
  const rest = box.scrollWidth - box.clientWidth;
  box.classList.toggle("cut-before", box.scrollLeft > 1);
  box.classList.toggle("cut-after", box.scrollLeft < rest - 1);
};
const scrolls = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      const wide = target.scrollWidth > target.clientWidth;
      target.tabIndex = wide ? 0 : -1;
      fade(target);
    }
  },
  { rootMargin: "1000px" },
);
const boxes = [
  ...all.call(
    document,
    "pre, .katex-display, .cell_output > .output, .pst-scrollable-table-container",
  ),
];
const watch = () => {
  for (const box of boxes) {
    box.tabIndex = 0;
    scrolls.unobserve(box);
    scrolls.observe(box);
  }
};
watch();
addEventListener("resize", watch);
document.fonts.ready.then(watch);
for (const box of boxes) {
  box.addEventListener("scroll", () => fade(box), { passive: true });
}

const links = [...all.call(document, ".toc-entry > a[href^='#']")];
const id = (link) => decodeURIComponent(link.hash.slice(1));
const named = new Set(links.map(id));
const seen = new Set();
const sections = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting) seen.add(target.id);
      else seen.delete(target.id);
    }
    const now = [...named].filter((name) => seen.has(name)).pop();
    if (!now) return;
    for (const link of links) {
      link.classList.remove("active");
      link.removeAttribute("aria-current");
    }
    for (const link of links.filter((each) => id(each) === now)) {
      link.setAttribute("aria-current", "true");
      for (let entry = link.parentElement; entry; ) {
        entry.querySelector("a").classList.add("active");
        entry = entry.parentElement.closest(".toc-entry");
      }
    }
  },
  { rootMargin: "-10% 0px -60%" },
);
for (const name of named) {
  const section = document.getElementById(name);
  if (section) sections.observe(section);
}

// A report of a problem names the section in view.
const report = document.querySelector("a.btn-report-button");
const address = report?.href;
for (const event of ["pointerdown", "keydown"]) {
  report?.addEventListener(event, () => {
    const section = document.querySelector(".toc-entry > a[aria-current]");
    report.href = address + encodeURIComponent(section?.hash ?? "");
  });
}
