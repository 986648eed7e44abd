// The network of Matt Mazur's example, stepped through: every product and sum
// of both sweeps. Pull a weight along its loss; the tangent has the slope that
// the backward sweep found, or, with the bug, missed.

import {
  add, button, chart, d3, fill, fixed, handle, number, onFrame, player, radios,
  slider, verdict,
} from "./kit.js";

// w₁ w₂ w₃ w₄ b₁ b₂ w₅ w₆ w₇ w₈ b₃ b₄
const START = [
  0.15, 0.2, 0.25, 0.3, 0.35, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.6,
];
const X = [0.05, 0.1];
const T = [0.01, 0.99];
const RANGE = { min: -4, max: 4, step: 0.01 };
const POINTS = 81;
const PLACES = [0, 1, 2, 3, 6, 7, 8, 9]; // of w₁ to w₈ among the parameters

const sigma = (z) => 1 / (1 + Math.exp(-z));

/** The forward sweep: hidden units, outputs, half the squared error. */
function forward(p) {
  const h = [
    sigma(p[0] * X[0] + p[1] * X[1] + p[4]),
    sigma(p[2] * X[0] + p[3] * X[1] + p[5]),
  ];
  const o = [
    sigma(p[6] * h[0] + p[7] * h[1] + p[10]),
    sigma(p[8] * h[0] + p[9] * h[1] + p[11]),
  ];
  const loss = ((o[0] - T[0]) ** 2 + (o[1] - T[1]) ** 2) / 2;
  return { h, o, loss };
}

/** The backward sweep: deltas and the twelve gradients. */
function backward(p, bug) {
  const { h, o } = forward(p);
  const out = o.map((each, k) => (each - T[k]) * each * (1 - each));
  const arrives = [
    out[0] * p[6] + out[1] * p[8],
    out[0] * p[7] + out[1] * p[9],
  ];
  const hidden = arrives.map((each, j) =>
    bug ? each : each * h[j] * (1 - h[j]),
  );
  const gradients = [
    hidden[0] * X[0], hidden[0] * X[1], hidden[1] * X[0], hidden[1] * X[1],
    hidden[0], hidden[1],
    out[0] * h[0], out[0] * h[1], out[1] * h[0], out[1] * h[1],
    out[0], out[1],
  ];
  return { out, arrives, hidden, gradients };
}

/** The loss along one parameter, the others held. */
function curve(p, index) {
  return Array.from({ length: POINTS }, (_, i) => {
    const w = RANGE.min + ((RANGE.max - RANGE.min) * i) / (POINTS - 1);
    return forward(p.with(index, w)).loss;
  });
}

/** Is the loss small, and does the slope belong to the curve? */
function outcome(loss, slope, right) {
  return {
    loss: loss < 0.1 ? "low" : "high",
    slope: Math.abs(slope - right) > 0.01 * Math.abs(right) ? "wrong" : "fits",
  };
}

export const model = { backward, curve, forward, outcome };

const SUB = "₀₁₂₃₄₅₆₇₈₉";
const w = (k) => `w${SUB[k]}`;
const four = (value) => fixed(value, 4);
const two = (value) => fixed(value, 2);
const signed = (value) => (value < 0 ? `(${four(value)})` : four(value));

