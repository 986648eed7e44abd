// One input goes up through a random network, and a message comes back from
// its loss. Pull the message at layer 1: what does each layer hear, and by how
// much would its weights move?

import {
  add, button, chart, d3, fill, fixed, handle, normals, number, onFrame, power,
  radios, slider, verdict,
} from "./kit.js";

const WIDTH = 64;
const DEEPEST = 40;
const GAIN = { min: 0.2, max: 12 };
const STEP = 1.02; // what an arrow key multiplies the gain by
const START = { gain: 1, depth: 20, activation: "sigmoid", block: "plain" };

const logistic = (z) => 1 / (1 + Math.exp(-z));

const ACTIVATIONS = {
  sigmoid: logistic,
  tanh: Math.tanh,
  relu: (z) => (z > 0 ? z : 0),
};

const SLOPES = {
  sigmoid: (z) => logistic(z) * logistic(-z),
  tanh: (z) => Math.cosh(z) ** -2,
  relu: (z) => (z > 0 ? 1 : 0),
};

/** An activation function and its slope at z. */
function activate(z, activation) {
  return [ACTIVATIONS[activation](z), SLOPES[activation](z)];
}

/** The scale κ of the branches, and whether the identity goes beside them. */
function branch(block, depth) {
  if (block === "plain") return { kappa: 1, identity: 0 };
  return { kappa: block === "scaled" ? depth ** -0.5 : 1, identity: 1 };
}

/** Root mean square. */
function size(x) {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i] * x[i];
  return Math.sqrt(sum / x.length);
}

/**
 * Forwards and back through one random network. Per layer, from 1 to depth:
 * the root mean squares of the input z of the activations (signal), of ∂L/∂z
 * (message) and of ∂L/∂W (lesson). A layer is h ← identity·h + κ φ(W h).
 * `weights` are depth·n·n normal numbers, layer by layer, row by row; `end` is
 * the gradient of the loss with respect to what the last layer puts out.
 */
function backprop(weights, input, end, depth, gain, activation, block) {
  const n = input.length;
  const scale = gain / Math.sqrt(n);
  const { kappa, identity } = branch(block, depth);
  const [phi, slope] = [ACTIVATIONS[activation], SLOPES[activation]];
  const found = { signal: [], message: [], lesson: [] };
  const heard = []; // the size of each layer's input
  const kept = [];
  let h = input;
  for (let layer = 0; layer < depth; layer++) {
    const z = new Float64Array(n);
    const next = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      const row = (layer * n + i) * n;
      let sum = 0;
      for (let j = 0; j < n; j++) sum += weights[row + j] * h[j];
      z[i] = scale * sum;
      next[i] = identity * h[i] + kappa * phi(z[i]);
    }
    heard.push(size(h));
    found.signal.push(size(z));
    kept.push(z);
    h = next;
  }
  let g = end;
  for (let layer = depth - 1; layer >= 0; layer--) {
    const z = kept[layer];
    const delta = new Float64Array(n);
    const before = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      delta[i] = kappa * slope(z[i]) * g[i];
      before[i] += identity * g[i];
      const row = (layer * n + i) * n;
      const d = scale * delta[i];
      if (d !== 0) for (let j = 0; j < n; j++) before[j] += weights[row + j] * d;
    }
    // one example: ∂L/∂W is the product of every δ with every input
    found.message[layer] = size(delta);
    found.lesson[layer] = size(delta) * heard[layer];
    g = before;
  }
  return found;
}

/** What layer 1 gets of what the last layer gets. */
function reach(values) {
  return values[0] / values[values.length - 1];
}

/**
 * A gain nearer to the one at which `share(gain)` is the wanted one: two steps
 * of the secant method on logarithms. `steep` is a first guess of the slope;
 * shares rise with the gain, if not smoothly where tanh is chaotic. Call it
 * again until it returns what it was given, as it does when it finds no better.
 */
