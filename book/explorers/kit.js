// What the explorers of the course share, on D3: charts that keep their text
// at reading size, points to drag by mouse, finger and arrow keys, rows of
// controls, and sentences that a screen reader hears when a movement rests.
// All colours are classes, which the style sheet gives the page's palette.

import "../assets/d3/d3.min.js";

export const d3 = globalThis.d3;

const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** Put values into the {places} of a sentence. */
export function fill(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (_place, name) => values[name]);
}

/** Write 10 to a whole power. */
export function power(exponent) {
  if (exponent === 0) return "1";
  const digits = [...String(Math.abs(exponent))].map((each) => RAISED[each]);
  return `10${exponent < 0 ? "⁻" : ""}${digits.join("")}`;
}

// One format for each form of number: a drag writes hundreds of them.
const formats = new Map();

function write(value, options) {
  const key = JSON.stringify(options);
  if (!formats.has(key)) {
    const { lang } = document.documentElement;
    formats.set(key, new Intl.NumberFormat(lang || undefined, options));
  }
  const text = formats.get(key).format(value);
  return text.replace(/^-(?=[0.,]*$)/, "").replace("-", "−"); // no minus zero
}

/** Write a number for readers, very large and small ones as powers of ten. */
export function number(value, digits = 2) {
  const size = Math.abs(value);
  if (size >= 1e5 || (size > 0 && size < 1e-3)) {
    return power(Math.round(Math.log10(size)));
  }
  return write(value, { maximumSignificantDigits: digits });
}

/** Write a number with exactly so many decimals. */
export function fixed(value, decimals) {
  return write(value, {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  });
}

/** Return a function that asks for `work` once per frame at most. */
export function onFrame(work) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      const start = performance.now();
      work();
      performance.measure("explorer", { start });
      performance.clearMeasures("explorer");
    });
  };
}

/** Add an element with attributes; `text` is what it says. */
export function add(parent, tag, { text, ...attributes } = {}) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, value);
  }
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}

let names = 0;
const unique = () => `explorer-part-${(names += 1)}`;

/**
 * A chart as wide as its place. `x` and `y` are scales with their domain;
 * `ticks` are the marks, written by `format`. `draw` is called when the width
 * changes; it moves what it drew before.
 */
export function chart(
  parent,
  { label, height, margin, x, y, ticks = {}, format = {}, titles = {}, draw },
) {
  const svg = d3
    .select(parent)
    .append("svg")
    .attr("role", "group")
    .attr("aria-label", label)
    .attr("height", height);
  const { top, right, bottom, left } = margin;
  const below = svg
    .append("g")
    .attr("class", "axis")
    .attr("transform", `translate(0,${height - bottom})`);
  const beside = svg
    .append("g")
    .attr("class", "axis")
    .attr("transform", `translate(${left},0)`);
  const titleX = svg.append("text").attr("class", "title").text(titles.x ?? "");
  svg
    .append("text")
    .attr("class", "title")
    .attr("x", 2)
    .attr("y", 13)
    .text(titles.y ?? "");
  const clip = unique();
  const window = svg
    .append("clipPath")
    .attr("id", clip)
    .append("rect")
    .attr("x", left)
    .attr("y", top)
    .attr("height", height - top - bottom);
  const plot = svg.append("g").attr("clip-path", `url(#${clip})`);
  const over = svg.append("g");
  y.range([height - bottom, top]);
  const self = { svg, plot, over, x, y, height, margin, width: 0 };

  function axis(make, scale, side) {
    const made = make(scale).tickSizeOuter(0).tickSize(4);
    if (ticks[side]) made.tickValues(ticks[side]);
    if (format[side]) made.tickFormat(format[side]);
    return made;
  }

  new ResizeObserver(([entry]) => {
    const width = Math.round(entry.contentRect.width);
    if (width === self.width || width === 0) return;
    self.width = width;
    x.range([left, width - right]);
    svg.attr("width", width);
    window.attr("width", Math.max(width - left - right, 0));
    below.call(axis(d3.axisBottom, x, "x"));
    beside.call(axis(d3.axisLeft, y, "y"));
    titleX
      .attr("x", width - right)
      .attr("y", height - 2)
      .attr("text-anchor", "end");
    draw?.();
  }).observe(parent);
  return self;
}

const KEYS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
  PageUp: [0, 10],
  PageDown: [0, -10],
  Home: [-Infinity, 0],
  End: [Infinity, 0],
};

/**
 * A point that a reader drags. `move(x, y)` receives the pointer's place in
 * the chart's units, `step(dx, dy)` the arrow keys. `place` puts the point
 * somewhere and says its value: `{ now, min, max, text }`, three numbers and what
 * one hears of them.
 */