// What each stop of the sweeps computes: its formula, with letters and with
// numbers, and the edges (0 to 7) that take part.
const STOPS = [
  () => ["x₁, x₂", `${two(X[0])}, ${two(X[1])}`, []],
  ...[0, 1].map((j) => (s) => {
    const [a, b] = [2 * j, 2 * j + 1];
    const z = s.p[a] * X[0] + s.p[b] * X[1] + s.p[4 + j];
    return [
      `h${SUB[j + 1]} = σ(${w(a + 1)} x₁ + ${w(b + 1)} x₂ + b${SUB[j + 1]})`,
      `σ(${two(s.p[a])} · ${two(X[0])} + ${two(s.p[b])} · ${two(X[1])} + ` +
        `${two(s.p[4 + j])}) = σ(${four(z)}) = ${four(s.h[j])}`,
      [a, b],
    ];
  }),
  ...[0, 1].map((k) => (s) => {
    const [a, b] = [6 + 2 * k, 7 + 2 * k];
    const z = s.p[a] * s.h[0] + s.p[b] * s.h[1] + s.p[10 + k];
    return [
      `o${SUB[k + 1]} = σ(${w(a - 1)} h₁ + ${w(b - 1)} h₂ + b${SUB[k + 3]})`,
      `σ(${two(s.p[a])} · ${four(s.h[0])} + ${two(s.p[b])} · ` +
        `${four(s.h[1])} + ${two(s.p[10 + k])}) = σ(${four(z)}) = ` +
        four(s.o[k]),
      [a - 2, b - 2],
    ];
  }),
  (s) => [
    "L = ½ (o₁ − t₁)² + ½ (o₂ − t₂)²",
    `½ · ${signed(s.o[0] - T[0])}² + ½ · ${signed(s.o[1] - T[1])}² = ` +
      four(s.loss),
    [],
  ],
  ...[0, 1].map((k) => (s) => {
    const o = `o${SUB[k + 1]}`;
    return [
      `δ(${o}) = (${o} − t${SUB[k + 1]}) · ${o} (1 − ${o})`,
      `${signed(s.o[k] - T[k])} · ${four(s.o[k])} · ${four(1 - s.o[k])} = ` +
        four(s.out[k]),
      [],
    ];
  }),
  ...[4, 5, 6, 7].map((e) => (s) => {
    const [k, j] = [e < 6 ? 0 : 1, e % 2];
    return [
      `∂L/∂${w(e + 1)} = δ(o${SUB[k + 1]}) · h${SUB[j + 1]}`,
      `${signed(s.out[k])} · ${four(s.h[j])} = ${four(s.gradients[e + 2])}`,
      [e],
    ];
  }),
  ...[0, 1].map((j) => (s) => {
    const h = `h${SUB[j + 1]}`;
    const [a, b] = [6 + j, 8 + j];
    const sum =
      `${signed(s.out[0])} · ${two(s.p[a])} + ` +
      `${signed(s.out[1])} · ${two(s.p[b])}`;
    const letters = `δ(o₁) ${w(a - 1)} + δ(o₂) ${w(b - 1)}`;
    return s.bug
      ? [`δ(${h}) = ${letters}`, `${sum} = ${four(s.hidden[j])}`, [a - 2, b - 2]]
      : [
          `δ(${h}) = (${letters}) · ${h} (1 − ${h})`,
          `(${sum}) · ${four(s.h[j])} · ${four(1 - s.h[j])} = ` +
            four(s.hidden[j]),
          [a - 2, b - 2],
        ];
  }),
  ...[0, 1, 2, 3].map((e) => (s) => {
    const [j, i] = [e < 2 ? 0 : 1, e % 2];
    return [
      `∂L/∂${w(e + 1)} = δ(h${SUB[j + 1]}) · x${SUB[i + 1]}`,
      `${signed(s.hidden[j])} · ${two(X[i])} = ` +
        fixed(s.gradients[e], 6),
      [e],
    ];
  }),
];
const LAST = STOPS.length - 1;
// the stop at which the gradient of an edge is known
const KNOWN = [14, 15, 16, 17, 8, 9, 10, 11];
const FIRST = { edge: 4, stop: KNOWN[4], bug: false };
const NODES = ["x₁", "x₂", "h₁", "h₂", "o₁", "o₂"];
// edges from node to node, in the order w₁ to w₈
const EDGES = [
  [0, 2], [1, 2], [0, 3], [1, 3], [2, 4], [3, 4], [2, 5], [3, 5],
];
const HEIGHT = 280;

