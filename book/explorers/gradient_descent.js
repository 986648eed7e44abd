// A valley, ten times as steep across as along. Drag the start and set the
// rate: each direction is multiplied by a number of its own, step by step.

import {
  add, button, chart, d3, fill, fixed, handle, normals, number, onFrame,
  player, slider, verdict,
} from "./kit.js";

const CURVATURE = [1, 10];
const STEPS = 60;
const EDGE = { x: 5, y: 2 };
const RATE = { min: 0.005, max: 0.4, step: 0.005 };
const START = { start: [-4.4, 0.12], rate: 0.21, noise: 0, momentum: 0 };

/**
 * The path of descent on ½ Σ λ w² from a start, points 0 to the number of
 * shocks. A shock is added to the gradient; momentum adds up gradients.
 */
function path(start, curvature, rate, momentum, shocks) {
  const points = [start];
  let speed = start.map(() => 0);
  let w = start;
  for (const shock of shocks) {
    speed = speed.map((v, j) => momentum * v + curvature[j] * w[j] + shock[j]);
    w = w.map((each, j) => each - rate * speed[j]);
    points.push(w);
  }
  return points;
}

/** The number that multiplies a direction of curvature λ at each step. */
function factor(curvature, rate) {
  return 1 - rate * curvature;
}

/**
 * The size of that number in the long run, with momentum: of the larger root
 * of x² − (1 + μ − ηλ) x + μ = 0.
 */
function pace(curvature, rate, momentum) {
  const half = (1 + momentum - rate * curvature) / 2;
  const inside = half * half - momentum;
  if (inside < 0) return Math.sqrt(momentum);
  return Math.abs(half) + Math.sqrt(inside);
}

/** The rate above which the steepest direction grows. */
function limit(curvature, momentum) {
  return (2 * (1 + momentum)) / Math.max(...curvature);
}

/** How a walk ends: it leaves, shakes, creeps or arrives. */
function outcome(curvature, rate, momentum, noise) {
  const slowest = Math.max(...curvature.map((c) => pace(c, rate, momentum)));
  if (slowest > 1 - 1e-9) return "leaves";
  if (noise > 0) return "shakes";
  return slowest ** STEPS > 0.02 ? "creeps" : "arrives";
}

export const model = { factor, limit, outcome, pace, path };

