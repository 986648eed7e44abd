// Twelve points and polynomials with more and more weights. Where there are as
// many weights as points the curve goes wild. Three things calm it: fewer
// weights, many more weights, or a penalty.

import {
  add, button, chart, d3, fill, fixed, handle, normals, number, onFrame,
  player, power, radios, slider, verdict,
} from "./kit.js";
import { dot, features, rms, singular, weights } from "./polynomials.js";

const POINTS = 12;
const MOST = 40;
const NOISE = 0.3;
const OTHERS = 8;
const START = { p: POINTS, strength: 0, others: "no" };
const GRID = Array.from({ length: 201 }, (_, i) => -1 + i / 100);

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** What the points would show without noise. */
function truth(x) {
  return Math.sin(Math.PI * x);
}

const TABLE = GRID.map((x) => features(x, MOST));
const TRUTH = GRID.map(truth);
const COARSE = d3.range(0, GRID.length, 2); // enough for the other samples
const value = (row, w) => {
  let sum = 0;
  for (let k = 0; k < w.length; k++) sum += row[k] * w[k];
  return sum;
};

/** The curve of p weights through points, its errors and its length. */
function fit(points, p, lam, parts) {
  const X = points.map(([x]) => features(x, p));
  const w = weights(parts ?? singular(X), points.map(([, y]) => y), lam, p);
  const curve = TABLE.map((row) => value(row, w));
  return {
    weights: w,
    curve,
    train: rms(X.map((row, i) => value(row, w) - points[i][1])),
    test: rms(curve.map((each, i) => each - TRUTH[i])),
    length: Math.sqrt(dot(w, w)),
  };
}

/** Points at even places, from one accident for each of them. */
function sample(accidents) {
  const n = accidents.length;
  return Array.from(accidents, (accident, i) => {
    const x = (2 * i) / (n - 1) - 1;
    return [x, clamp(truth(x) + NOISE * accident, -2.1, 2.1)];
  });
}

/** How a curve behaves. */
function outcome(p, n, lam, train, test) {
  if (train > 1.4 * NOISE) return "stiff";
  if (test > 2 * NOISE) return "wild";
  if (lam > 0) return "tamed";
  return p < n ? "few" : "calm";
}

export const model = {
  features, fit, normals, outcome, sample, singular, truth, weights,
};