/** Show the explorer in an element. */
export function mount(element, words) {
  const state = { p: [...START], ...FIRST };
  let drawn = "";
  const narrow = matchMedia("(max-width: 600px)").matches;
  const say = verdict(element);
  const formula = add(element, "p", { "aria-live": "polite" });
  formula.style.cssText =
    `min-height:${narrow ? 4.6 : 3.1}em;line-height:1.5;` +
    "font-variant-numeric:tabular-nums";
  const lines = [0, 1].map(() => add(formula, "span"));
  for (const line of lines) line.style.display = "block";
  const both = add(element, "div");
  both.style.cssText = "display:flex;flex-wrap:wrap;gap:.5rem 1.5rem";
  const [left, right] = [0, 1].map(() => add(both, "div"));
  left.style.cssText = "flex:1.2 1 20rem;min-width:0";
  right.style.cssText = "flex:1 1 17rem;min-width:0";
  const update = onFrame(draw);
  const graph = drawing(left, choose);

  const loss = chart(right, {
    label: words.chart,
    height: narrow ? 200 : HEIGHT,
    margin: { top: 26, right: 14, bottom: 34, left: 52 },
    x: d3.scaleLinear([RANGE.min, RANGE.max], [0, 1]),
    y: d3.scaleLinear([0, 1], [0, 1]),
    ticks: { x: [-4, -2, 0, 2, 4] },
    format: { x: (each) => fixed(each, 0) },
    titles: { y: words.chart, x: words.weight },
    draw: update,
  });
  const path = loss.plot.append("path").attr("class", "line one");
  const tangent = loss.plot.append("path").attr("class", "line two");
  const hint = loss.over.append("text").attr("class", "hint").text(words.drag);
  const point = handle(loss, {
    label: words.handle,
    move: (x) => pull(x),
    step: (dx, dy) => pull(place() + (dx + dy) * 0.05),
  });

  const controls = add(element, "div", { class: "controls" });
  const steps = slider(controls, {
    label: words.step,
    min: 0,
    max: LAST,
    step: 1,
    value: FIRST.stop,
    format: String,
    change: (stop) => set({ stop }),
  });
  const which = radios(controls, {
    legend: words.choose,
    options: Object.fromEntries(PLACES.map((_, e) => [`e${e}`, w(e + 1)])),
    value: `e${FIRST.edge}`,
    change: (value) => choose(Number(value.slice(1))),
  });
  const bugs = radios(controls, {
    legend: words.slope,
    options: { right: words.right, bug: words.bug },
    value: "right",
    change: (value) => set({ bug: value === "bug" }),
  });
  const buttons = add(controls, "div", { class: "buttons" });
  button(buttons, { text: words.back, press: () => go(state.stop - 1) });
  button(buttons, { text: words.next, press: () => go(state.stop + 1) });
  let clock = 0;
  const film = player(buttons, {
    play: words.play,
    pause: words.pause,
    tick(seconds) {
      clock += seconds;
      if (clock < 1.2) return true;
      clock = 0;
      set({ stop: state.stop === LAST ? 0 : state.stop + 1 });
      return state.stop < LAST;
    },
  });
  button(buttons, {
    text: words.reset,
    press() {
      film.stop();
      hint.attr("visibility", null);
      set({ p: [...START], ...FIRST });
    },
  });

  const index = () => PLACES[state.edge];
  const place = () => state.p[index()];

  // the formula above the graph is then that of the chosen weight
  function choose(edge) {
    film.stop();
    set({ edge, stop: KNOWN[edge] });
  }

  function go(stop) {
    film.stop();
    set({ stop: Math.min(Math.max(stop, 0), LAST) });
  }

  function pull(x) {
    hint.attr("visibility", "hidden");
    const near = Math.min(Math.max(x, RANGE.min), RANGE.max);
    const to = Math.round(near / RANGE.step) * RANGE.step;
    set({ p: state.p.with(index(), to) });
  }

  function set(change) {
    Object.assign(state, change);
    update();
  }

  function draw() {
    if (!loss.width) return;
    const { p, edge, stop, bug } = state;
    const s = { p, bug, ...forward(p), ...backward(p, bug) };
    const [letters, numbers, parts] = STOPS[stop](s);
    lines[0].textContent = letters;
    lines[1].textContent = `= ${numbers}`;
    graph.draw(s, stop, edge, parts);

    drawCurve();
    const slope = s.gradients[index()];
    const known = stop >= KNOWN[edge];
    const ends = [RANGE.min, RANGE.max].map((x) => [
      loss.x(x),
      loss.y(s.loss + slope * (x - place())),
    ]);
    tangent.attr("d", d3.line()(ends)).attr("visibility", known ? null : "hidden");
    const said = {
      weight: w(edge + 1),
      value: two(place()),
      loss: fixed(s.loss, 3),
      slope: fixed(slope, edge < 4 ? 5 : 4),
      right: fixed(backward(p, false).gradients[index()], edge < 4 ? 5 : 4),
      step: stop,
    };
    point.place(place(), s.loss, {
      now: place(),
      min: RANGE.min,
      max: RANGE.max,
      text: fill(words.state, said),
    });
    const rises = backward(p, false).gradients[index()] > 0;
    hint
      .attr("x", Math.min(loss.x(place()) + (rises ? 20 : -20), loss.width - 96))
      .attr("y", loss.y(s.loss) + 24)
      .attr("text-anchor", rises ? "start" : "end");
    steps.set(stop);
    which.set(`e${edge}`);
    bugs.set(bug ? "bug" : "right");
    const right = backward(p, false).gradients[index()];
    const what = outcome(s.loss, slope, right);
    element.dataset.loss = what.loss;
    element.dataset.slope = known ? what.slope : "unknown";
    const first = what.loss === "low" ? words.low : words.high;
    const second = what.slope === "wrong" ? words.wrong : words.fits;
    say(fill(first, said), fill(known ? second : words.unknown, said));
  }

  // a weight that is pulled moves along its curve, which stays as it is
  function drawCurve() {
    const key = [loss.width, ...state.p.with(index(), index())].join();
    if (key === drawn) return;
    drawn = key;
    const values = curve(state.p, index());
    const [low, high] = d3.extent(values);
    const pad = 0.12 * (high - low);
    loss.y.domain([low - pad, high + pad]);
    const axis = d3.axisLeft(loss.y).ticks(4).tickSizeOuter(0).tickSize(4);
    loss.svg
      .selectAll(".axis")
      .filter((_, i) => i === 1)
      .call(axis.tickFormat((each) => number(each, 4)));
    const at = (i) => RANGE.min + ((RANGE.max - RANGE.min) * i) / (POINTS - 1);
    const line = d3.line((_, i) => loss.x(at(i)), (each) => loss.y(each));
    path.attr("d", line(values));
  }

  draw();
}