/** Show the explorer in an element. */
export function mount(element, words) {
  const state = { ...START, seed: 0 };
  let chance = normals(0, 2 * STEPS);
  let shown = STEPS; // how much of the path is drawn
  const say = verdict(element);
  const charts = add(element, "div", { class: "charts" });
  const update = onFrame(draw);

  const top = chart(charts, {
    label: words.valley,
    height: 250,
    margin: { top: 22, right: 14, bottom: 8, left: 14 },
    x: d3.scaleLinear([-EDGE.x, EDGE.x], [0, 1]),
    y: d3.scaleLinear([-EDGE.y, EDGE.y], [0, 1]),
    ticks: { x: [], y: [] },
    titles: { y: words.valley },
    draw: resized,
  });
  const bottom = chart(charts, {
    label: words.distance,
    height: 180,
    margin: { top: 24, right: 62, bottom: 34, left: 46 },
    x: d3.scaleLinear([0, STEPS], [0, 1]),
    y: d3.scaleLog([1e-4, 100], [0, 1]).clamp(true),
    ticks: { x: [0, 20, 40, 60], y: [1e-4, 1e-2, 1, 100] },
    format: { y: (each) => number(each) },
    titles: { x: words.step, y: words.distance },
    draw: update,
  });

  const rings = [1, 2, 3, 4, 5, 6, 7].map((radius) => ({
    radius,
    node: top.plot
      .append("ellipse")
      .attr("fill", "none")
      .attr("stroke", "var(--pst-color-border)"),
  }));
  const lowest = top.plot.append("text").attr("class", "value").text("+");
  lowest.attr("text-anchor", "middle");
  const walked = top.plot.append("path").attr("class", "line one");
  const steps = top.plot.append("g").attr("fill", "var(--course-one)");
  const dots = Array.from({ length: STEPS + 1 }, () =>
    steps.append("circle").attr("r", 2.6),
  );
  const hint = top.over.append("text").attr("class", "hint").text(words.drag);
  const lines = ["three", "two"].map((kind) =>
    bottom.plot.append("path").attr("class", `line ${kind}`),
  );
  const names = [words.flat, words.steep].map((text) =>
    bottom.over.append("text").attr("class", "title").text(text),
  );

  const knob = handle(top, {
    label: words.handle,
    kind: "two",
    move: (x, y) => moved([x, y]),
    step: (dx, dy) =>
      moved([state.start[0] + 0.1 * dx, state.start[1] + 0.1 * dy]),
  });

  const controls = add(element, "div", { class: "controls" });
  const rate = slider(controls, {
    label: words.rate,
    ...RATE,
    value: state.rate,
    format: (value) => fixed(value, 3),
    change: (value) => set({ rate: value }),
  });
  const noise = slider(controls, {
    label: words.noise,
    min: 0,
    max: 4,
    step: 0.1,
    value: 0,
    format: (value) => fixed(value, 1),
    change: (value) => set({ noise: value }),
  });
  const momentum = slider(controls, {
    label: words.momentum,
    min: 0,
    max: 0.95,
    step: 0.05,
    value: 0,
    format: (value) => fixed(value, 2),
    change: (value) => set({ momentum: value }),
  });
  const buttons = add(controls, "div", { class: "buttons" });
  const walk = player(buttons, {
    play: words.play,
    pause: words.pause,
    tick(seconds) {
      shown = shown >= STEPS ? 0 : Math.min(shown + 12 * seconds, STEPS);
      update();
      return shown < STEPS;
    },
  });
  button(buttons, {
    text: words.redraw,
    press: () => set({ seed: state.seed + 1 }),
  });
  button(buttons, {
    text: words.reset,
    press: () => {
      set({ ...START, seed: 0 });
      hint.attr("visibility", null);
    },
  });

  function moved([x, y]) {
    const inside = (value, edge) => Math.min(Math.max(value, -edge), edge);
    set({ start: [inside(x, EDGE.x), inside(y, EDGE.y)] });
  }

  function set(change) {
    Object.assign(state, change);
    if ("seed" in change) chance = normals(state.seed, 2 * STEPS);
    hint.attr("visibility", "hidden");
    walk.stop();
    shown = STEPS;
    update();
  }

  function resized() {
    const [x, y] = [top.x(0), top.y(0)];
    for (const { radius, node } of rings) {
      node
        .attr("cx", x)
        .attr("cy", y)
        .attr("rx", top.x(radius) - x)
        .attr("ry", y - top.y(radius / Math.sqrt(10)));
    }
    lowest.attr("x", x).attr("y", y + 5);
    update();
  }

  function draw() {
    if (!top.width || !bottom.width) return;
    const { start, noise: sigma, momentum: mu } = state;
    const shocks = Array.from({ length: STEPS }, (_, t) => [
      sigma * chance[2 * t],
      sigma * chance[2 * t + 1],
    ]);
    const points = path(start, CURVATURE, state.rate, mu, shocks);
    const seen = points.slice(0, Math.floor(shown) + 1);
    const far = (value) => Math.min(Math.max(value, -50), 50);
    const place = ([x, y]) => [top.x(far(x)), top.y(far(y))];
    walked.attr("d", d3.line()(seen.map(place)));
    dots.forEach((dot, t) => {
      const [x, y] = place(points[t]);
      dot
        .attr("cx", x)
        .attr("cy", y)
        .attr("visibility", t < seen.length ? null : "hidden");
    });
    const heights = lines.map((line, j) => {
      const sizes = seen.map((w) => bottom.y(Math.abs(w[j]) || 1e-9));
      line.attr("d", d3.line((_, t) => bottom.x(t), (y) => y)(sizes));
      return sizes.at(-1);
    });
    if (Math.abs(heights[0] - heights[1]) < 16) {
      const upper = heights[0] <= heights[1] ? 0 : 1;
      const middle = (heights[0] + heights[1]) / 2;
      heights[upper] = middle - 8;
      heights[1 - upper] = middle + 8;
    }
    names.forEach((name, j) => {
      name
        .attr("x", bottom.x(seen.length - 1) + 6)
        .attr("y", heights[j] + 5)
        .style("fill", `var(--course-${j ? "two" : "three"})`);
    });
    knob.place(...start, {
      now: start[0],
      min: -EDGE.x,
      max: EDGE.x,
      text: fill(words.state, {
        along: fixed(start[0], 1),
        across: fixed(start[1], 1),
      }),
    });
    const [x, y] = place(start);
    hint.attr("x", x + 20).attr("y", y - 14);

    rate.set(state.rate);
    noise.set(sigma);
    momentum.set(mu);
    const numbers = CURVATURE.map((each) =>
      mu ? pace(each, state.rate, mu) : factor(each, state.rate),
    );
    const values = {
      flat: fixed(numbers[0], 2),
      steep: fixed(numbers[1], 2),
      limit: fixed(limit(CURVATURE, mu), 2),
    };
    const what = outcome(CURVATURE, state.rate, mu, sigma);
    const sentences = {
      leaves: words.leaves,
      shakes: words.shakes,
      creeps: words.creeps,
      arrives: words.arrives,
    };
    element.dataset.outcome = what;
    say(
      fill(mu ? words.paces : words.factors, values),
      fill(sentences[what], values),
    );
  }

  draw();
}
