// The number line of a prediction: what the reader guesses, and how far from
// the measured value that is. Nothing is stored or sent. The words are the
// page's own, in data attributes.

for (const box of document.querySelectorAll("div.predict[data-value]")) {
  const guess = box.querySelector(".guess");
  const input = guess.querySelector("input");
  const shown = guess.querySelector("output");
  const answer = box.querySelector("details");
  const verdict = answer.querySelector(".verdict");
  const yours = answer.querySelector(".yours");
  const { scale, unit } = box.dataset;
  const numbers = ["from", "to", "value", "low", "high"];
  const [from, to, value, low, high] = numbers.map((name) =>
    Number(box.dataset[name]),
  );
  const log = scale === "log";
  const language = document.documentElement.lang;
  const write = (x) =>
    x.toLocaleString(language, { maximumSignificantDigits: 3 });
  const rounded = (x) => Number(x.toPrecision(2));
  let guessed = null;

  const share = (x) =>
    log ? Math.log(x / from) / Math.log(to / from) : (x - from) / (to - from);

  function read() {
    guessed = log
      ? rounded(from * (to / from) ** (input.value / 100))
      : Number(input.value);
    shown.value = `${write(guessed)} ${unit}`.trim();
    input.setAttribute("aria-valuetext", shown.value);
  }

  function show() {
    if (!answer.open || guessed === null) return;
    const close = Math.min(low, value - (log ? 0 : input.step / 2));
    const right = guessed >= close &&
      guessed <= Math.max(high, value + (log ? 0 : input.step / 2));
    const distance = log
      ? Math.max(guessed / value, value / guessed)
      : Math.abs(guessed - value);
    verdict.textContent = (right ? box.dataset.close : box.dataset.far)
      .replace("{guess}", write(guessed))
      .replace("{distance}", write(rounded(distance)));
    yours.hidden = false;
    yours.style.left = `${100 * share(guessed)}%`;
    input.disabled = true;
  }

  input.setAttribute("aria-valuetext", "?");
  input.addEventListener("input", read);
  answer.addEventListener("toggle", show);
  guess.hidden = false;
}
