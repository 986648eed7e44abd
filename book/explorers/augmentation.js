// A digit that the reader moves, turns, covers with noise, or draws; and what
// two small networks read: one trained on digits as they come, one on shifted
// ones. Their weights come from the lab.

import {
  add, button, chart, d3, fill, fixed, handle, normals, onFrame, radios, slider,
  verdict,
} from "./kit.js";

const SIDE = 8;
const FINE = 32; // a drawing is finer, as the paper was: 4×4 dots to a pixel
const PEN = 1.6;
const FARTHEST = 2;
const START = { digit: 3, right: 1, down: 0, angle: 0, noise: 0 };
const FIRST = "nothing";
const SECOND = "shift";

/**
 * Turn an image about its middle by degrees, counter-clockwise, then move it;
 * what lies between pixels is interpolated, what comes from outside is 0.
 */
function moved(image, right, down, degrees) {
  const phi = (degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(phi), Math.sin(phi)];
  const middle = (SIDE - 1) / 2;
  const pixel = (row, column) =>
    row >= 0 && row < SIDE && column >= 0 && column < SIDE
      ? image[SIDE * row + column]
      : 0;
  return Array.from({ length: SIDE * SIDE }, (_, place) => {
    const y = Math.floor(place / SIDE) - middle - down;
    const x = (place % SIDE) - middle - right;
    const row = sin * x + cos * y + middle;
    const column = cos * x - sin * y + middle;
    const [r, c] = [Math.floor(row), Math.floor(column)];
    let sum = 0;
    for (const i of [r, r + 1]) {
      for (const j of [c, c + 1]) {
        const weight = (1 - Math.abs(row - i)) * (1 - Math.abs(column - j));
        sum += weight * pixel(i, j);
      }
    }
    return sum;
  });
}

/** Add noise of a standard deviation to every pixel. */
function noisy(image, chance, std) {
  return image.map((each, i) => each + std * chance[i]);
}

/** The probabilities that a network gives to the ten digits. */
function opinion([W1, b1, W2, b2], image) {
  const layer = (W, b, x) =>
    W.map((row, i) => {
      let sum = b[i];
      for (let j = 0; j < row.length; j++) sum += row[j] * x[j];
      return sum;
    });
  const h = layer(W1, b1, image).map((z) => Math.max(z, 0));
  const z = layer(W2, b2, h);
  const top = Math.max(...z);
  const e = z.map((each) => Math.exp(each - top));
  const sum = e.reduce((a, b) => a + b, 0);
  return e.map((each) => each / sum);
}

/** Blacken the dots of a fine drawing that a pen touches between two places. */
function stroke(dots, [x0, y0], [x1, y1]) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const length = dx * dx + dy * dy;
  return dots.map((dot, i) => {
    const x = (i % FINE) + 0.5 - x0;
    const y = Math.floor(i / FINE) + 0.5 - y0;
    const along = length ? Math.min(Math.max((x * dx + y * dy) / length, 0), 1) : 0;
    return Math.hypot(x - along * dx, y - along * dy) <= PEN ? 1 : dot;
  });
}

/** The image of a fine drawing: of 16 dots, how many are black. */
function counted(dots) {
  const image = new Array(SIDE * SIDE).fill(0);
  dots.forEach((dot, i) => {
    const row = Math.floor(i / FINE / 4);
    image[SIDE * row + Math.floor((i % FINE) / 4)] += dot / 16;
  });
  return image;
}

/** The digit with the largest probability. */
function answer(p) {
  return p.indexOf(Math.max(...p));
}

/** Who is right; of a drawing nobody knows, only whether the two agree. */
function outcome(first, second, digit) {
  if (digit === null) return first === second ? "agree" : "differ";
  const right = [first === digit, second === digit];
  if (right[0] && right[1]) return "both";
  return right[0] ? "first" : right[1] ? "second" : "neither";
}

export const model = { answer, counted, moved, noisy, opinion, outcome, stroke };

