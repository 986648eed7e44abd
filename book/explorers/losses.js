// Eight deliveries, one of them typed wrong, and the lines of three losses.
// Drag the wrong row: up and down it pulls with its error or with a bounded
// force, sideways it gets a longer lever. Below: how much of a row each counts.

import {
  add, button, chart, d3, fill, fixed, handle, number, onFrame, slider, verdict,
} from "./kit.js";

const POINTS = [
  [1.6, 19], [1.2, 18.6], [2.1, 21.2], [2.7, 26.4], [3.2, 27.1], [3.8, 31.8],
  [4.4, 33], [5, 37.9],
];
const TYPED = [1.6, 91]; // the first row, its digits swapped
const AFAR = [16, 19]; // the first row, its distance without the point
const X = { min: 0.2, max: 18 };
const Y = { min: 0, max: 108 };
const DELTA = { min: -1, max: 2, step: 0.05 }; // powers of ten
const START = Math.log10(2.7);
const STEPS = 100;
const NEAR = 0.6; // minutes per km

/** The line y = a + bx with the least weighted sum of squared errors. */
function weightedLine(points, weights) {
  let [w, x, y, xx, xy] = [0, 0, 0, 0, 0];
  points.forEach((point, i) => {
    w += weights[i];
    x += weights[i] * point[0];
    y += weights[i] * point[1];
  });
  const [cx, cy] = [x / w, y / w];
  points.forEach((point, i) => {
    xx += weights[i] * (point[0] - cx) ** 2;
    xy += weights[i] * (point[0] - cx) * (point[1] - cy);
  });
  const slope = xy / xx;
  return [cy - slope * cx, slope];
}

/** How much of a row each counts in Huber's loss: min(1, δ / |e|). */
function weights(points, [a, b], delta) {
  return points.map(([x, y]) =>
    Math.min(1, delta / Math.abs(y - a - b * x)),
  );
}

/** The line of the squared error. */
function squaredLine(points) {
  return weightedLine(points, points.map(() => 1));
}

/** The line of Huber's loss, by least squares with new weights each time. */
function huberLine(points, delta, steps) {
  let line = squaredLine(points);
  for (let step = 1; step < steps; step++) {
    line = weightedLine(points, weights(points, line, delta));
  }
  return line;
}

/**
 * The line of the absolute error: among all lines through two of the points,
 * one has the least sum of errors.
 */
function absoluteLine(points) {
  let [best, least] = [null, Infinity];
  for (let i = 0; i < points.length; i++) {
    for (let j = 0; j < i; j++) {
      const [[x, y], [u, v]] = [points[i], points[j]];
      if (Math.abs(x - u) < 1e-9) continue;
      const slope = (y - v) / (x - u);
      const start = y - slope * x;
      let sum = 0;
      for (const [s, t] of points) sum += Math.abs(t - start - slope * s);
      if (sum < least - 1e-12) [best, least] = [[start, slope], sum];
    }
  }
  return best;
}

/** Which of the three slopes have left what the other rows say. */
function outcome([squared, huber, absolute], right) {
  const off = [squared, huber, absolute].map((b) => Math.abs(b - right));
  if (Math.max(...off) < NEAR) return "agree";
  if (Math.max(off[1], off[2]) < NEAR) return "shrug";
  return Math.min(...off) < NEAR ? "some" : "all";
}

export const model = {
  absoluteLine, huberLine, outcome, squaredLine, weightedLine, weights,
};

const MARGIN = { top: 22, right: 88, bottom: 34, left: 40 };
const KINDS = ["blue", "red", "violet"]; // as in the figures of the chapter
const clamp = (value, { min, max }) => Math.min(Math.max(value, min), max);