function nearer(gain, wanted, share, steep) {
  const error = (x) => {
    const found = Math.max(share(Math.exp(x)), 1e-250);
    return Math.log(found) - Math.log(wanted);
  };
  const [low, high] = [Math.log(GAIN.min), Math.log(GAIN.max)];
  let x = Math.log(gain);
  let off = error(x);
  let best = [gain, Math.abs(off)];
  for (let i = 0; i < 2 && Math.abs(off) > 0.05; i++) {
    const step = Math.max(Math.min(off / steep, 1), -1);
    const next = Math.max(Math.min(x - step, high), low);
    if (next === x) break;
    const then = error(next);
    steep = Math.max((then - off) / (next - x), 1);
    [x, off] = [next, then];
    if (Math.abs(off) < best[1]) best = [Math.exp(x), Math.abs(off)];
  }
  return best[0];
}

/** What became of a gradient on its way to layer 1. */
function outcome(share) {
  return share < 1 / 20 ? "vanished" : share > 20 ? "exploded" : "alive";
}

export const model = {
  activate, backprop, branch, normals, outcome, reach,
  nearer: (gain, wanted, weights, input, end, depth, ...kind) => {
    const share = (each) =>
      reach(backprop(weights, input, end, depth, each, ...kind).message);
    return nearer(gain, wanted, share, depth - 1);
  },
};

const log = (x) => Math.max(Math.log10(x), -60) || 0;
const MARGIN = { top: 24, right: 62, bottom: 8, left: 46 };

