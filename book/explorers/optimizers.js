// Four optimizers race down a valley from a start that the reader drags. How
// much momentum is too much, which rate is too large, and what if it turns?

import {
  add, button, chart, d3, fill, fixed, handle, onFrame, player, power,
  slider, verdict,
} from "./kit.js";

const KAPPA = 25; // the curvatures of the valley: 1 along, 25 across
const STEPS = 60;
const HALF = 1.7; // what the map shows up and down
const START = {
  at: [-2.3, 1], product: 1.9, momentum: 0.95, rate: 0.2, tilt: 0, step: STEPS,
};
// their colours are those of the figures of the chapter
const RACERS = {
  plain: "blue", momentum: "red", rms: "magenta", adam: "violet",
};

const turn = (degrees) => {
  const angle = (degrees * Math.PI) / 180;
  return [Math.cos(angle), Math.sin(angle)];
};

/** The gradient of a valley that is turned by an angle in degrees. */
function gradient([x, y], tilt, kappa) {
  const [c, s] = turn(tilt);
  const along = c * x + s * y;
  const across = kappa * (c * y - s * x);
  return [c * along - s * across, s * along + c * across];
}

/** The height of the valley at a place: half of place times gradient. */
function height(w, tilt, kappa) {
  const g = gradient(w, tilt, kappa);
  return (w[0] * g[0] + w[1] * g[1]) / 2;
}

// Each rule moves a place by its gradient, with what it remembers; t counts
// from 1.
const RULES = {
  plain: (w, g, memory, t, { product, kappa }) =>
    w.map((each, i) => each - (product / kappa) * g[i]),
  momentum(w, g, memory, t, { product, kappa, momentum }) {
    memory.v = g.map((each, i) => (t > 1 ? momentum * memory.v[i] : 0) + each);
    return w.map((each, i) => each - (product / kappa) * memory.v[i]);
  },
  rms(w, g, memory, t, { rate }) {
    memory.v ??= [0, 0];
    memory.v = g.map((each, i) => 0.9 * memory.v[i] + 0.1 * each ** 2);
    return w.map(
      (each, i) => each - (rate * g[i]) / (Math.sqrt(memory.v[i]) + 1e-8),
    );
  },
  adam(w, g, memory, t, { rate }) {
    memory.m ??= [0, 0];
    memory.v ??= [0, 0];
    memory.m = g.map((each, i) => 0.9 * memory.m[i] + 0.1 * each);
    memory.v = g.map((each, i) => 0.999 * memory.v[i] + 0.001 * each ** 2);
    return w.map((each, i) => {
      const m = memory.m[i] / (1 - 0.9 ** t);
      const v = memory.v[i] / (1 - 0.999 ** t);
      return each - (rate * m) / (Math.sqrt(v) + 1e-8);
    });
  },
};

/** The places of a racer, from its start on. */
function path(racer, start, steps, settings) {
  const places = [start];
  const memory = {};
  for (let t = 1; t <= steps; t++) {
    const w = places[t - 1];
    const g = gradient(w, settings.tilt, settings.kappa);
    places.push(RULES[racer](w, g, memory, t, settings));
  }
  return places;
}

/**
 * What a step of momentum leaves of the distance in the long run, along one
 * curvature: the size of the larger root of r² − (1 + μ − ηλ) r + μ = 0.
 */
function factor(product, momentum) {
  const half = (1 + momentum - product) / 2;
  const inside = half ** 2 - momentum;
  if (inside < 0) return Math.sqrt(momentum);
  return Math.abs(half) + Math.sqrt(inside);
}

/** The same for a valley: the slower of its two directions. */
function slowest(product, momentum, kappa) {
  return Math.max(factor(product, momentum), factor(product / kappa, momentum));
}

/** How often a path passes the bottom along the valley. */
function passes(places, tilt) {
  const [c, s] = turn(tilt);
  const along = places.map(([x, y]) => c * x + s * y);
  return along.filter((each, i) => i > 0 && each * along[i - 1] < 0).length;
}

