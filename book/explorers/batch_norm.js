// Five small networks learn four digits while you watch. Move the learning
// rate: which of them live?

import {
  add, button, chart, d3, fill, handle, normals, number, onFrame, slider,
  verdict,
} from "./kit.js";

// 40 images of the digits 0 to 3, each pixel the mean of four, from 0 to g.
const IMAGES = [
  "0b8117442453098005a01ca008a007c005e007c02d5008d32a800760008208a2",
  "09c10b441a52089001e00ae007e001e00b200660028009b61bc204b000a108d1",
  "0ac02a710a6309a001g12ce005e002e10c50038006400ca419c400a200a00ba0",
  "1d80385348711ba00ca00b6309810c9000b00ad014b001c009c00390008309b3",
  "02c02bc001b001b00aa01b3228130aa109903752162509c106c102802a201990",
  "03c10382197008b202d201822d6003b10ac02aa21c730ac002e01ee013b000c0",
  "03d003a01c4015c11a8004b0019009c008b001b000910ac20bd001e000b20ae2",
  "1cd104b000b00cc003b01ca003b000b01b804ba019720ac000d001a0188006b3",
  "00e403e42cb005d30d70378036240a830c90466136440cc100e12ef004a002c0",
  "09a000d100b00a901e2038601c101de501c01ac0179003900bc000e100c00ae2",
];
const LABELS = "0123012301230013100222012333310220013213";

const SIZES = [16, 8, 8, 8, 8, 8, 4];
const CLASSES = SIZES.at(-1);
const GUESS = Math.log(CLASSES);
const EPS = 1e-5;
const STEPS = 80;

const NETWORKS = {
  relu: { activation: "relu", norm: "none" },
  reluBatch: { activation: "relu", norm: "batch" },
  sigmoid: { activation: "sigmoid", norm: "none" },
  sigmoidLayer: { activation: "sigmoid", norm: "layer" },
  sigmoidBatch: { activation: "sigmoid", norm: "batch" },
};
const NAMES = Object.keys(NETWORKS);

/** The images as rows of 16 numbers between −1 and 1, and their digits. */
function digits() {
  const pixels = [...IMAGES.join("")].map((each) => parseInt(each, 17) / 8 - 1);
  return { X: Float64Array.from(pixels), y: [...LABELS].map(Number) };
}

/** How many normal numbers the weights of a network take. */
function need() {
  return d3.sum(d3.pairs(SIZES), ([a, b]) => a * b);
}

/**
 * A network before training. `chance` are normal numbers; the weights have He's
 * size, scales are 1, shifts 0. W[l] has one row per unit.
 */
function start(name, chance) {
  const layers = [];
  let taken = 0;
  for (let l = 1; l < SIZES.length; l++) {
    const [inputs, units] = [SIZES[l - 1], SIZES[l]];
    const last = l === SIZES.length - 1;
    const size = Math.sqrt((last ? 1 : 2) / inputs);
    const drawn = chance.slice(taken, taken + inputs * units);
    taken += inputs * units;
    layers.push({
      inputs,
      units,
      last,
      W: Float64Array.from(drawn, (each) => size * each),
      gamma: new Float64Array(units).fill(1),
      beta: new Float64Array(units),
    });
  }
  return { ...NETWORKS[name], layers };
}

/**
 * Give each group of values mean 0 and variance 1, in place; return what the
 * deviations were. Of the batch, a group is a unit in all rows; of a layer, it
 * is a row.
 */
function normalize(z, rows, units, norm) {
  const [groups, size] = norm === "batch" ? [units, rows] : [rows, units];
  const place = norm === "batch"
    ? (group, i) => i * units + group
    : (group, i) => group * units + i;
  const deviations = new Float64Array(groups);
  for (let group = 0; group < groups; group++) {
    let [mean, variance] = [0, 0];
    for (let i = 0; i < size; i++) mean += z[place(group, i)] / size;
    for (let i = 0; i < size; i++) {
      variance += (z[place(group, i)] - mean) ** 2 / size;
    }
    deviations[group] = Math.sqrt(variance + EPS);
    for (let i = 0; i < size; i++) {
      const at = place(group, i);
      z[at] = (z[at] - mean) / deviations[group];
    }
  }
  return { groups, size, place, deviations };
}

