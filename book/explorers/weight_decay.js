// Two weights and the bottom of their loss. Drag the bottom, choose a ball or a
// diamond, strengthen the penalty: the weights slide towards zero, and under
// the diamond they land on it.

import {
  add, button, chart, d3, fill, fixed, handle, onFrame, player, radios, slider,
  verdict,
} from "./kit.js";

const EDGE = { left: -1.2, right: 2.2, low: -1, high: 1.8 };
const LAM = { min: 0, max: 4, step: 0.05 };
const LAMS = Array.from({ length: 81 }, (_, i) => i / 20);
const LEVELS = [0.08, 0.32, 0.72, 1.28, 2];
const START = { bottom: [1.5, 0.5], lam: 0.6, kind: "ball", likeness: 0 };

/**
 * The loss of two weights w whose inputs have the correlation ρ: half of the
 * squared distance from the bottom c, measured by the matrix [1 ρ; ρ 1].
 */
function loss(w, c, likeness) {
  const [x, y] = [w[0] - c[0], w[1] - c[1]];
  return (x * x + y * y) / 2 + likeness * x * y;
}

/** What the loss at its bottom c pulls at a weight of zero: the matrix times c. */
function pulls([a, b], likeness) {
  return [a + likeness * b, b + likeness * a];
}

/** The weights that minimise the loss plus λ/2 times their squared length. */
function ridge(c, likeness, lam) {
  const [p, q] = pulls(c, likeness);
  const d = 1 + lam;
  const all = d * d - likeness * likeness;
  return [(d * p - likeness * q) / all, (d * q - likeness * p) / all];
}

/** Move a number towards zero by a threshold, and stop there. */
function soft(value, threshold) {
  return Math.sign(value) * Math.max(Math.abs(value) - threshold, 0);
}

/**
 * The weights that minimise the loss plus λ times the sum of their sizes. Two
 * weights leave few cases: both survive with these signs, one, or none.
 */
function lasso(c, likeness, lam) {
  const [p, q] = pulls(c, likeness);
  const all = 1 - likeness * likeness;
  for (const s of [-1, 1]) {
    for (const t of [-1, 1]) {
      const [u, v] = [p - lam * s, q - lam * t];
      const w = [(u - likeness * v) / all, (v - likeness * u) / all];
      if (w[0] * s > 0 && w[1] * t > 0) return w;
    }
  }
  const [first, second] = [soft(p, lam), soft(q, lam)];
  if (Math.abs(q - likeness * first) <= lam) return [first, 0];
  return [0, second];
}

/** The weights at each strength. */
function path(kind, c, likeness, lams) {
  const solve = kind === "ball" ? ridge : lasso;
  return lams.map((lam) => solve(c, likeness, lam));
}

/** How large the weights are: the radius of the ball or the diamond. */
function size(kind, [a, b]) {
  return kind === "ball" ? Math.hypot(a, b) : Math.abs(a) + Math.abs(b);
}

/** Which of the weights are exactly zero. */
function outcome([a, b]) {
  if (a && b) return "none";
  if (a || b) return a ? "second" : "first";
  return "both";
}

export const model = { lasso, loss, outcome, path, ridge, size };

