// Fetches an explorer when its figure comes near the window, and puts it in the
// place of its still. If that fails, the still and its description stay. In
// pages that are opened as files browsers refuse it: then the page says so.

(() => {
  "use strict";
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
      const { words, data = "null" } = stage.dataset;
      const live = stage.querySelector(".live");
      mount(live, JSON.parse(words), JSON.parse(data));
      stage.classList.add("mounted");
    } catch (error) {
      stage.classList.add("failed");
      console.warn(error);
    }
  }

  for (const stage of document.querySelectorAll(".live-explorer .stage")) {
    if (location.protocol === "file:") {
      stage.classList.add("failed");
      stage.querySelector(".opened-as-file").hidden = false;
    } else {
      near.observe(stage);
    }
  }
})();