/** Show the explorer in an element. */
export function mount(element, words) {
  let row = [...TYPED];
  let power = START;
  const others = POINTS.slice(1);
  const [, right] = squaredLine(others);
  const say = verdict(element);
  const charts = add(element, "div", { class: "charts" });
  const update = onFrame(draw);

  const top = chart(charts, {
    label: words.deliveries,
    height: 290,
    margin: MARGIN,
    x: d3.scaleLinear([0, X.max], [0, 1]),
    y: d3.scaleLinear([Y.min, Y.max], [0, 1]),
    ticks: { x: [0, 5, 10, 15], y: [0, 25, 50, 75, 100] },
    format: { x: String, y: String },
    titles: { x: words.distance, y: words.minutes },
    draw: update,
  });
  const bottom = chart(charts, {
    label: words.weights,
    height: 118,
    margin: { ...MARGIN, bottom: 22 },
    x: top.x.copy(),
    y: d3.scaleLinear([0, 1], [0, 1]),
    ticks: { x: [0, 5, 10, 15], y: [0, 1] },
    format: { x: String, y: String },
    titles: { y: words.weights },
    draw: update,
  });

  const lines = KINDS.map((kind) =>
    top.plot.append("path").attr("class", `line ${kind}`),
  );
  const names = KINDS.map((_, i) =>
    top.over
      .append("text")
      .attr("class", "name")
      .text([words.squared, words.huber, words.absolute][i]),
  );
  const samples = KINDS.map((kind) =>
    top.over.append("path").attr("class", `line ${kind}`),
  );
  const dots = others.map(() =>
    top.over.append("circle").attr("r", 3.5).attr("fill", "currentColor"),
  );
  const bars = POINTS.map((_, i) =>
    bottom.plot.append("path").attr("class", i ? "line red" : "line one"),
  );
  const count = bottom.over.append("text").attr("class", "value");
  const hint = top.over.append("text").attr("class", "hint").text(words.drag);

  const point = handle(top, {
    label: words.handle,
    kind: "row",
    move: (x, y) => put([x, y]),
    step: (dx, dy) =>
      put([row[0] + clamp(dx, { min: -10, max: 10 }) / 5, row[1] + dy]),
  });

  const controls = add(element, "div", { class: "controls" });
  const deltas = slider(controls, {
    label: words.delta,
    ...DELTA,
    value: power,
    format: (value) => number(10 ** value),
    change(value) {
      power = value;
      update();
    },
  });
  const buttons = add(controls, "div", { class: "buttons" });
  button(buttons, { text: words.repair, press: () => put(POINTS[0]) });
  button(buttons, { text: words.afar, press: () => put(AFAR) });
  button(buttons, {
    text: words.reset,
    press() {
      power = START;
      put(TYPED);
      hint.attr("visibility", null);
    },
  });

  function put([x, y]) {
    hint.attr("visibility", "hidden");
    row = [clamp(x, X), clamp(y, Y)];
    update();
  }

  /** Places for three names, at least 16 apart, each near its line. */
  function places(wanted) {
    const order = [0, 1, 2].sort((i, j) => wanted[i] - wanted[j]);
    const at = [...wanted];
    const [first, second, third] = order;
    at[second] = Math.max(at[second], at[first] + 16);
    at[third] = Math.max(at[third], at[second] + 16);
    const over = at[third] - top.y(Y.min) + 4;
    if (over > 0) {
      at[third] -= over;
      at[second] = Math.min(at[second], at[third] - 16);
      at[first] = Math.min(at[first], at[second] - 16);
    }
    return at;
  }

  function draw() {
    if (!top.width || !bottom.width) return;
    const points = [row, ...others];
    const delta = 10 ** power;
    const fits = [
      squaredLine(points),
      huberLine(points, delta, STEPS),
      absoluteLine(points),
    ];
    const end = fits.map(([a, b]) => clamp(a + b * X.max, Y));
    const at = places(end.map((y) => top.y(y) + 5));
    const edge = top.x(X.max);
    fits.forEach(([a, b], i) => {
      lines[i].attr(
        "d",
        `M${top.x(0)},${top.y(a)}L${edge},${top.y(a + b * X.max)}`,
      );
      samples[i].attr("d", `M${edge + 5},${at[i] - 4}h12`);
      names[i].attr("x", edge + 21).attr("y", at[i]);
    });
    others.forEach(([x, y], i) => {
      dots[i].attr("cx", top.x(x)).attr("cy", top.y(y));
    });
    const shares = weights(points, fits[1], delta);
    points.forEach(([x], i) => {
      const [low, high] = [bottom.y(0), bottom.y(shares[i])];
      bars[i].attr("d", `M${bottom.x(x)},${low}V${high}`);
    });
    count
      .attr("x", edge + 5)
      .attr("y", bottom.y(0.4))
      .text(fill(words.count, { weight: fixed(shares[0], 2) }));
    const values = {
      x: fixed(row[0], 1),
      y: fixed(row[1], 0),
      squared: fixed(fits[0][1], 1),
      huber: fixed(fits[1][1], 1),
      absolute: fixed(fits[2][1], 1),
      weight: fixed(shares[0], 2),
    };
    point.place(...row, {
      now: row[1],
      min: Y.min,
      max: Y.max,
      text: fill(words.state, values),
    });
    hint.attr("x", top.x(row[0]) + 18).attr("y", top.y(row[1]) + 5);
    deltas.set(power);
    const what = outcome(
      fits.map(([, b]) => b),
      right,
    );
    element.dataset.outcome = what;
    const said = {
      agree: words.agree, shrug: words.shrug, some: words.some, all: words.all,
    };
    say(fill(said[what], values), fill(words.slopes, values));
  }

  draw();
}
