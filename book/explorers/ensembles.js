// Guesses of a crowd around the truth. Every guess has the same shared error,
// an arrow whose tip one drags, and a private one. Averaging cancels the
// private errors; the shared arrow remains.

import {
  add, button, chart, d3, fill, fixed, handle, normals, number, onFrame, slider,
  verdict,
} from "./kit.js";

const MOST = 60;
const GOOD = 1; // the radius of the ring, and the error that is good enough
const EDGE = { x: 3.2, y: 3.2 };
const PRIVATE = { min: 0.2, max: 4, step: 0.1 };
const START = { shared: [1.8, 1.1], spread: 2.4, members: 10, seed: 34 };

/** Guesses around the truth at (0, 0), from two normal numbers each. */
function guesses(shared, spread, chance) {
  const scale = spread / Math.SQRT2; // so that spread² is the mean square
  return Array.from({ length: chance.length / 2 }, (_, k) => [
    shared[0] + scale * chance[2 * k],
    shared[1] + scale * chance[2 * k + 1],
  ]);
}

/** The average of the first 1, 2, 3, … guesses. */
function averages(points) {
  let [x, y] = [0, 0];
  return points.map((point, k) => {
    x += point[0];
    y += point[1];
    return [x / (k + 1), y / (k + 1)];
  });
}

const square = ([x, y]) => x * x + y * y;

/**
 * The squared error of the average, the mean squared error of the guesses and
 * their ambiguity: the first is the second minus the third.
 */
function decomposition(points) {
  const middle = averages(points).at(-1);
  let [mean, ambiguity] = [0, 0];
  for (const [x, y] of points) {
    mean += square([x, y]) / points.length;
    ambiguity += square([x - middle[0], y - middle[1]]) / points.length;
  }
  return { error: square(middle), mean, ambiguity };
}

/** The mean error that is to be expected, and the share that is shared. */
function crowd(shared, spread) {
  const mean = square(shared) + spread * spread;
  return { mean, rho: square(shared) / mean };
}

/** The error to be expected of an average of so many. */
function expectedError(mean, rho, members) {
  return mean * (rho + (1 - rho) / members);
}

/** How many members are needed for an expected error, Infinity if none do. */
function needed(mean, rho, error) {
  const room = error - mean * rho;
  return room > 0 ? Math.ceil((mean * (1 - rho)) / room - 1e-9) : Infinity;
}

/** What keeps the average out of the ring, if anything does. */
function outcome(error, mean, rho) {
  if (error < GOOD) return mean * rho < GOOD ? "good" : "lucky";
  return mean * rho < GOOD ? "few" : "shared";
}

export const model = {
  averages, crowd, decomposition, expectedError, guesses, needed, normals,
  outcome,
};

const inside = (value, low, high) => Math.min(Math.max(value, low), high);