/** Show the explorer in an element. */
export function mount(element, words) {
  let state = { ...START, seed: 0 };
  let points;
  let parts = []; // of the inputs, for each number of weights
  let fits = [];
  let drawn = 0; // the width for which the truth was drawn
  let placed = []; // the points that the handles show
  const say = verdict(element);
  const charts = add(element, "div", { class: "charts" });
  const update = onFrame(draw);
  const strangers = normals(1000, OTHERS * POINTS);

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
    label: words.sizes,
    height: 190,
    margin: { top: 24, right: 76, bottom: 34, left: 46 },
    x: d3.scaleLinear([1, MOST], [0, 1]),
    y: d3.scaleLog([0.01, 100], [0, 1]).clamp(true),
    ticks: { x: [1, 4, 12, 20, 30, 40], y: [0.01, 0.1, 1, 10, 100] },
    format: { y: (each) => String(each), x: String },
    titles: { x: words.weights, y: words.sizes },
    draw: update,
  });
  const line = (on, kind) => on.plot.append("path").attr("class", kind);
  const ghosts = Array.from({ length: OTHERS }, () =>
    line(top, "line quiet").attr("opacity", 0.7).style("stroke-width", 1.2),
  );
  const known = line(top, "line truth");
  const curve = line(top, "line one");
  const wall = line(bottom, "line theory");
  const lines = {
    train: line(bottom, "line blue").attr("stroke-dasharray", "5 3"),
    test: line(bottom, "line red"),
    length: line(bottom, "line three"),
  };
  const key = top.over.append("path").attr("class", "line truth");
  key.attr("d", "M112,20h28");
  top.over
    .append("text")
    .attr("class", "title")
    .attr("x", 146)
    .attr("y", 24)
    .text(words.truth);
  const name = (text, kind) =>
    bottom.over.append("text").attr("class", `name ${kind}`).text(text);
  const names = {
    train: name(words.train, "blue"),
    test: name(words.test, "red"),
    length: name(words.length, "three"),
  };

  const dots = Array.from({ length: POINTS }, (_, i) =>
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
    label: words.weights,
    kind: "two",
    move: (x) => set({ p: clamp(Math.round(x), 1, MOST) }),
    step: (dx, dy) => set({ p: clamp(state.p + dx + dy, 1, MOST) }),
  });

  const controls = add(element, "div", { class: "controls" });
  const counts = slider(controls, {
    label: words.weights,
    min: 1,
    max: MOST,
    step: 1,
    value: state.p,
    format: String,
    change: (p) => set({ p }),
  });
  const strengths = slider(controls, {
    label: words.penalty,
    min: 0,
    max: 8,
    step: 1,
    value: 0,
    format: (each) => (each ? power(each - 8) : "0"),
    change: (strength) => set({ strength }),
  });
  const which = radios(controls, {
    legend: words.others,
    options: { no: words.hide, yes: words.show },
    value: state.others,
    change: (others) => set({ others }),
  });
  const buttons = add(controls, "div", { class: "buttons" });
  const film = player(buttons, {
    play: words.play,
    pause: words.pause,
    tick(seconds) {
      if (state.p >= MOST) state.p = 1;
      const slow = Math.abs(state.p - POINTS) < 4;
      state.p = Math.min(state.p + seconds * (slow ? 2 : 5), MOST);
      update();
      return state.p < MOST;
    },
  });
  button(buttons, {
    text: words.redraw,
    press: () => set({ seed: state.seed + 1 }),
  });
  button(buttons, {
    text: words.reset,
    press: () => set({ ...START, seed: 0 }),
  });

  function set(change) {
    film.stop();
    state = { ...state, ...change, p: Math.round(change.p ?? state.p) };
    if ("seed" in change) throwPoints();
    if ("strength" in change) fits = [];
    update();
  }

  function throwPoints() {
    points = sample(normals(state.seed, POINTS));
    parts = [];
    fits = [];
  }

  function drag(i, x, y) {
    film.stop();
    if (clamp(x, -1, 1) !== points[i][0]) parts = [];
    points[i] = [clamp(x, -1, 1), clamp(y, -2.1, 2.1)];
    fits = [];
    update();
  }

  const strength = () => (state.strength ? 10 ** (state.strength - 8) : 0);

  function partsOf(p) {
    return (parts[p] ??= singular(points.map(([x]) => features(x, p))));
  }

  function fitted(p) {
    return (fits[p] ??= fit(points, p, strength(), partsOf(p)));
  }

  function draw() {
    if (!top.width || !bottom.width) return;
    const low = Math.floor(state.p);
    const part = state.p - low; // between two whole numbers while it plays
    const now = fitted(low);
    const then = part ? fitted(low + 1) : now;
    const between = (a, b) => a + part * (b - a);
    const across = (_, i) => top.x(GRID[i]);
    const deep = (each) => top.y(clamp(each, -50, 50));
    if (top.width !== drawn) {
      drawn = top.width;
      known.attr("d", d3.line(across, deep)(TRUTH));
      placed = [];
    }
    curve.attr(
      "d",
      d3.line(across, (each, i) => deep(between(each, then.curve[i])))(
        now.curve,
      ),
    );
    points.forEach((point, i) => {
      if (placed[i] === point) return;
      placed[i] = point;
      const [x, y] = point;
      const text = fill(words.place, { x: fixed(x, 2), y: fixed(y, 2) });
      dots[i].place(x, y, { now: y, min: -2.1, max: 2.1, text });
    });

    const count = Math.round(state.p);
    const seen = state.others === "yes";
    ghosts.forEach((ghost, j) => {
      ghost.attr("visibility", seen ? null : "hidden");
      if (!seen) return;
      const accidents = strangers.subarray(j * POINTS, (j + 1) * POINTS);
      const y = points.map(([x], i) => truth(x) + NOISE * accidents[i]);
      const w = weights(partsOf(count), y, strength(), count);
      const path = COARSE.map((i) => [
        top.x(GRID[i]),
        deep(value(TABLE[i], w)),
      ]);
      ghost.attr("d", d3.line()(path));
    });

    // The other numbers of weights follow, a few in each frame.
    const until = performance.now() + 2;
    let p = 1;
    while (p <= MOST && performance.now() < until) fitted(p++);
    if (p <= MOST) update();
    else {
      const ends = [];
      for (const kind of ["train", "test", "length"]) {
        const y = (each) => bottom.y(Math.max(each[kind], 0.01));
        const x = (_, i) => bottom.x(i + 1);
        lines[kind].attr("d", d3.line(x, y)(fits.slice(1)));
        ends.push({ kind, y: y(fits[MOST]) });
      }
      ends.sort((a, b) => a.y - b.y);
      ends.forEach((end, i) => {
        if (i) end.y = Math.max(end.y, ends[i - 1].y + 15);
        names[end.kind].attr("x", bottom.x(MOST) + 18).attr("y", end.y + 4);
      });
    }
    const n = points.length;
    wall.attr("d", `M${bottom.x(n)},${bottom.y(100)}V${bottom.y(0.01)}`);
    const test = Math.exp(between(Math.log(now.test), Math.log(then.test)));
    const shown = fitted(count);
    const values = {
      p: count,
      n,
      lam: state.strength ? power(state.strength - 8) : "0",
      train: fixed(shown.train, 2),
      test: number(shown.test),
      length: number(shown.length),
    };
    const what = outcome(count, n, strength(), shown.train, shown.test);
    const sentences = {
      stiff: words.stiff,
      few: words.few,
      wild: shown.train < 0.005 ? words.exact : words.wild,
      calm: words.calm,
      tamed: words.tamed,
    };
    marker.place(state.p, test, {
      now: count,
      min: 1,
      max: MOST,
      text: fill(words.state, values),
    });
    counts.set(count);
    strengths.set(state.strength);
    which.set(state.others);
    element.dataset.outcome = what;
    say(fill(words.count, values), fill(sentences[what], values));
  }

  throwPoints();
  draw();
}