/** Show the explorer in an element. */
export function mount(element, words) {
  const state = { ...START, seed: 0 };
  let weights;
  let input;
  let end;
  let wanted = null; // the share to which the reader pulls the message
  const say = verdict(element);
  const charts = add(element, "div", { class: "charts" });
  const update = onFrame(draw);

  const top = chart(charts, {
    label: words.signal,
    height: 130,
    margin: MARGIN,
    x: d3.scaleLinear([1, DEEPEST], [0, 1]),
    y: d3.scaleLinear([-16, 16], [0, 1]).clamp(true),
    ticks: { x: [], y: [-10, 0, 10] },
    format: { y: power },
    titles: { y: words.signal },
    draw: update,
  });
  const bottom = chart(charts, {
    label: words.gradients,
    height: 250,
    margin: { ...MARGIN, bottom: 34 },
    x: top.x.copy(),
    y: d3.scaleLinear([-25, 15], [0, 1]).clamp(true),
    ticks: { x: [1, 10, 20, 30, 40], y: [-20, -10, 0, 10] },
    format: { y: power },
    titles: { x: words.layer, y: words.gradients },
    draw: resized,
  });

  const band = bottom.plot.append("rect").attr("class", "band");
  const lives = bottom.over.append("text").attr("class", "band-label");
  lives.text(words.band);
  const line = (on, kind) => on.plot.append("path").attr("class", kind);
  const signal = line(top, "line three");
  const message = line(bottom, "line one");
  const lesson = line(bottom, "line two"); // dots, for the two may coincide
  lesson.attr("stroke-dasharray", "0.1 7").attr("stroke-linecap", "round");
  lesson.style("stroke-width", 5);
  const name = (kind, text) =>
    bottom.over.append("text").attr("class", `name ${kind}`).text(text);
  const names = [name("one", words.message), name("two", words.lesson)];
  names[0].style("fill", "var(--course-one)");
  const hint = bottom.over.append("text").attr("class", "hint");
  hint.text(words.drag);

  const run = (gain) =>
    backprop(
      weights, input, end, state.depth, gain, state.activation, state.block,
    );

  const first = handle(bottom, {
    label: words.handle,
    move(_x, y) {
      untouched(false);
      wanted = 10 ** y;
      update();
    },
    step(dx, dy) {
      untouched(false);
      wanted = null;
      const gain = state.gain * STEP ** Math.max(Math.min(dy, 400), -400);
      state.gain = Math.min(Math.max(gain, GAIN.min), GAIN.max);
      state.depth = Math.min(Math.max(state.depth + dx, 2), DEEPEST);
      update();
    },
  });

  const controls = add(element, "div", { class: "controls" });
  const which = radios(controls, {
    legend: words.activation,
    options: { sigmoid: "sigmoid", tanh: "tanh", relu: "ReLU" },
    value: state.activation,
    change: (value) => set({ activation: value }),
  });
  const blocks = radios(controls, {
    legend: words.block,
    options: { plain: words.plain, added: words.added, scaled: words.scaled },
    value: state.block,
    change: (value) => set({ block: value }),
  });
  const gains = slider(controls, {
    label: words.gain,
    min: 0,
    max: 1,
    step: 0.01,
    value: place(state.gain),
    format: (value) => fixed(GAIN.min * (GAIN.max / GAIN.min) ** value, 2),
    change: (value) =>
      set({ gain: GAIN.min * (GAIN.max / GAIN.min) ** value }),
  });
  const depths = slider(controls, {
    label: words.depth,
    min: 2,
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

  function place(gain) {
    return Math.log(gain / GAIN.min) / Math.log(GAIN.max / GAIN.min);
  }

  function untouched(yes) {
    hint.attr("visibility", yes ? null : "hidden");
  }

  function set(change) {
    untouched(false);
    wanted = null;
    Object.assign(state, change);
    if ("seed" in change) throwWeights();
    update();
  }

  function throwWeights() {
    const count = WIDTH * WIDTH * DEEPEST;
    const chance = normals(state.seed, count + 2 * WIDTH);
    weights = chance.subarray(0, count);
    input = chance.subarray(count, count + WIDTH);
    end = chance.subarray(count + WIDTH);
  }

  function resized() {
    const [left, right] = bottom.x.range();
    band
      .attr("x", left)
      .attr("width", right - left)
      .attr("y", bottom.y(1.3))
      .attr("height", bottom.y(-1.3) - bottom.y(1.3));
    lives
      .attr("x", right - 4)
      .attr("text-anchor", "end")
      .attr("y", bottom.y(1.3) - 5);
    update();
  }

  function pull() {
    const share = (gain) => reach(run(gain).message);
    const gain = nearer(state.gain, wanted, share, state.depth - 1);
    if (gain === state.gain) return;
    state.gain = gain;
    update(); // once more, until it rests
  }

  function draw() {
    if (!top.width || !bottom.width) return;
    if (wanted !== null) pull();
    const { depth, gain, activation, block } = state;
    const found = run(gain);
    const path = (on, values, height) =>
      d3.line((_, i) => on.x(i + 1), height)(values);
    signal.attr("d", path(top, found.signal, (each) => top.y(log(each))));
    const relative = (values) =>
      path(bottom, values, (each) =>
        bottom.y(log(each / values[depth - 1])),
      );
    message.attr("d", relative(found.message));
    lesson.attr("d", relative(found.lesson));

    const heard = reach(found.message);
    const learned = reach(found.lesson);
    const [y, other] = [log(heard), log(learned)];
    const values = {
      depth,
      gain: fixed(gain, 2),
      share: number(heard),
      heard: number(Math.max(heard, 1 / heard)),
      learned: number(Math.max(learned, 1 / learned)),
    };
    first.place(1, Math.min(Math.max(y, -25), 15), {
      now: gain,
      min: GAIN.min,
      max: GAIN.max,
      text: fill(words.state, values),
    });
    // the two names stand at the lines' middles, the higher one above
    const middle = Math.max(Math.round(depth / 2), 1) - 1;
    const level = (all) => bottom.y(log(all[middle] / all[depth - 1]));
    const [m, l] = [level(found.message), level(found.lesson)];
    const apart = other >= y ? [20, -10] : [-10, 20];
    [m, l].forEach((height, i) =>
      names[i]
        .attr("x", bottom.x(middle + 1) + (apart[i] > 0 ? 12 : -12))
        .attr("text-anchor", apart[i] > 0 ? "start" : "end")
        .attr("y", height + apart[i]),
    );
    hint
      .attr("x", bottom.x(1) + 20)
      .attr("y", bottom.y(y) + 5);

    gains.set(place(gain));
    depths.set(depth);
    which.set(activation);
    blocks.set(block);
    const [what, taught] = [outcome(heard), outcome(learned)];
    const sentences = {
      vanished: words.vanished,
      exploded: words.exploded,
      alive: words.alive,
    };
    const lessons = {
      vanished: words.less,
      exploded: words.more,
      alive: words.level,
    };
    element.dataset.size = what;
    element.dataset.lesson = taught;
    say(fill(sentences[what], values), fill(lessons[taught], values));
  }

  throwWeights();
  draw();
}
