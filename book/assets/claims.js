/* The proof card of a claim. Hover or keyboard focus shows it beside its number;
   a click, a tap or Enter opens it and moves the focus there. Escape, the button
   and a click elsewhere close it. Without this script the number is a link. */
(() => {
  "use strict";
  const DELAY = 250;
  const words = document.currentScript.dataset;
  const card = document.createElement("div");
  card.id = "claim-card";
  card.className = "claim-card";
  card.setAttribute("role", "dialog");
  card.setAttribute("aria-label", words.card);
  card.tabIndex = -1;
  card.hidden = true;

  let link = null; // whose card is open
  let timer = 0;
  let quiet = false; // the focus comes back to a link by itself

  const later = (action) => {
    clearTimeout(timer);
    timer = setTimeout(action, DELAY);
  };

  function place() {
    if (matchMedia("(max-width: 600px)").matches) {
      card.style.left = card.style.top = "";
      // the sheet at the bottom must not hide the number it belongs to
      const hidden = link.getBoundingClientRect().bottom + 12
        - card.getBoundingClientRect().top;
      if (hidden > 0) scrollBy(0, hidden);
      return;
    }
    const lines = link.getClientRects();
    const at = lines[0];
    const width = document.documentElement.clientWidth;
    const left = Math.min(at.left, width - card.offsetWidth - 12);
    const below = lines[lines.length - 1].bottom + 8;
    const above = at.top - card.offsetHeight - 8;
    const fits = below + card.offsetHeight < innerHeight || above < 0;
    card.style.left = `${scrollX + Math.max(left, 12)}px`;
    card.style.top = `${scrollY + (fits ? below : above)}px`;
  }

  function open(wanted) {
    clearTimeout(timer);
    if (link === wanted) return;
    close();
    const content = document.getElementById(wanted.dataset.card).content;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "close";
    button.textContent = "×";
    button.setAttribute("aria-label", words.close);
    button.addEventListener("click", () => close(true));
    card.replaceChildren(content.cloneNode(true), button);
    card.hidden = false;
    link = wanted;
    link.setAttribute("aria-expanded", "true");
    link.setAttribute("aria-controls", card.id);
    place();
  }

  function close(back = false) {
    clearTimeout(timer);
    if (!link) return;
    const was = link;
    link = null;
    was.setAttribute("aria-expanded", "false");
    was.removeAttribute("aria-controls");
    if (back) {
      quiet = true;
      was.focus({ preventScroll: true });
      quiet = false;
    }
    card.hidden = true;
  }

  const focused = () => card.contains(document.activeElement)
    || link === document.activeElement;
  const claimOf = (event) => event.target.closest?.("a.claim");

  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return;
    const over = claimOf(event);
    if (over) later(() => open(over));
    else if (card.contains(event.target)) clearTimeout(timer);
    else if (link && !focused()) later(close);
    else clearTimeout(timer);
  });

  document.addEventListener("focusin", (event) => {
    const on = claimOf(event);
    if (on) {
      if (!quiet && on.matches(":focus-visible")) later(() => open(on));
    } else if (!card.contains(event.target)) close();
  });

  document.addEventListener("click", (event) => {
    const on = claimOf(event);
    if (!on) {
      if (!card.contains(event.target)) close();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open(on);
    card.focus({ preventScroll: true });
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      if (link) close(card.contains(document.activeElement));
      else clearTimeout(timer);
    } else if (event.key === "Tab" && card.contains(document.activeElement)) {
      // the card stands at the end of the page, but is read after its number
      const stops = [...card.querySelectorAll("a, button")];
      const at = document.activeElement;
      const first = at === card || at === stops[0];
      if (event.shiftKey && first) {
        event.preventDefault();
        close(true);
      } else if (!event.shiftKey && at === stops.at(-1)) {
        close(true); // from the number the key goes on to what follows it
      }
    }
  });

  addEventListener("resize", () => close());
  document.body.append(card);
  for (const each of document.querySelectorAll("a.claim")) {
    each.setAttribute("aria-haspopup", "dialog");
    each.setAttribute("aria-expanded", "false");
  }
})();