/** The gradient by z, in place of that by the normalized values. */
function normalizeBackward(g, xHat, { groups, size, place, deviations }) {
  for (let group = 0; group < groups; group++) {
    let [mean, along] = [0, 0];
    for (let i = 0; i < size; i++) {
      const at = place(group, i);
      mean += g[at] / size;
      along += (g[at] * xHat[at]) / size;
    }
    for (let i = 0; i < size; i++) {
      const at = place(group, i);
      g[at] = (g[at] - mean - xHat[at] * along) / deviations[group];
    }
  }
}

/** One step of gradient descent on all rows; returns the loss before it. */
function step(net, X, y, rate) {
  const rows = y.length;
  const relu = net.activation === "relu";
  const kept = [];
  let h = X;
  for (const layer of net.layers) {
    const { inputs, units, last, W, gamma, beta } = layer;
    const z = new Float64Array(rows * units);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < units; j++) {
        let sum = 0;
        for (let k = 0; k < inputs; k++) {
          sum += h[i * inputs + k] * W[j * inputs + k];
        }
        z[i * units + j] = sum;
      }
    }
    const normed = !last && net.norm !== "none";
    const how = normed && normalize(z, rows, units, net.norm);
    const out = new Float64Array(rows * units);
    for (let at = 0; at < out.length; at++) {
      const j = at % units;
      const value = (normed ? gamma[j] * z[at] : z[at]) + beta[j];
      if (last) out[at] = value;
      else if (relu) out[at] = value > 0 ? value : 0;
      else out[at] = 1 / (1 + Math.exp(-value));
    }
    kept.push({ layer, h, xHat: z, how, out });
    h = out;
  }

  // the loss, and its gradient: probabilities less the truth
  let loss = 0;
  let g = new Float64Array(rows * CLASSES);
  for (let i = 0; i < rows; i++) {
    const logits = h.subarray(i * CLASSES, (i + 1) * CLASSES);
    const most = Math.max(...logits);
    let sum = 0;
    for (const each of logits) sum += Math.exp(each - most);
    loss += (Math.log(sum) + most - logits[y[i]]) / rows;
    for (let k = 0; k < CLASSES; k++) {
      const p = Math.exp(logits[k] - most) / sum;
      g[i * CLASSES + k] = (p - (k === y[i] ? 1 : 0)) / rows;
    }
  }

  for (const { layer, h: below, xHat, how, out } of kept.reverse()) {
    const { inputs, units, last, W, gamma, beta } = layer;
    for (let at = 0; at < g.length && !last; at++) {
      g[at] *= relu ? (out[at] > 0 ? 1 : 0) : out[at] * (1 - out[at]);
    }
    for (let j = 0; j < units; j++) {
      const scale = gamma[j];
      let [byScale, byShift] = [0, 0];
      for (let i = 0; i < rows; i++) {
        const at = i * units + j;
        byShift += g[at];
        byScale += g[at] * xHat[at];
        if (how) g[at] *= scale;
      }
      beta[j] -= rate * byShift;
      if (how) gamma[j] -= rate * byScale;
    }
    if (how) normalizeBackward(g, xHat, how);
    const next = new Float64Array(rows * inputs);
    const gradient = new Float64Array(W.length);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < units; j++) {
        const each = g[i * units + j];
        for (let k = 0; k < inputs; k++) {
          next[i * inputs + k] += each * W[j * inputs + k];
          gradient[j * inputs + k] += each * below[i * inputs + k];
        }
      }
    }
    for (let at = 0; at < W.length; at++) W[at] -= rate * gradient[at];
    g = next;
  }
  return loss;
}

/** The loss before each of so many steps, and after the last. */
function train(name, chance, rate, steps) {
  const net = start(name, chance);
  const { X, y } = digits();
  return Array.from({ length: steps + 1 }, () => step(net, X, y, rate));
}