/** Show the explorer in an element. */
export function mount(element, words) {
  const state = { ...START };
  let chance = normals(state.seed, 2 * MOST);
  const say = verdict(element);
  const charts = add(element, "div", { class: "charts" });
  const update = onFrame(draw);

  const top = chart(charts, {
    label: words.board,
    height: 310,
    margin: { top: 4, right: 0, bottom: 4, left: 0 },
    x: d3.scaleLinear([-1, 1], [0, 1]),
    y: d3.scaleLinear([-4, 4], [0, 1]),
    ticks: { x: [], y: [] },
    draw: resized,
  });
  const bottom = chart(charts, {
    label: words.error,
    height: 170,
    margin: { top: 24, right: 66, bottom: 34, left: 46 },
    x: d3.scaleLinear([1, MOST], [0, 1]),
    y: d3.scaleSqrt([0, 16], [0, 1]).clamp(true),
    ticks: { x: [1, 10, 20, 30, 40, 50, 60], y: [0, 1, 4, 9, 16] },
    format: { x: String, y: String },
    titles: { x: words.count, y: words.error },
    draw: resized,
  });

  top.svg.selectAll(".axis").remove(); // a board has no axes
  const ring = top.plot.append("circle").attr("class", "band");
  const rings = [2, 3, 4].map((radius) => ({
    radius,
    node: top.plot.append("circle").attr("class", "circle"),
  }));
  const ringLabel = top.plot.append("text").attr("class", "band-label");
  ringLabel.attr("text-anchor", "middle").text(words.ring);
  const threads = top.plot.append("path").attr("class", "line quiet");
  threads.style("stroke-width", 1).style("opacity", 0.7);
  const dots = Array.from({ length: MOST }, () =>
    top.plot.append("circle").attr("r", 3.5).attr("fill", "currentColor"),
  );
  const arrow = top.plot.append("line").attr("class", "arrow two");
  const truth = top.plot.append("text").attr("class", "value").text("+");
  truth.attr("text-anchor", "middle");
  const average = top.over.append("g");
  average.append("circle").attr("r", 9).attr("fill", "var(--course-one)");
  average
    .append("circle")
    .attr("r", 3.5)
    .attr("fill", "var(--pst-color-background)");
  const averageLabel = top.over.append("text").attr("class", "value");
  averageLabel.text(words.average);
  const hint = top.over.append("text").attr("class", "hint").text(words.drag);
  for (const text of [averageLabel, hint, truth, ringLabel]) {
    text
      .style("paint-order", "stroke")
      .style("stroke", "var(--pst-color-background)")
      .style("stroke-width", 4);
  }

  const band = bottom.plot.append("rect").attr("class", "band");
  const theory = bottom.plot.append("path").attr("class", "line theory");
  const floor = bottom.plot.append("line").attr("class", "arrow two");
  floor.style("stroke-width", 2).style("stroke-dasharray", "2 4");
  const curve = bottom.plot.append("path").attr("class", "line one");
  const place = bottom.over.append("circle").attr("r", 6);
  place.attr("fill", "var(--course-one)");
  const floorLabel = bottom.over.append("text").attr("class", "name two");
  floorLabel.text(words.floor);

  const tip = handle(top, {
    label: words.handle,
    kind: "two",
    move: (x, y) => drag([x, y]),
    step: (dx, dy) =>
      drag([state.shared[0] + 0.1 * dx, state.shared[1] + 0.1 * dy]),
  });

  const controls = add(element, "div", { class: "controls" });
  const members = slider(controls, {
    label: words.members,
    min: 1,
    max: MOST,
    step: 1,
    value: state.members,
    format: String,
    change: (value) => set({ members: value }),
  });
  const spread = slider(controls, {
    label: words.spread,
    ...PRIVATE,
    value: state.spread,
    format: (value) => fixed(value, 1),
    change: (value) => set({ spread: value }),
  });
  const buttons = add(controls, "div", { class: "buttons" });
  button(buttons, {
    text: words.redraw,
    press: () => set({ seed: state.seed + 1 }),
  });
  button(buttons, {
    text: words.reset,
    press() {
      set(START);
      hint.attr("visibility", null);
    },
  });

  function drag([x, y]) {
    set({
      shared: [inside(x, -EDGE.x, EDGE.x), inside(y, -EDGE.y, EDGE.y)],
    });
  }

  function set(change) {
    Object.assign(state, change);
    if ("seed" in change) chance = normals(state.seed, 2 * MOST);
    hint.attr("visibility", "hidden");
    update();
  }

  function resized() {
    if (!top.width || !bottom.width) return;
    // a board of round rings, as wide as there is room
    const half = (4 * top.width) / (top.height - 8);
    top.x.domain([-half, half]);
    const [x, y] = [top.x(0), top.y(0)];
    const length = (radius) => top.x(radius) - x;
    ring.attr("cx", x).attr("cy", y).attr("r", length(GOOD));
    for (const { radius, node } of rings) {
      node.attr("cx", x).attr("cy", y).attr("r", length(radius));
    }
    ringLabel.attr("x", x).attr("y", top.y(-GOOD) + 15);
    truth.attr("x", x).attr("y", y + 5);
    const [left, right] = bottom.x.range();
    band
      .attr("x", left)
      .attr("width", right - left)
      .attr("y", bottom.y(GOOD))
      .attr("height", bottom.y(0) - bottom.y(GOOD));
    update();
  }

  function draw() {
    if (!top.width || !bottom.width) return;
    const { shared } = state;
    const all = guesses(shared, state.spread, chance);
    const seen = all.slice(0, state.members);
    const middles = averages(all);
    const middle = middles[state.members - 1];
    const { mean, rho } = crowd(shared, state.spread);
    const parts = decomposition(seen);
    const at = ([x, y]) => [top.x(x), top.y(y)];
    const start = at(shared);
    threads.attr(
      "d",
      seen.map((point) => `M${start.join()}L${at(point).join()}`).join(""),
    );
    dots.forEach((dot, k) => {
      const [x, y] = at(all[k]);
      dot
        .attr("cx", x)
        .attr("cy", y)
        .attr("visibility", k < state.members ? null : "hidden");
    });
    arrow
      .attr("x1", top.x(0))
      .attr("y1", top.y(0))
      .attr("x2", start[0])
      .attr("y2", start[1]);
    average.attr("transform", `translate(${at(middle).join()})`);
    const side = middle[0] < shared[0] ? -1 : 1;
    averageLabel
      .attr("x", at(middle)[0] + 13 * side)
      .attr("y", at(middle)[1] + 17)
      .attr("text-anchor", side < 0 ? "end" : "start");
    hint.attr("x", start[0] + 18).attr("y", start[1] - 12);

    const counts = d3.range(1, MOST + 1);
    const line = (height) =>
      d3.line((count) => bottom.x(count), (count) => bottom.y(height(count)));
    theory.attr(
      "d",
      line((count) => expectedError(mean, rho, count))(counts),
    );
    curve.attr("d", line((count) => square(middles[count - 1]))(counts));
    const low = bottom.y(mean * rho);
    const [left, right] = bottom.x.range();
    floor.attr("x1", left).attr("x2", right).attr("y1", low).attr("y2", low);
    floorLabel.attr("x", right + 6).attr("y", low + 4);
    place
      .attr("cx", bottom.x(state.members))
      .attr("cy", bottom.y(parts.error));

    // rounded so that the identity holds for what is shown
    const round = (value) => Math.round(100 * value) / 100;
    const values = {
      right: fixed(shared[0], 1),
      up: fixed(shared[1], 1),
      size: fixed(Math.hypot(...shared), 2),
      error: fixed(parts.error, 2),
      mean: fixed(parts.mean, 2),
      ambiguity: fixed(round(parts.mean) - round(parts.error), 2),
      floor: fixed(mean * rho, 2),
      wanted: needed(mean, rho, GOOD),
      times: number(parts.mean / Math.max(parts.error, 1e-9)),
    };
    tip.place(...shared, {
      now: shared[0],
      min: -EDGE.x,
      max: EDGE.x,
      text: fill(words.state, values),
    });
    members.set(state.members);
    spread.set(state.spread);
    const what = outcome(parts.error, mean, rho);
    element.dataset.outcome = what;
    const sentences = {
      shared: words.shared,
      few: words.few,
      lucky: words.lucky,
      good: words.good,
    };
    say(fill(words.identity, values), fill(sentences[what], values));
  }

  resized();
}