/** Who leads, and which of the two that share a rate have exploded. */
function standing(left, product, momentum) {
  const order = Object.keys(left).sort((a, b) => left[a] - left[b]);
  const exploded =
    product > 2 * (1 + momentum) ? "both" : product > 2 ? "plain" : "none";
  return { order, exploded };
}

export const model = {
  factor, gradient, height, passes, path, slowest, standing,
};

const log = (x) => Math.min(Math.max(Math.log10(x), -30), 30);
const bounded = (x) => Math.min(Math.max(x || 0, -1e4), 1e4);

/** Show the explorer in an element. */
export function mount(element, words) {
  const state = { ...START };
  const names = {
    plain: words.plain, momentum: words.momentum, rms: "RMSProp", adam: "Adam",
  };
  const called = { ...names, plain: words.descent };
  const say = verdict(element);
  const charts = add(element, "div", { class: "charts" });
  const update = onFrame(draw);

  const map = chart(charts, {
    label: words.map,
    height: 230,
    margin: { top: 6, right: 4, bottom: 6, left: 4 },
    x: d3.scaleLinear([-1, 1], [0, 1]),
    y: d3.scaleLinear([-HALF, HALF], [0, 1]),
    ticks: { x: [], y: [] },
    draw: resized,
  });
  const below = chart(charts, {
    label: words.left,
    height: 190,
    margin: { top: 24, right: 94, bottom: 34, left: 46 },
    x: d3.scaleLinear([0, STEPS], [0, 1]),
    y: d3.scaleLinear([-12, 2], [0, 1]).clamp(true),
    ticks: { x: [0, 20, 40, 60], y: [-12, -8, -4, 0] },
    format: { y: power },
    titles: { x: words.step, y: words.left },
    draw: update,
  });

  const rings = [0.05, 0.5, 2, 6, 14, 30].map((level) => ({
    level,
    node: map.plot.append("ellipse").attr("class", "circle"),
  }));
  const racers = Object.entries(RACERS).map(([racer, kind]) => ({
    racer,
    track: map.plot.append("path").attr("class", `line ${kind}`),
    dot: map.plot.append("circle").attr("class", `line ${kind}`).attr("r", 6),
    curve: below.plot.append("path").attr("class", `line ${kind}`),
    tie: below.over.append("path").attr("class", `line ${kind}`),
    name: below.over
      .append("text")
      .attr("class", `value ${kind}`),
  }));
  const hint = map.over.append("text").attr("class", "hint").text(words.drag);

  const start = handle(map, {
    label: words.handle,
    move(x, y) {
      place(x, y);
    },
    step(dx, dy) {
      place(state.at[0] + dx / 10, state.at[1] + dy / 10);
    },
  });

  const controls = add(element, "div", { class: "controls" });
  const momenta = slider(controls, {
    label: words.mu,
    min: 0,
    max: 0.99,
    step: 0.01,
    value: state.momentum,
    format: (value) => fixed(value, 2),
    change: (value) => set({ momentum: value }),
  });
  const products = slider(controls, {
    label: words.product,
    min: 0.05,
    max: 4,
    step: 0.05,
    value: state.product,
    format: (value) => fixed(value, 2),
    change: (value) => set({ product: value }),
  });
  const rates = slider(controls, {
    label: words.rate,
    min: 0.02,
    max: 1,
    step: 0.02,
    value: state.rate,
    format: (value) => fixed(value, 2),
    change: (value) => set({ rate: value }),
  });
  const tilts = slider(controls, {
    label: words.tilt,
    min: 0,
    max: 45,
    step: 1,
    value: state.tilt,
    format: (value) => `${value}°`,
    change: (value) => set({ tilt: value }),
  });
  const buttons = add(controls, "div", { class: "buttons" });
  let time = STEPS;
  const play = player(buttons, {
    play: words.play,
    pause: words.pause,
    tick(seconds) {
      if (time >= STEPS) time = 0;
      time += seconds * 15;
      state.step = Math.min(Math.floor(time), STEPS);
      update();
      return time < STEPS;
    },
  });
  button(buttons, {
    text: words.reset,
    press() {
      set({ ...START });
      hint.attr("visibility", null);
    },
  });

  function set(change) {
    play.stop();
    hint.attr("visibility", "hidden");
    time = STEPS;
    Object.assign(state, { step: STEPS }, change);
    update();
  }

  function place(x, y) {
    const [low, high] = map.x.domain();
    const at = [
      Math.min(Math.max(x, low), high),
      Math.min(Math.max(y, -HALF), HALF),
    ];
    // at the very bottom there is no race
    if (Math.hypot(...at) < 0.1) at[0] = 0.1;
    set({ at });
  }

  function resized() {
    const [left, right] = map.x.range();
    const unit = (map.y(0) - map.y(HALF)) / HALF;
    const half = (right - left) / 2 / unit;
    map.x.domain([-half, half]);
    update();
  }

  function draw() {
    if (!map.width || !below.width) return;
    const { at, tilt, step, product, momentum } = state;
    const settings = { ...state, kappa: KAPPA };
    const unit = (map.y(0) - map.y(HALF)) / HALF;
    const whole = height(at, tilt, KAPPA);
    for (const { level, node } of rings) {
      node
        .attr("rx", unit * Math.sqrt(2 * level))
        .attr("ry", unit * Math.sqrt((2 * level) / KAPPA))
        .attr(
          "transform",
          `translate(${map.x(0)},${map.y(0)}) rotate(${-tilt})`,
        );
    }
    const left = {};
    const ends = [];
    let swings = 0;
    for (const each of racers) {
      const places = path(each.racer, at, STEPS, settings);
      const heights = places.map((w) => {
        const share = height(w, tilt, KAPPA) / whole;
        return Number.isFinite(share) ? share : 1e300;
      });
      left[each.racer] = heights[STEPS];
      if (each.racer === "momentum") swings = passes(places, tilt);
      const shown = places.slice(0, step + 1);
      const line = d3.line(
        ([x]) => map.x(bounded(x)),
        ([, y]) => map.y(bounded(y)),
      );
      each.track.attr("d", line(shown));
      const [x, y] = shown[step];
      each.dot.attr("cx", map.x(bounded(x))).attr("cy", map.y(bounded(y)));
      const curve = d3.line(
        (_, i) => below.x(i),
        (share) => below.y(log(share)),
      );
      each.curve.attr("d", curve(heights.slice(0, step + 1)));
      ends.push({ each, wanted: below.y(log(heights[step])) });
    }
    ends.sort((a, b) => a.wanted - b.wanted);
    ends.forEach((end, i) => {
      end.y = Math.max(end.wanted, i ? ends[i - 1].y + 16 : 0);
    });
    const over = ends[ends.length - 1].y - (below.height - below.margin.bottom);
    for (const { each, wanted, y } of ends) {
      const placed = over > 0 ? y - over : y;
      const edge = below.x(STEPS);
      each.tie.attr("d", `M${edge},${wanted}L${edge + 9},${placed}`);
      each.name.attr("x", edge + 12).attr("y", placed + 4);
      each.name.text(names[each.racer]);
    }

    start.place(at[0], at[1], {
      now: at[0],
      min: map.x.domain()[0],
      max: map.x.domain()[1],
      text: fill(words.state, { x: fixed(at[0], 1), y: fixed(at[1], 1) }),
    });
    hint
      .attr("x", map.x(at[0]) + 18)
      .attr("y", map.y(at[1]) - 12);
    momenta.set(momentum);
    products.set(product);
    rates.set(state.rate);
    tilts.set(tilt);

    const { order, exploded } = standing(left, product, momentum);
    const values = {
      steps: STEPS,
      first: called[order[0]],
      last: called[order[3]],
      swings,
      limit: fixed(2 * (1 + momentum), 2),
      plain: fixed(slowest(product, 0, KAPPA), 2),
      heavy: fixed(slowest(product, momentum, KAPPA), 2),
    };
    element.dataset.first = order[0];
    element.dataset.last = order[3];
    element.dataset.exploded = exploded;
    const second = {
      both: words.both,
      plain: words.exploded,
      none: order[3] === "momentum" ? words.swung : words.factors,
    };
    say(fill(words.leads, values), fill(second[exploded], values));
  }

  draw();
}