/** The graph: nodes and edges, with the numbers known at a stop. */
function drawing(parent, choose) {
  const svg = d3.select(parent).append("svg").attr("height", HEIGHT);
  svg.attr("aria-hidden", "true"); // the formula and the verdict say it
  const halo = (text) =>
    text
      .attr("text-anchor", "middle")
      .style("paint-order", "stroke")
      .style("stroke", "var(--pst-color-background)")
      .style("stroke-width", "4px")
      .style("stroke-linejoin", "round");
  const lines = EDGES.map((_, e) =>
    svg
      .append("line")
      .attr("class", "line quiet")
      .style("cursor", "pointer")
      .on("click", () => choose(e)),
  );
  const circles = NODES.map(() =>
    svg
      .append("circle")
      .attr("r", 18)
      .attr("class", "line one")
      .style("fill", "var(--pst-color-background)"),
  );
  const names = NODES.map((name) =>
    svg.append("text").attr("text-anchor", "middle").text(name),
  );
  const texts = (list, kind) =>
    list.map(() => halo(svg.append("text")).attr("class", kind));
  const weights = texts(EDGES, "weight").map((text, e) =>
    text.style("cursor", "pointer").on("click", () => choose(e)),
  );
  const gradients = texts(EDGES, "name two");
  const values = texts(NODES, "value");
  const deltas = texts(NODES, "name two");
  const total = svg.append("text").attr("class", "value");
  let width = 0;
  let again = () => {};
  new ResizeObserver(([entry]) => {
    const now = Math.round(entry.contentRect.width);
    if (now === width || now === 0) return;
    width = now;
    svg.attr("width", width);
    again();
  }).observe(parent);

  function draw(s, stop, edge, parts) {
    again = () => draw(s, stop, edge, parts);
    if (!width) return;
    const x = [34, 34, width / 2, width / 2, width - 34, width - 34];
    const y = [76, 206, 76, 206, 76, 206];
    NODES.forEach((_, i) => {
      const up = i % 2 === 0;
      circles[i].attr("cx", x[i]).attr("cy", y[i]);
      names[i].attr("x", x[i]).attr("y", y[i] + 4);
      const value = [...X, ...s.h, ...s.o][i];
      const since = [0, 0, 1, 2, 3, 4][i];
      values[i]
        .attr("x", x[i])
        .attr("y", y[i] + (up ? -26 : 36))
        .text(stop < since ? "" : i < 2 ? two(value) : four(value));
      const delta = [0, 0, ...s.hidden, ...s.out][i];
      const from = [99, 99, 12, 13, 6, 7][i];
      deltas[i]
        .attr("x", Math.min(x[i], width - 40))
        .attr("y", y[i] + (up ? -44 : 54))
        .text(stop < from ? "" : `δ ${four(delta)}`);
    });
    EDGES.forEach(([from, to], e) => {
      const part = y[from] === y[to] ? 0.5 : 0.29;
      const middle = [
        x[from] + part * (x[to] - x[from]),
        y[from] + part * (y[to] - y[from]),
      ];
      lines[e]
        .attr("x1", x[from])
        .attr("y1", y[from])
        .attr("x2", x[to])
        .attr("y2", y[to])
        .attr("class", `line ${e === edge ? "three" : "quiet"}`)
        .style("stroke-width", parts.includes(e) ? 4.5 : 1.5);
      weights[e]
        .attr("x", middle[0])
        .attr("y", middle[1] - 3)
        .style("font-weight", e === edge ? 650 : 400)
        .text(two(s.p[PLACES[e]]));
      gradients[e]
        .attr("x", middle[0])
        .attr("y", middle[1] + 12)
        .text(stop < KNOWN[e] ? "" : four(s.gradients[PLACES[e]]));
    });
    total
      .attr("x", width - 2)
      .attr("y", 146)
      .attr("text-anchor", "end")
      .text(stop < 5 ? "" : `L ${four(s.loss)}`);
  }

  return { draw };
}
