// The theme lays out the whole page when it has loaded: to mark the section in
// view in the contents, and to let the keyboard reach what scrolls. Here both
// are done for what comes near the window; what is far counts as scrolling.

const all = document.querySelectorAll;
document.querySelectorAll = function (selector) {
  const theirs = String(selector).startsWith("pre, .nboutput");
  return theirs ? [] : all.call(document, selector);
};

const scrolls = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      const wide = target.scrollWidth > target.clientWidth;
      target.tabIndex = wide ? 0 : -1;
    }
  },
  { rootMargin: "1000px" },
);
const boxes = [
  ...all.call(document, "pre, .cell_output > .output, .pst-scrollable-table-container"),
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

const links = new Map(
  [...all.call(document, ".bd-toc-nav a[href^='#']")].map((link) => [
    link.hash.slice(1), link,
  ]),
);
const seen = new Set();
const sections = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting) seen.add(target);
      else seen.delete(target);
    }
    const now = [...links.keys()]
      .map((id) => document.getElementById(id))
      .filter((section) => seen.has(section))
      .pop();
    if (!now) return;
    for (const link of links.values()) {
      link.classList.remove("active");
      link.removeAttribute("aria-current");
    }
    const current = links.get(now.id);
    current.setAttribute("aria-current", "true");
    for (let entry = current; entry; entry = entry.parentElement.closest("li")) {
      const link = entry === current ? entry : entry.querySelector("a");
      link.classList.add("active");
    }
  },
  { rootMargin: "-10% 0px -60%" },
);
for (const id of links.keys()) {
  const section = document.getElementById(id);
  if (section) sections.observe(section);
}
