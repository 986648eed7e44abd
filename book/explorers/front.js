// A polynomial through twelve points. Move the number of its parameters past
// the number of points: it goes wild, then it calms down.

import {
  add, button, chart, d3, fill, fixed, handle, onFrame, player, slider, verdict,
} from "./kit.js";
import { dot, features, rms, singular, weights } from "./polynomials.js";

const POINTS = [
  [-0.99, -0.7], [-0.8, -1.02], [-0.57, -1.18], [-0.42, -0.9], [-0.3, -0.5],
  [-0.09, -0.27], [0.08, 0.43], [0.23, 0.44], [0.46, 0.84], [0.57, 1.3],
  [0.77, 1.02], [0.95, 0.56],
];
const MOST = 40;
const START = 12;
const GRID = Array.from({ length: 201 }, (_, i) => -1 + i / 100);

/** What the points would show without noise. */
function truth(x) {
  return 0.8 * Math.sin(2.6 * x) + 0.2 * x;
}

/** The shortest of the weights that fit best. */
function leastSquares(X, y) {
  return weights(singular(X), y, 0, X[0].length);
}

const TABLE = GRID.map((x) => features(x, MOST));
const TRUTH = GRID.map(truth);

/** The curve of p parameters through points, and its errors. */
function fit(points, p) {
  const X = points.map(([x]) => features(x, p));
  const y = points.map(([, value]) => value);
  const w = leastSquares(X, y);
  const curve = TABLE.map((row) => {
    let sum = 0;
    for (let k = 0; k < p; k++) sum += row[k] * w[k];
    return sum;
  });
  return {
    weights: w,
    curve,
    train: rms(X.map((row, i) => dot(row, w) - y[i])),
    test: rms(curve.map((value, i) => value - TRUTH[i])),
  };
}

/** How a curve behaves: it cannot follow, goes wild, or passes calmly. */
function outcome(p, n, test) {
  if (p < n) return "few";
  return test > 0.6 ? "wild" : "calm";
}

export const model = { features, fit, leastSquares, outcome, truth };