/** Show the explorer in an element. */
export function mount(element, words) {
  const state = { ...START };
  const say = verdict(element);
  const charts = add(element, "div", { class: "charts" });
  const update = onFrame(draw);

  const top = chart(charts, {
    label: words.plane,
    height: 300,
    margin: { top: 22, right: 8, bottom: 8, left: 8 },
    x: d3.scaleLinear([0, 1], [0, 1]),
    y: d3.scaleLinear([-1.4, 2.2], [0, 1]),
    ticks: { x: [], y: [] },
    titles: { y: words.plane },
    draw: resized,
  });
  const bottom = chart(charts, {
    label: words.weights,
    height: 190,
    margin: { top: 24, right: 66, bottom: 34, left: 36 },
    x: d3.scaleLinear([LAM.min, LAM.max], [0, 1]),
    y: d3.scaleLinear([-1.4, 2.4], [0, 1]),
    ticks: { x: [0, 1, 2, 3, 4], y: [-1, 0, 1, 2] },
    format: { x: String, y: (each) => fixed(each, 0) },
    titles: { x: words.strength, y: words.weights },
    draw: update,
  });

  const quiet = (on, tag) =>
    on.plot
      .append(tag)
      .attr("fill", "none")
      .attr("stroke", "var(--pst-color-border)");
  const cross = quiet(top, "path");
  const rings = LEVELS.map((level) => ({ level, node: quiet(top, "ellipse") }));
  const budget = top.plot
    .append("path")
    .attr("fill", "var(--course-three)")
    .attr("fill-opacity", 0.14)
    .attr("stroke", "var(--course-three)")
    .attr("stroke-width", 2);
  const touching = top.plot.append("ellipse").attr("class", "line one");
  touching.attr("fill", "none");
  const walked = top.plot.append("path").attr("class", "line theory");
  const found = top.over
    .append("circle")
    .attr("r", 6)
    .attr("fill", "var(--course-three)");
  const axes = [words.first, words.second].map((text) =>
    top.over.append("text").attr("class", "title").text(text),
  );
  const hint = top.over.append("text").attr("class", "hint").text(words.drag);

  const level = quiet(bottom, "path");
  const now = bottom.plot.append("path").attr("class", "line theory");
  const kinds = ["one", "two"];
  const lines = kinds.map((kind) =>
    bottom.plot.append("path").attr("class", `line ${kind}`),
  );
  const dots = kinds.map((kind) =>
    bottom.over
      .append("circle")
      .attr("r", 5)
      .attr("fill", `var(--course-${kind})`),
  );
  const names = [words.first, words.second].map((text, i) =>
    bottom.over
      .append("text")
      .attr("class", "title")
      .style("fill", `var(--course-${kinds[i]})`)
      .text(text),
  );

  const knob = handle(top, {
    label: words.handle,
    kind: "two",
    move: (x, y) => moved([x, y]),
    step: (dx, dy) =>
      moved([state.bottom[0] + 0.05 * dx, state.bottom[1] + 0.05 * dy]),
  });

  const controls = add(element, "div", { class: "controls" });
  const shape = radios(controls, {
    legend: words.shape,
    options: { ball: words.ball, diamond: words.diamond },
    value: state.kind,
    change: (kind) => set({ kind }),
  });
  const strength = slider(controls, {
    label: words.strength,
    ...LAM,
    value: state.lam,
    format: (value) => fixed(value, 2),
    change: (lam) => set({ lam }),
  });
  const alike = slider(controls, {
    label: words.likeness,
    min: 0,
    max: 0.9,
    step: 0.05,
    value: state.likeness,
    format: (value) => fixed(value, 2),
    change: (likeness) => set({ likeness }),
  });
  const buttons = add(controls, "div", { class: "buttons" });
  const play = player(buttons, {
    play: words.play,
    pause: words.pause,
    tick(seconds) {
      const lam = state.lam >= LAM.max ? 0 : state.lam + 0.6 * seconds;
      state.lam = Math.min(lam, LAM.max);
      update();
      return state.lam < LAM.max;
    },
  });
  button(buttons, {
    text: words.reset,
    press: () => {
      set({ ...START });
      hint.attr("visibility", null);
    },
  });

  function moved([x, y]) {
    const within = (value, low, high) =>
      Math.round(Math.min(Math.max(value, low), high) * 100) / 100;
    set({
      bottom: [
        within(x, EDGE.left, EDGE.right),
        within(y, EDGE.low, EDGE.high),
      ],
    });
  }

  function set(change) {
    Object.assign(state, change);
    play.stop();
    hint.attr("visibility", "hidden");
    update();
  }

  function resized() {
    // one unit is as long across as upwards, or the ball would be an egg
    const { left, right } = top.margin;
    const unit = top.y(0) - top.y(1);
    const half = (top.width - left - right) / unit / 2;
    top.x.domain([0.5 - half, 0.5 + half]);
    update();
  }

  function ring(node, radius) {
    const { bottom: c, likeness } = state;
    const unit = top.y(0) - top.y(1);
    node
      .attr("rx", (unit * Math.sqrt(2 * radius)) / Math.sqrt(1 + likeness))
      .attr("ry", (unit * Math.sqrt(2 * radius)) / Math.sqrt(1 - likeness))
      .attr("transform", `translate(${top.x(c[0])},${top.y(c[1])}) rotate(-45)`);
  }

  function around(kind, radius) {
    const [x, y] = [top.x(0), top.y(0)];
    const r = radius * (y - top.y(1));
    return kind === "ball"
      ? `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`
      : `M${x - r} ${y}L${x} ${y - r}L${x + r} ${y}L${x} ${y + r}Z`;
  }

  function draw() {
    if (!top.width || !bottom.width) return;
    const { bottom: c, lam, kind, likeness } = state;
    const walk = path(kind, c, likeness, LAMS);
    const [w] = path(kind, c, likeness, [lam]);
    const [x0, y0] = [top.x(0), top.y(0)];
    cross.attr("d", `M0 ${y0}H${top.width}M${x0} 0V${top.height}`);
    rings.forEach(({ level: each, node }) => ring(node, each));
    ring(touching, loss(w, c, likeness));
    budget.attr("d", around(kind, size(kind, w)));
    walked.attr("d", d3.line()(walk.map(([x, y]) => [top.x(x), top.y(y)])));
    found.attr("cx", top.x(w[0])).attr("cy", top.y(w[1]));
    axes[0]
      .attr("x", top.width - 10)
      .attr("y", y0 + 18)
      .attr("text-anchor", "end");
    axes[1].attr("x", x0 + 8).attr("y", top.height - 14);
    knob.place(...c, {
      now: c[0],
      min: EDGE.left,
      max: EDGE.right,
      text: fill(words.state, { x: fixed(c[0], 2), y: fixed(c[1], 2) }),
    });
    hint.attr("x", top.x(c[0]) + 18).attr("y", top.y(c[1]) - 14);

    const [from, to] = bottom.x.range();
    level.attr("d", `M${from} ${bottom.y(0)}H${to}`);
    now.attr("d", `M${bottom.x(lam)} 0V${bottom.height}`);
    const heights = lines.map((line, j) => {
      line.attr(
        "d",
        d3.line()(walk.map((each, i) => [bottom.x(LAMS[i]), bottom.y(each[j])])),
      );
      dots[j].attr("cx", bottom.x(lam)).attr("cy", bottom.y(w[j]));
      return bottom.y(walk.at(-1)[j]);
    });
    if (Math.abs(heights[0] - heights[1]) < 18) {
      const upper = c[0] >= c[1] ? 0 : 1;
      const middle = (heights[0] + heights[1]) / 2;
      heights[upper] = middle - 9;
      heights[1 - upper] = middle + 9;
    }
    names.forEach((name, j) => name.attr("x", to + 8).attr("y", heights[j] + 5));

    shape.set(kind);
    strength.set(lam);
    alike.set(likeness);
    const what = outcome(w);
    const sentences = {
      none: words.none,
      first: words.zero1,
      second: words.zero2,
      both: words.both,
    };
    element.dataset.outcome = what;
    say(
      fill(words.values, { first: fixed(w[0], 2), second: fixed(w[1], 2) }),
      sentences[what],
    );
  }

  draw();
}