/** Show the explorer in an element. */
export function mount(element, words, data) {
  const { digits, networks } = data;
  const samples = digits.map((each) => each.map((value) => value / 16));
  const nets = [FIRST, SECOND].map((name) =>
    networks[name].map((part) =>
      part.map((row) => (row.map ? row.map((w) => w / 100) : row / 100)),
    ),
  );
  const chance = normals(1, SIDE * SIDE);
  const empty = () => new Array(FINE * FINE).fill(0);
  const state = { ...START };
  let dots = empty();
  let untouched = true;
  const say = verdict(element);
  const update = onFrame(draw);
  const charts = add(element, "div", {
    style:
      "display:grid;grid-template-columns:repeat(auto-fit,minmax(240px,1fr));" +
      "gap:0 1rem",
  });
  const [left, side] = [add(charts, "div"), add(charts, "div")];

  const picture = chart(left, {
    label: words.picture,
    height: 264,
    margin: { top: 4, right: 4, bottom: 4, left: 4 },
    x: d3.scaleLinear([0, SIDE], [0, 1]),
    y: d3.scaleLinear([SIDE, 0], [0, 1]),
    ticks: { x: [], y: [] },
    draw: resized,
  });
  picture.svg.selectAll(".axis").remove();
  const frame = picture.plot.append("rect").attr("fill", "none");
  frame.attr("stroke", "var(--pst-color-border)").attr("stroke-width", 2);
  const pixels = d3
    .range(SIDE * SIDE)
    .map(() => picture.plot.append("rect").attr("fill", "currentColor"));
  const hint = picture.over.append("text").attr("class", "hint");

  const bars = [words.first, words.second].map((title, i) => {
    const on = chart(side, {
      label: title,
      height: 132,
      margin: { top: 26, right: 6, bottom: 22, left: 38 },
      x: d3.scaleLinear([-0.6, 9.6], [0, 1]),
      y: d3.scaleLinear([0, 1], [0, 1]),
      ticks: { x: d3.range(10), y: [0, 0.5, 1] },
      format: { x: String, y: (each) => `${fixed(100 * each, 0)}%` },
      titles: { y: title },
      draw() {
        const width = on.x(0.72) - on.x(0);
        rects.forEach((rect, d) =>
          rect.attr("x", on.x(d - 0.36)).attr("width", width),
        );
        update();
      },
    });
    const color = i ? "var(--course-three)" : "var(--course-quiet)";
    const rects = d3
      .range(10)
      .map(() => on.plot.append("rect").attr("fill", color).attr("rx", 2));
    return { on, rects };
  });

  const clamp = (value) => Math.min(Math.max(value, -FARTHEST), FARTHEST);
  const knob = handle(picture, {
    label: words.handle,
    move: (x, y) => place(x - SIDE / 2, y - SIDE / 2),
    step: (dx, dy) => place(state.right + dx / 4, state.down - dy / 4),
  });

  const controls = add(element, "div", { class: "controls" });
  const options = Object.fromEntries(samples.map((_, d) => [d, String(d)]));
  const choice = radios(controls, {
    legend: words.digit,
    options,
    value: String(state.digit),
    change: (digit) => set({ digit: Number(digit) }),
  });
  const inputs = controls.querySelectorAll("input");
  const angles = slider(controls, {
    label: words.turn,
    min: -60,
    max: 60,
    step: 5,
    value: state.angle,
    format: (value) => `${fixed(value, 0)}°`,
    change: (angle) => set({ angle }),
  });
  const noises = slider(controls, {
    label: words.noise,
    min: 0,
    max: 1,
    step: 0.05,
    value: state.noise,
    format: (value) => fixed(value, 2),
    change: (noise) => set({ noise }),
  });
  const buttons = add(controls, "div", { class: "buttons" });
  button(buttons, {
    text: words.own,
    press() {
      dots = empty();
      set({ digit: null, right: 0, down: 0, angle: 0, noise: 0 });
    },
  });
  button(buttons, {
    text: words.middle,
    press: () => set({ right: 0, down: 0, angle: 0, noise: 0 }),
  });
  button(buttons, {
    text: words.reset,
    press() {
      set({ ...START });
      untouched = true;
    },
  });

  // Of all that is drawn, little changes in one movement.
  function put(shape, name, value) {
    const node = shape.node();
    const text = value.toFixed(2);
    if (node.getAttribute(name) !== text) node.setAttribute(name, text);
  }

  function set(change) {
    Object.assign(state, change);
    untouched = false;
    update();
  }

  function place(right, down) {
    set({ right: clamp(right), down: clamp(down) });
  }

  let pen = null;
  const svg = picture.svg.node();
  const fine = (event) => {
    const box = svg.getBoundingClientRect();
    const scale = FINE / SIDE;
    return [
      scale * picture.x.invert(event.clientX - box.left),
      scale * picture.y.invert(event.clientY - box.top),
    ];
  };
  svg.addEventListener("pointerdown", (event) => {
    if (state.digit !== null) return;
    svg.setPointerCapture(event.pointerId);
    pen = fine(event);
    draws(pen);
    event.preventDefault();
  });
  svg.addEventListener("pointermove", (event) => {
    if (pen) draws(fine(event));
  });
  for (const end of ["pointerup", "pointercancel"]) {
    svg.addEventListener(end, () => (pen = null));
  }

  function draws(to) {
    dots = stroke(dots, pen, to);
    pen = to;
    update();
  }

  function resized() {
    const units = (SIDE * (picture.width - 8)) / (picture.height - 8);
    picture.x.domain([(SIDE - units) / 2, (SIDE + units) / 2]);
    const size = picture.x(1) - picture.x(0);
    frame.attr("x", picture.x(0)).attr("y", picture.y(0));
    frame.attr("width", SIDE * size).attr("height", SIDE * size);
    pixels.forEach((pixel, i) => {
      pixel.attr("x", picture.x(i % SIDE)).attr("width", size);
      pixel.attr("y", picture.y(Math.floor(i / SIDE))).attr("height", size);
    });
    update();
  }

  function draw() {
    if (!picture.width || !bars[1].on.width) return;
    const { digit, right, down, angle, noise } = state;
    const drawn = digit === null;
    const base = drawn ? counted(dots) : samples[digit];
    const image = noisy(moved(base, right, down, angle), chance, noise);
    pixels.forEach((pixel, i) =>
      put(pixel, "fill-opacity", Math.min(Math.max(image[i], 0), 1)),
    );
    svg.style.touchAction = drawn ? "none" : "";
    svg.style.cursor = drawn ? "crosshair" : "";
    const blank = drawn && !dots.includes(1);
    hint.attr("visibility", blank || untouched ? null : "hidden");
    hint.text(drawn ? words.hint : words.drag);
    hint.attr("text-anchor", drawn ? "middle" : "end");
    hint.attr("x", picture.x(SIDE / 2 + right) - (drawn ? 0 : 18));
    hint.attr("y", picture.y(SIDE / 2 + down) + 5);
    knob.node.setAttribute("visibility", drawn ? "hidden" : "visible");

    const opinions = nets.map((net) => opinion(net, image));
    bars.forEach(({ on, rects }, i) =>
      rects.forEach((rect, d) => {
        const p = opinions[i][d];
        put(rect, "y", on.y(p));
        put(rect, "height", on.y(0) - on.y(p));
        put(rect, "fill-opacity", drawn || d === digit ? 1 : 0.6);
      }),
    );
    const [first, second] = opinions.map(answer);
    const percent = (p) => fixed(100 * Math.max(...p), 0);
    const values = {
      right: fixed(right, 2),
      down: fixed(down, 2),
      first,
      second,
      surely: percent(opinions[0]),
      likely: percent(opinions[1]),
    };
    knob.place(SIDE / 2 + right, SIDE / 2 + down, {
      now: right,
      min: -FARTHEST,
      max: FARTHEST,
      text: fill(words.state, values),
    });
    if (drawn) for (const each of inputs) each.checked = false;
    else choice.set(digit);
    if (angle !== Number(angles.input.value)) angles.set(angle);
    if (noise !== Number(noises.input.value)) noises.set(noise);
    const sentences = {
      both: words.both,
      first: words.one,
      second: words.other,
      neither: words.neither,
      agree: words.agree,
      differ: words.differ,
    };
    const what = outcome(first, second, digit);
    element.dataset.outcome = what;
    if (blank) say(words.blank);
    else say(fill(words.say, values), sentences[what]);
  }

  draw();
}