/** Show the explorer in an element. */
export function mount(element, words) {
  let points = POINTS.map((each) => [...each]);
  let p = START; // between two whole numbers while the play moves on
  let fits = [];
  const say = verdict(element);
  const charts = add(element, "div", { class: "charts" });
  const update = onFrame(draw);

  const top = chart(charts, {
    label: words.fit,
    height: 260,
    margin: { top: 8, right: 12, bottom: 8, left: 12 },
    x: d3.scaleLinear([-1.05, 1.05], [0, 1]),
    y: d3.scaleLinear([-2.2, 2.2], [0, 1]),
    ticks: { x: [], y: [] },
    draw: update,
  });
  const bottom = chart(charts, {
    label: words.errors,
    height: 160,
    margin: { top: 24, right: 58, bottom: 34, left: 46 },
    x: d3.scaleLinear([1, MOST], [0, 1]),
    y: d3.scaleLog([0.01, 10], [0, 1]).clamp(true),
    ticks: { x: [1, 12, 20, 30, 40], y: [0.01, 0.1, 1, 10] },
    format: { y: (each) => String(each), x: String },
    titles: { x: words.parameters, y: words.errors },
    draw: update,
  });
  const line = (on, kind) => on.plot.append("path").attr("class", kind);
  const known = line(top, "line truth");
  const curve = line(top, "line one");
  const wall = line(bottom, "line theory");
  const errors = {
    train: line(bottom, "line blue").attr("stroke-dasharray", "5 3"),
    test: line(bottom, "line red"),
  };
  const sample = top.over.append("path").attr("class", "line truth");
  sample.attr("d", "M12,20h28");
  top.over
    .append("text")
    .attr("class", "title")
    .attr("x", 46)
    .attr("y", 24)
    .text(words.truth);
  const name = (kind) =>
    bottom.over.append("text").attr("class", `name ${kind}`);
  const names = {
    train: name("blue").text(words.train),
    test: name("red").text(words.test),
  };

  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const dots = points.map((_, i) =>
    handle(top, {
      label: fill(words.point, { i: i + 1 }),
      kind: "two",
      radius: 6,
      move: (x, y) => drag(i, x, y),
      step: (dx, dy) =>
        drag(i, points[i][0] + clamp(dx, -9, 9) / 50, points[i][1] + dy / 20),
    }),
  );
  const marker = handle(bottom, {
    label: words.parameters,
    kind: "two",
    move: (x) => choose(Math.round(x)),
    step: (dx, dy) => choose(Math.round(p) + dx + dy),
  });

  const controls = add(element, "div", { class: "controls" });
  const counts = slider(controls, {
    label: words.parameters,
    min: 1,
    max: MOST,
    step: 1,
    value: p,
    format: String,
    change: choose,
  });
  const buttons = add(controls, "div", { class: "buttons" });
  const film = player(buttons, {
    play: words.play,
    pause: words.pause,
    tick(seconds) {
      if (p >= MOST) p = 1;
      p = Math.min(p + seconds * (Math.abs(p - START) < 4 ? 2 : 5), MOST);
      update();
      return p < MOST;
    },
  });
  button(buttons, {
    text: words.reset,
    press() {
      points = POINTS.map((each) => [...each]);
      fits = [];
      choose(START);
    },
  });

  function choose(to) {
    film.stop();
    p = clamp(to, 1, MOST);
    update();
  }

  function drag(i, x, y) {
    film.stop();
    points[i] = [clamp(x, -1, 1), clamp(y, -2.1, 2.1)];
    fits = [];
    update();
  }

  const fitted = (count) => (fits[count] ??= fit(points, count));

  function draw() {
    if (!top.width || !bottom.width) return;
    const [low, part] = [Math.floor(p), p % 1];
    const now = fitted(low);
    const then = part ? fitted(low + 1) : now;
    const between = (a, b) => a + part * (b - a);
    const path = (x, y) => d3.line(x, y);
    const across = (_, i) => top.x(GRID[i]);
    const deep = (value) => top.y(clamp(value, -50, 50));
    known.attr("d", path(across, deep)(TRUTH));
    const blend = (value, i) => deep(between(value, then.curve[i]));
    curve.attr("d", path(across, blend)(now.curve));
    points.forEach(([x, y], i) => {
      const text = fill(words.place, { x: fixed(x, 2), y: fixed(y, 2) });
      dots[i].place(x, y, { now: y, min: -2.1, max: 2.1, text });
    });

    // The other numbers of parameters follow, a few in each frame.
    let missing = 3;
    for (let count = 1; count <= MOST && missing; count++) {
      if (!fits[count]) missing -= fitted(count) ? 1 : 0;
    }
    if (!missing) update();
    const done = fits.filter(Boolean).length === MOST;
    for (const kind of ["train", "test"]) {
      if (!done) break;
      const x = (_, i) => bottom.x(i + 1);
      const y = (each) => bottom.y(Math.max(each[kind], 0.01));
      errors[kind].attr("d", path(x, y)(fits.slice(1)));
      names[kind]
        .attr("x", bottom.x(MOST) + 16)
        .attr("y", bottom.y(Math.max(fits[MOST][kind], 0.01)) + 4);
    }
    const n = points.length;
    wall.attr("d", `M${bottom.x(n)},${bottom.y(10)}V${bottom.y(0.01)}`);
    const count = Math.round(p);
    const test = Math.exp(between(Math.log(now.test), Math.log(then.test)));
    const values = {
      p: count,
      n,
      train: fixed(fitted(count).train, 2),
      test: fixed(fitted(count).test, 2),
    };
    const what = outcome(count, n, fitted(count).test);
    const said = { few: words.few, wild: words.wild, calm: words.calm };
    marker.place(p, test, {
      now: count,
      min: 1,
      max: MOST,
      text: fill(words.state, values),
    });
    counts.set(count);
    element.dataset.outcome = what;
    say(fill(words.count, values), fill(said[what], values));
  }

  draw();
  film.start();
}