export function handle(on, { label, kind = "one", radius = 9, move, step }) {
  const group = on.over
    .append("g")
    .attr("class", `handle ${kind}`)
    .attr("tabindex", 0)
    .attr("role", "slider")
    .attr("aria-valuenow", 0) // until the first drawing says where it is
    .attr("aria-label", label);
  group.append("circle").attr("class", "reach").attr("r", 22);
  group.append("circle").attr("class", "ring").attr("r", radius + 5);
  group.append("circle").attr("class", "knob").attr("r", radius);
  const node = group.node();
  let offset = null;

  function pointer(event) {
    const box = on.svg.node().getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  node.addEventListener("pointerdown", (event) => {
    const [px, py] = pointer(event);
    offset = [px - node.atX, py - node.atY];
    node.setPointerCapture(event.pointerId);
    node.classList.add("held");
    node.focus({ preventScroll: true });
    event.preventDefault();
  });
  // a finger that drags a point does not scroll the page
  node.addEventListener("touchstart", (event) => event.preventDefault(), {
    passive: false,
  });
  node.addEventListener("pointermove", (event) => {
    if (!offset) return;
    const [px, py] = pointer(event);
    move(on.x.invert(px - offset[0]), on.y.invert(py - offset[1]));
  });
  for (const end of ["pointerup", "pointercancel"]) {
    node.addEventListener(end, () => {
      offset = null;
      node.classList.remove("held");
    });
  }
  node.addEventListener("keydown", (event) => {
    const by = KEYS[event.key];
    if (!by || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const far = event.shiftKey ? 10 : 1;
    step(by[0] * far, by[1] * far);
  });

  return {
    node,
    place(x, y, { now, min, max, text }) {
      node.atX = on.x(x);
      node.atY = on.y(y);
      node.setAttribute("transform", `translate(${node.atX},${node.atY})`);
      for (const [name, value] of Object.entries({ min, max, now })) {
        node.setAttribute(`aria-value${name}`, +value.toFixed(3));
      }
      node.setAttribute("aria-valuetext", text);
    },
  };
}

/** A row of a label, a range input and what it says. */
export function slider(
  parent,
  { label, min, max, step, value, format, change },
) {
  const row = add(parent, "div", { class: "slider" });
  const id = unique();
  add(row, "label", { for: id, text: label });
  const input = add(row, "input", { type: "range", id, min, max, step });
  const shown = add(row, "output", { for: id, "aria-live": "off" });
  function set(to) {
    input.value = to;
    shown.value = format(Number(to));
    input.setAttribute("aria-valuetext", shown.value);
  }
  input.addEventListener("input", () => {
    set(input.value);
    change(Number(input.value));
  });
  set(value);
  return { input, set };
}

/** A row of choices: `options` maps values to what they are called. */
export function radios(parent, { legend, options, value, change }) {
  const group = add(parent, "fieldset", { class: "radios" });
  add(group, "legend", { text: legend });
  const name = unique();
  const inputs = {};
  for (const [each, words] of Object.entries(options)) {
    const label = add(group, "label");
    const input = add(label, "input", { type: "radio", name, value: each });
    add(label, "span", { text: words });
    input.checked = each === value;
    input.addEventListener("change", () => change(each));
    inputs[each] = input;
  }
  return { set: (to) => (inputs[to].checked = true) };
}

/** A button. */
export function button(parent, { text, press }) {
  const made = add(parent, "button", { type: "button", text });
  made.addEventListener("click", press);
  return made;
}

/**
 * A button that plays and pauses. `tick(seconds)` moves on; it returns false
 * at the end. What `start` begins by itself waits for the reader if the reader
 * wants little motion; a page in the background rests.
 */
export function player(parent, { play, pause, tick }) {
  let playing = false;
  let before = 0;
  const made = button(parent, { text: play, press: () => run(!playing) });

  function frame(now) {
    if (!playing) return;
    // a frame may have begun before the button was pressed
    const seconds = Math.min(Math.max(now - before, 0) / 1000, 0.1);
    before = now;
    if (tick(seconds) === false) run(false);
    else requestAnimationFrame(frame);
  }

  function run(to) {
    if (to === playing) return;
    playing = to;
    made.textContent = playing ? pause : play;
    before = performance.now();
    if (playing) requestAnimationFrame(frame);
  }

  return {
    start: () => still.matches || run(true),
    stop: () => run(false),
  };
}

/**
 * Sentences that change while the reader moves something, each on a line of
 * its own. A screen reader hears them when the movement rests.
 */
export function verdict(parent) {
  const seen = add(parent, "p", { class: "verdict", "aria-hidden": "true" });
  const heard = add(parent, "p", { class: "heard", role: "status" });
  let waiting;
  return (...sentences) => {
    const text = sentences.join(" ");
    if (seen.dataset.text === text) return;
    seen.dataset.text = text;
    seen.replaceChildren();
    for (const each of sentences) add(seen, "span", { text: each });
    clearTimeout(waiting);
    waiting = setTimeout(() => (heard.textContent = text), 500);
  };
}

/**
 * Random numbers of a seed, each normal with mean 0 and variance 1: the same
 * in every browser.
 */
export function normals(seed, count) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 2 ** 32;
  };
  return Float64Array.from(
    { length: count },
    () =>
      Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}
