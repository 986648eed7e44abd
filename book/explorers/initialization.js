// Two inputs pass through a random network. Pull the end of the curve: what is
// left of the signal after so many layers, and can the two still be told apart?

import {
  add, button, chart, d3, fill, fixed, handle, normals, number, onFrame, power,
  radios, slider, verdict,
} from "./kit.js";

const WIDTH = 64;
const DEEPEST = 50;
const APART = 0.5; // the cosine between the two inputs
const SIGMA = { min: 0.2, max: 4, step: 0.01 };
const START = { sigma: 1 / Math.sqrt(3), depth: DEEPEST, activation: "relu" };

const ACTIVATIONS = {
  linear: (z) => z,
  relu: (z) => (z > 0 ? z : 0),
  tanh: Math.tanh,
};

// Points and weights that integrate an even function over a standard normal
// variable. For tanh of up to 4 standard deviations the sum is exact to eleven
// digits.
const STEP = 0.1;
const POINTS = Float64Array.from({ length: 80 }, (_, i) => (i + 1) * STEP);
const CHANCE = POINTS.map(
  (z) => 2 * STEP * Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI),
);

/** σ² E φ(√v Z)²: the variance that a layer makes of a variance. */
function nextVariance(v, activation, sigma) {
  if (activation === "linear") return sigma ** 2 * v;
  if (activation === "relu") return (sigma ** 2 * v) / 2;
  const scale = Math.sqrt(v);
  let sum = 0;
  for (let i = 0; i < POINTS.length; i++) {
    sum += CHANCE[i] * Math.tanh(scale * POINTS[i]) ** 2;
  }
  return sigma ** 2 * sum;
}

/**
 * The correlation that a layer makes of a correlation: for two normal
 * variables of variance v, E φ(z)φ(z′) / E φ(z)².
 *
 * ReLU has a closed form. For tanh it is a power series in c whose
 * coefficients are the squares of φ's coefficients in Hermite polynomials.
 */
function nextCorrelation(c, v, activation) {
  if (activation === "linear") return c;
  if (activation === "relu") {
    return (Math.sqrt(1 - c * c) + c * (Math.PI - Math.acos(c))) / Math.PI;
  }
  const scale = Math.sqrt(v);
  const values = POINTS.map((z) => Math.tanh(scale * z));
  const whole = nextVariance(v, activation, 1);
  let [before, now] = [POINTS.map(() => 1), POINTS.slice()];
  let [part, powers] = [0, c];
  for (let k = 1; powers > 1e-13 && k < 400; k++) {
    let coefficient = 0; // that of an even power is 0, for tanh is odd
    for (let i = 0; i < POINTS.length; i++) {
      if (k % 2) coefficient += CHANCE[i] * values[i] * now[i];
      const next = POINTS[i] * now[i] - Math.sqrt(k) * before[i];
      before[i] = now[i];
      now[i] = next / Math.sqrt(k + 1);
    }
    part += powers * coefficient ** 2;
    powers *= c;
  }
  return part / whole;
}

/** Sizes and cosines that a very wide network would have, layers 0 to depth. */
function theory(depth, sigma, activation, cosine) {
  const sizes = [1];
  const cosines = [cosine];
  let v = 1;
  let c = cosine;
  for (let layer = 1; layer <= depth; layer++) {
    if (layer === 1) {
      v = sigma ** 2;
    } else {
      c = nextCorrelation(c, v, activation);
      v = nextVariance(v, activation, sigma);
    }
    sizes.push(Math.sqrt(v));
    cosines.push(c);
  }
  return { sizes, cosines };
}

/** The σ of which theory says that the signal has this size at this depth. */
function sigmaFor(size, depth, activation) {
  let [low, high] = [Math.log(SIGMA.min), Math.log(SIGMA.max)];
  for (let i = 0; i < 14; i++) {
    const middle = (low + high) / 2;
    const sigma = Math.exp(middle);
    let v = sigma ** 2;
    for (let layer = 2; layer <= depth; layer++) {
      v = nextVariance(v, activation, sigma);
    }
    if (v < size ** 2) low = middle;
    else high = middle;
  }
  return Math.exp((low + high) / 2);
}

/** Two inputs of mean square 1 with a given cosine, from 2n normal numbers. */
function inputs(chance, cosine) {
  const n = chance.length / 2;
  const scaled = (x) => {
    const size = Math.sqrt(x.reduce((sum, each) => sum + each * each, 0) / n);
    return x.map((each) => each / size);
  };
  const a = scaled(chance.slice(0, n));
  const other = chance.slice(n);
  const along = other.reduce((sum, each, i) => sum + each * a[i], 0) / n;
  const across = scaled(other.map((each, i) => each - along * a[i]));
  const sine = Math.sqrt(1 - cosine ** 2);
  return [a, a.map((each, i) => cosine * each + sine * across[i])];
}

