// The frames of an explorer wait as text until it comes near.
const near = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      for (const text of target.querySelectorAll(".frame > script"))
        text.parentElement.innerHTML = text.textContent;
    }
  },
  { rootMargin: "1000px" },
);
for (const explorer of document.querySelectorAll("figure.explorer"))
  near.observe(explorer);
