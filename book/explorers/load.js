// Fetches an explorer when its figure comes near the window, and puts it in the
// place of its still. If that fails, the still and its description stay.

const near = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      start(target);
    }
  },
  { rootMargin: "400px" },
);

async function start(stage) {
  try {
    const { mount } = await import(`./${stage.dataset.module}`);
    const { words, record = "null" } = stage.dataset;
    mount(stage.querySelector(".live"), JSON.parse(words), JSON.parse(record));
    stage.classList.add("mounted");
  } catch (error) {
    stage.classList.add("failed");
    console.warn(error);
  }
}

for (const stage of document.querySelectorAll(".live-explorer .stage")) {
  near.observe(stage);
}