/** Does a network live? It must have halved the loss of guessing. */
function lives(loss) {
  return loss < GUESS / 2;
}

export const model = { digits, lives, need, normals, train };

const RATES = d3.range(-24, 13).map((k) => 10 ** (k / 12));
const START = { at: 24, seed: 2 }; // the rate 1
const SLICE = 4; // milliseconds of training per frame
const TOP = 2.2;
const MARGIN = { top: 24, right: 16, bottom: 34, left: 40 };
const LOOKS = {
  relu: { kind: "quiet", dash: null },
  reluBatch: { kind: "one", dash: null },
  sigmoid: { kind: "quiet", dash: "2 5" },
  sigmoidLayer: { kind: "two", dash: "2 5" },
  sigmoidBatch: { kind: "one", dash: "2 5" },
};

/** Show the explorer in an element. */
export function mount(element, words) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const { X, y } = digits();
  const names = {
    relu: words.relu,
    reluBatch: words.reluBatch,
    sigmoid: words.sigmoid,
    sigmoidLayer: words.sigmoidLayer,
    sigmoidBatch: words.sigmoidBatch,
  };
  const state = { ...START };
  let chance;
  let trained; // by rate: the networks and their losses so far
  const say = verdict(element);
  const charts = add(element, "div", { class: "charts" });
  const update = onFrame(draw);

  const curves = chart(charts, {
    label: words.curves,
    height: 190,
    margin: MARGIN,
    x: d3.scaleLinear([0, STEPS], [0, 1]),
    y: d3.scaleLinear([0, TOP], [0, 1]).clamp(true),
    ticks: { x: [0, 20, 40, 60, 80], y: [0, 1, 2] },
    format: { y: String },
    titles: { x: words.step, y: words.curves },
    draw: update,
  });
  const map = chart(charts, {
    label: words.map,
    height: 206,
    margin: { ...MARGIN, top: 40 },
    x: d3.scaleLog([RATES[0], RATES.at(-1)], [0, 1]),
    y: d3.scaleLinear([0, TOP], [0, 1]).clamp(true),
    ticks: { x: [0.01, 0.1, 1, 10], y: [0, 1, 2] },
    format: { x: (each) => number(each), y: String },
    titles: { x: words.rate, y: words.map },
    draw: update,
  });

  const bounds = [curves, map].map((on) => ({
    on,
    band: on.plot.append("rect").attr("class", "band"),
    guess: on.plot.append("path").attr("class", "line theory"),
  }));
  const line = (on, name) =>
    on.plot
      .append("path")
      .attr("class", `line ${LOOKS[name].kind}`)
      .attr("stroke-dasharray", LOOKS[name].dash)
      .attr("stroke-linecap", "round");
  const lines = NAMES.map((name) => line(curves, name));
  const trails = NAMES.map((name) => line(map, name).attr("opacity", 0.5));
  const dots = NAMES.map((name) =>
    line(map, name).attr("stroke-dasharray", null).style("stroke-width", 6),
  );
  const cursor = map.plot.append("path").attr("class", "line theory");
  const hint = map.over.append("text").attr("class", "hint").text(words.drag);

  const list = d3
    .select(add(element, "div"))
    .append("svg")
    .attr("width", "100%")
    .attr("height", 22 * NAMES.length)
    .attr("aria-hidden", "true");
  const rows = NAMES.map((name, i) => {
    const middle = 22 * i + 11;
    list
      .append("path")
      .attr("class", `line ${LOOKS[name].kind}`)
      .attr("stroke-dasharray", LOOKS[name].dash)
      .attr("stroke-linecap", "round")
      .attr("d", `M4,${middle}H40`);
    const text = (x) =>
      list
        .append("text")
        .attr("x", x)
        .attr("y", middle + 5);
    text(50).text(names[name]);
    return { loss: text(228), verdict: text(276).attr("class", "value") };
  });

  const pull = handle(map, {
    label: words.handle,
    move(x) {
      choose(d3.bisectCenter(RATES, x));
    },
    step(dx, dy) {
      const by = dx + dy;
      choose(Math.min(Math.max(state.at + by, 0), RATES.length - 1));
    },
  });
  const controls = add(element, "div", { class: "controls" });
  const rates = slider(controls, {
    label: words.rate,
    min: 0,
    max: RATES.length - 1,
    step: 1,
    value: state.at,
    format: (at) => number(RATES[at]),
    change: choose,
  });
  const buttons = add(controls, "div", { class: "buttons" });
  button(buttons, {
    text: words.redraw,
    press: () => begin({ seed: state.seed + 1 }),
  });
  button(buttons, { text: words.reset, press: () => begin(START) });

  function choose(at) {
    hint.attr("visibility", "hidden");
    state.at = at;
    update();
  }

  function begin(change) {
    Object.assign(state, change);
    chance = normals(state.seed, need());
    trained = new Map();
    hint.attr("visibility", state.at === START.at ? null : "hidden");
    update();
  }

  /** Train for a moment; return the networks at this rate. */
  function work() {
    if (!trained.has(state.at)) {
      const fresh = NAMES.map((name) => ({
        net: start(name, chance),
        losses: [],
      }));
      trained.set(state.at, fresh);
    }
    const runs = trained.get(state.at);
    const until = performance.now() + SLICE;
    while (runs[0].losses.length <= STEPS && performance.now() < until) {
      for (const { net, losses } of runs) {
        losses.push(step(net, X, y, RATES[state.at]));
      }
    }
    return runs;
  }

  function draw() {
    if (!curves.width || !map.width) return;
    const runs = work();
    const done = runs[0].losses.length > STEPS;
    if (!done) update();
    for (const { on, band, guess } of bounds) {
      const [left, right] = on.x.range();
      band
        .attr("x", left)
        .attr("width", right - left)
        .attr("y", on.y(GUESS / 2))
        .attr("height", on.y(0) - on.y(GUESS / 2));
      guess.attr("d", `M${left},${on.y(GUESS)}H${right}`);
    }
    const rate = number(RATES[state.at]);
    const x = map.x(RATES[state.at]);
    cursor.attr("d", `M${x},${map.y(0)}V${map.y(TOP)}`);
    pull.place(RATES[state.at], TOP, {
      now: state.at,
      min: 0,
      max: RATES.length - 1,
      text: fill(words.state, { rate }),
    });
    const late = x > d3.mean(map.x.range());
    hint
      .attr("x", late ? x - 18 : x + 18)
      .attr("y", map.y(TOP) + 5)
      .attr("text-anchor", late ? "end" : "start");
    rates.set(state.at);
    if (!done && calm.matches) return;

    const living = [];
    NAMES.forEach((name, i) => {
      const { losses } = runs[i];
      const path = d3.line((_, t) => curves.x(t), (each) => curves.y(each));
      lines[i].attr("d", path(losses));
      rows[i].loss.text(losses.length ? number(losses.at(-1)) : "");
      rows[i].verdict.text("");
      if (!done) return;
      const alive = lives(losses.at(-1));
      rows[i].verdict.text(alive ? words.alive : words.dead);
      rows[i].verdict.attr("class", alive ? "value band-label" : "hint");
      if (alive) living.push(names[name]);
    });
    if (!done) return;
    const places = [...trained.keys()].sort(d3.ascending).filter(
      (at) => trained.get(at)[0].losses.length > STEPS,
    );
    NAMES.forEach((_, i) => {
      const points = places.map((at) => [
        map.x(RATES[at]),
        map.y(trained.get(at)[i].losses.at(-1)),
      ]);
      trails[i].attr("d", d3.line()(points));
      // an empty stroke with round ends is a dot
      dots[i].attr("d", points.map(([a, b]) => `M${a},${b}h0`).join(""));
    });
    element.dataset.living = living.length;
    const values = { rate, count: living.length, names: living.join(", ") };
    say(fill(living.length ? words.some : words.none, values));
  }

  begin(START);
}