/**
 * Sizes (root mean square) of the pre-activations of two inputs, and the
 * cosine between them, layers 0 to depth. `weights` are depth·n·n normal
 * numbers, layer by layer, row by row.
 */
function signal(weights, pair, depth, sigma, activation) {
  const phi = ACTIVATIONS[activation];
  const n = pair[0].length;
  const scale = sigma / Math.sqrt(n);
  const sizes = [[], []];
  const cosines = [];
  let [h, g] = [pair[0], pair[1]];
  for (let layer = 0; ; layer++) {
    let [hh, gg, hg] = [0, 0, 0];
    for (let i = 0; i < n; i++) {
      hh += h[i] * h[i];
      gg += g[i] * g[i];
      hg += h[i] * g[i];
    }
    sizes[0].push(Math.sqrt(hh / n));
    sizes[1].push(Math.sqrt(gg / n));
    cosines.push(hg / Math.sqrt(hh) / Math.sqrt(gg));
    if (layer === depth) return { sizes, cosines };
    const first = layer === 0;
    const a = new Float64Array(n);
    const b = new Float64Array(n);
    const sent = first ? h : h.map(phi);
    const other = first ? g : g.map(phi);
    for (let i = 0; i < n; i++) {
      const row = (layer * n + i) * n;
      let [x, y] = [0, 0];
      for (let j = 0; j < n; j++) {
        x += weights[row + j] * sent[j];
        y += weights[row + j] * other[j];
      }
      a[i] = scale * x;
      b[i] = scale * y;
    }
    [h, g] = [a, b];
  }
}

/** What became of the signal, and of the difference between the inputs. */
function outcome(size, cosine) {
  return {
    size: size < 1 / 20 ? "shrunk" : size > 20 ? "grown" : "alive",
    pair: cosine > 0.95 ? "one" : cosine < 0.15 ? "torn" : "two",
  };
}

export const model = {
  inputs, nextCorrelation, nextVariance, normals, outcome, sigmaFor, signal,
  theory,
};

const log = (x) => Math.max(Math.log10(x), -60) || 0;
const MARGIN = { top: 24, right: 78, bottom: 8, left: 46 };

/** Show the explorer in an element. */
export function mount(element, words) {
  const state = { ...START, seed: 0 };
  let weights;
  let pair;
  const say = verdict(element);
  const charts = add(element, "div", { class: "charts" });
  const update = onFrame(draw);

  const top = chart(charts, {
    label: words.size,
    height: 230,
    margin: MARGIN,
    x: d3.scaleLinear([0, DEEPEST], [0, 1]),
    y: d3.scaleLinear([-24, 24], [0, 1]).clamp(true),
    ticks: { x: [], y: [-20, -10, 0, 10, 20] },
    format: { y: power },
    titles: { y: words.size },
    draw: resized,
  });
  const bottom = chart(charts, {
    label: words.cosine,
    height: 150,
    margin: { ...MARGIN, bottom: 34 },
    x: top.x.copy(),
    y: d3.scaleLinear([-0.3, 1], [0, 1]).clamp(true),
    ticks: { x: [0, 10, 20, 30, 40, 50], y: [0, 0.5, 1] },
    format: { y: (each) => fixed(each, 1) },
    titles: { x: words.layer, y: words.cosine },
    draw: update,
  });

  const band = top.plot.append("rect").attr("class", "band");
  const lives = top.over.append("text").attr("class", "band-label");
  lives.text(words.band);
  const line = (on, kind) => on.plot.append("path").attr("class", kind);
  const guess = [line(top, "line theory"), line(bottom, "line theory")];
  const seen = [line(top, "line two"), line(top, "line one")];
  const apart = line(bottom, "line three");
  const ends = ["one", "two"].map((kind) =>
    bottom.over.append("line").attr("class", `arrow ${kind}`),
  );
  const circle = bottom.over.append("circle").attr("class", "circle");
  const size = top.over.append("text").attr("class", "value");
  const hint = top.over.append("text").attr("class", "hint").text(words.drag);

  const end = handle(top, {
    label: words.handle,
    move(x, y) {
      untouched(false);
      state.depth = Math.min(Math.max(Math.round(x), 1), DEEPEST);
      state.sigma = sigmaFor(10 ** y, state.depth, state.activation);
      update();
    },
    step(dx, dy) {
      untouched(false);
      state.depth = Math.min(Math.max(state.depth + dx, 1), DEEPEST);
      state.sigma = Math.min(
        Math.max(state.sigma + dy * SIGMA.step, SIGMA.min),
        SIGMA.max,
      );
      update();
    },
  });

  const controls = add(element, "div", { class: "controls" });
  const which = radios(controls, {
    legend: words.activation,
    options: { linear: words.linear, relu: "ReLU", tanh: "tanh" },
    value: state.activation,
    change: (value) => set({ activation: value }),
  });
  const sigmas = slider(controls, {
    label: words.sigma,
    ...SIGMA,
    value: state.sigma,
    format: (value) => fixed(value, 2),
    change: (value) => set({ sigma: value }),
  });
  const depths = slider(controls, {
    label: words.depth,
    min: 1,
    max: DEEPEST,
    step: 1,
    value: state.depth,
    format: String,
    change: (value) => set({ depth: value }),
  });
  const buttons = add(controls, "div", { class: "buttons" });
  button(buttons, {
    text: words.redraw,
    press: () => set({ seed: state.seed + 1 }),
  });
  button(buttons, {
    text: words.reset,
    press: () => {
      set({ ...START, seed: 0 });
      untouched(true);
    },
  });

  function untouched(yes) {
    hint.attr("visibility", yes ? null : "hidden");
  }

  function set(change) {
    Object.assign(state, change);
    if ("seed" in change) throwWeights();
    update();
  }

  function throwWeights() {
    const count = WIDTH * WIDTH * DEEPEST;
    const chance = normals(state.seed, count + 2 * WIDTH);
    weights = chance.subarray(0, count);
    pair = inputs(chance.subarray(count), APART);
  }

  function resized() {
    const [left, right] = top.x.range();
    band
      .attr("x", left)
      .attr("width", right - left)
      .attr("y", top.y(1.3))
      .attr("height", top.y(-1.3) - top.y(1.3));
    lives.attr("x", left + 8).attr("y", top.y(1.3) - 5);
    circle
      .attr("cx", right + 44)
      .attr("cy", bottom.y(0.4))
      .attr("r", 30);
    update();
  }

  function draw() {
    if (!top.width || !bottom.width) return;
    const { depth, sigma, activation } = state;
    const expected = theory(depth, sigma, activation, APART);
    const found = signal(weights, pair, depth, sigma, activation);
    const path = (on, values, y) =>
      d3.line((_, layer) => on.x(layer), y)(values);
    const height = (value) => top.y(log(value));
    guess[0].attr("d", path(top, expected.sizes, height));
    guess[1].attr("d", path(bottom, expected.cosines, (c) => bottom.y(c)));
    seen[0].attr("d", path(top, found.sizes[1], height));
    seen[1].attr("d", path(top, found.sizes[0], height));
    apart.attr("d", path(bottom, found.cosines, (c) => bottom.y(c)));

    const last = found.sizes[0][depth];
    const cosine = found.cosines[depth];
    const values = {
      depth,
      sigma: fixed(sigma, 2),
      size: number(last),
      times: number(Math.max(last, 1 / last)),
      cosine: fixed(cosine, cosine > 0.995 ? 3 : 2),
    };
    const y = log(expected.sizes[depth]);
    end.place(depth, y, {
      now: sigma,
      min: SIGMA.min,
      max: SIGMA.max,
      text: fill(words.state, values),
    });
    size
      .attr("x", top.x(depth) + 19)
      .attr("y", top.y(y) + 5)
      .text(number(last));
    hint
      .attr("x", top.x(depth) - 18)
      .attr("y", top.y(y) + 5)
      .attr("text-anchor", "end");
    const turn = Math.acos(Math.min(Math.max(cosine, -1), 1)) / 2;
    const middle = [top.x.range()[1] + 44, bottom.y(0.4)];
    ends.forEach((arrow, i) => {
      const angle = i ? turn : -turn;
      arrow
        .attr("x1", middle[0])
        .attr("y1", middle[1])
        .attr("x2", middle[0] + 30 * Math.sin(angle))
        .attr("y2", middle[1] - 30 * Math.cos(angle));
    });

    sigmas.set(sigma);
    depths.set(depth);
    which.set(activation);
    const what = outcome(last, cosine);
    const sentences = {
      shrunk: words.shrunk,
      grown: words.grown,
      alive: words.alive,
      one: words.one,
      torn: words.torn,
      two: words.two,
    };
    element.dataset.size = what.size;
    element.dataset.pair = what.pair;
    say(
      fill(sentences[what.size], values),
      fill(sentences[what.pair], values),
    );
  }

  throwWeights();
  draw();
}
