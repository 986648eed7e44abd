// A validation curve with a hill in the way. Drag the hill, set the patience:
// where does the rule stop, which epoch does it keep, and what came later?

import {
  add, button, chart, d3, fill, fixed, handle, normals, onFrame, player,
  radios, slider, verdict,
} from "./kit.js";

const EPOCHS = 80;
const WIDTH = 3; // of the hill, in epochs
const LIFT = 0.15; // how far above the hill its handle is
const HEIGHT = { min: 0, max: 1 };
const PATIENCE = { min: 1, max: 30, step: 1 };
const DELTA = { min: 0, max: 0.3, step: 0.01 };
const WOBBLE = { min: 0, max: 0.1, step: 0.01 };
const START = {
  kind: "wrong", patience: 4, delta: 0, center: 12, height: 0.5, wobble: 0.01,
  seed: 10,
};

/** The curves without hill and wobble, after epoch t. */
const CURVES = {
  wrong: (t) => 0.9 + 1.3 * Math.exp(-t / 7) + 0.0069 * t,
  right: (t) => 0.35 + 1.2 * Math.exp(-t / 6) + 0.65 * Math.exp(-t / 30),
};

/** Validation losses of epochs 1 to the number of random numbers. */
function curve(kind, center, height, wobble, chance) {
  return Array.from(chance, (noise, i) => {
    const t = i + 1;
    const hill = height * Math.exp(-(((t - center) / WIDTH) ** 2) / 2);
    return CURVES[kind](t) + hill + wobble * noise;
  });
}

/**
 * After each epoch: the last better epoch (`kept`), how long the rule has
 * waited since, and the loss below which the next better one must lie.
 */
function waits(losses, delta) {
  let best = Infinity;
  let last = 0;
  const [kept, waited, bars] = [[], [], []];
  losses.forEach((loss, i) => {
    if (loss < best - delta) [best, last] = [loss, i + 1];
    kept.push(last);
    waited.push(i + 1 - last);
    bars.push(best - delta);
  });
  return { kept, waited, bars };
}

/** The epoch with the lowest loss among the first so many. */
function lowest(losses, epochs) {
  let best = 0;
  for (let i = 1; i < epochs; i++) if (losses[i] < losses[best]) best = i;
  return best + 1;
}

/**
 * The last epoch trained, the one that is kept, the lowest up to the stop and
 * of all, and how it ends: the lowest of all is kept, was never reached, or
 * was seen and did not count.
 */
function outcome(losses, patience, delta) {
  const { kept, waited } = waits(losses, delta);
  const first = waited.findIndex((each) => each >= patience);
  const stopped = first < 0 ? losses.length : first + 1;
  const keeps = kept[stopped - 1];
  const seen = lowest(losses, stopped);
  const best = lowest(losses, losses.length);
  const how = keeps === best ? "found" : best > stopped ? "trapped" : "refused";
  return { stopped, keeps, seen, best, how, fires: first >= 0 };
}

export const model = { curve, lowest, normals, outcome, waits };

const clamp = (value, { min, max }) => Math.min(Math.max(value, min), max);

/** Show the explorer in an element. */
export function mount(element, words) {
  const state = { ...START };
  let chance = normals(state.seed, EPOCHS);
  let now; // the epoch that is looked at
  let running; // the epoch of a training that is played
  const say = verdict(element);
  const charts = add(element, "div", { class: "charts" });
  const update = onFrame(draw);
  const epochs = d3.range(1, EPOCHS + 1);
  const ticks = [1, 20, 40, 60, 80];

  const top = chart(charts, {
    label: words.loss,
    height: 270,
    margin: { top: 24, right: 16, bottom: 10, left: 40 },
    x: d3.scaleLinear([1, EPOCHS], [0, 1]),
    y: d3.scaleLinear([0.2, 2.4], [0, 1]).clamp(true),
    ticks: { x: [], y: [0.5, 1, 1.5, 2] },
    format: { y: (each) => fixed(each, 1) },
    titles: { y: words.loss },
    draw: update,
  });
  const bottom = chart(charts, {
    label: words.waited,
    height: 130,
    margin: { top: 24, right: 16, bottom: 34, left: 40 },
    x: top.x.copy(),
    y: d3.scaleLinear([0, 32], [0, 1]).clamp(true),
    ticks: { x: ticks, y: [0, 10, 20, 30] },
    titles: { x: words.epoch, y: words.waited },
    draw: update,
  });

  const later = top.plot.append("path").attr("class", "line quiet");
  later.attr("opacity", 0.6);
  const bar = top.plot.append("path").attr("class", "line theory");
  const trained = top.plot.append("path").attr("class", "line violet");
  const limit = bottom.plot.append("path").attr("class", "line theory");
  const saw = bottom.plot.append("path").attr("class", "line three");
  const ends = [top, bottom].map((on) =>
    on.plot.append("path").attr("class", "line quiet"),
  );
  const stopName = top.over.append("text").attr("class", "title");
  stopName.text(words.stop);
  const mark = (color) =>
    top.over
      .append("circle")
      .attr("r", 6)
      .attr("fill", "none")
      .attr("stroke", color)
      .attr("stroke-width", 3);
  const bestMark = mark("var(--course-quiet)");
  const keptMark = mark("var(--course-right)").attr(
    "fill",
    "var(--course-right)",
  );
  const name = (cls) => top.over.append("text").attr("class", `title ${cls}`);
  const keptName = name("").text(words.kept);
  const bestName = name("").text(words.best);
  const hint = top.over.append("text").attr("class", "hint").text(words.drag);

  const hill = handle(top, {
    label: words.hill,
    kind: "two",
    move: (x, y) =>
      moved(Math.round(x), y - LIFT - CURVES[state.kind](Math.round(x))),
    step: (dx, dy) => moved(state.center + dx, state.height + 0.05 * dy),
  });
  const scrub = handle(bottom, {
    label: words.scrub,
    move: (x) => look(Math.round(x)),
    step: (dx, dy) => look(now + dx + dy),
  });

  const controls = add(element, "div", { class: "controls" });
  const which = radios(controls, {
    legend: words.curve,
    options: { wrong: words.wrong, right: words.right },
    value: state.kind,
    change: (value) => set({ kind: value }),
  });
  const patience = slider(controls, {
    label: words.patience,
    ...PATIENCE,
    value: state.patience,
    format: String,
    change: (value) => set({ patience: value }),
  });
  const delta = slider(controls, {
    label: "min_delta",
    ...DELTA,
    value: state.delta,
    format: (value) => fixed(value, 2),
    change: (value) => set({ delta: value }),
  });
  const wobble = slider(controls, {
    label: words.wobble,
    ...WOBBLE,
    value: state.wobble,
    format: (value) => fixed(value, 2),
    change: (value) => set({ wobble: value }),
  });
  const buttons = add(controls, "div", { class: "buttons" });
  const training = player(buttons, {
    play: words.play,
    pause: words.pause,
    tick(seconds) {
      const { stopped } = ending();
      running = Math.min((running ?? 1) + 12 * seconds, stopped);
      now = Math.floor(running);
      const goes = running < stopped;
      if (!goes) running = undefined;
      update();
      return goes;
    },
  });
  button(buttons, {
    text: words.redraw,
    press: () => set({ seed: state.seed + 1 }),
  });
  button(buttons, {
    text: words.reset,
    press: () => {
      set(START);
      hint.attr("visibility", null);
    },
  });

  function losses() {
    const { kind, center, height, wobble: size } = state;
    return curve(kind, center, height, size, chance);
  }

  function ending() {
    return outcome(losses(), state.patience, state.delta);
  }

  function moved(center, height) {
    set({
      center: clamp(center, { min: 1, max: EPOCHS }),
      height: clamp(height, HEIGHT),
    });
  }

  function look(epoch) {
    training.stop();
    running = undefined;
    now = clamp(epoch, { min: 1, max: EPOCHS });
    update();
  }

  function set(change) {
    Object.assign(state, change);
    if ("seed" in change) chance = normals(state.seed, EPOCHS);
    hint.attr("visibility", "hidden");
    training.stop();
    running = undefined;
    now = undefined; // look at the stop
    update();
  }

  function draw() {
    if (!top.width || !bottom.width) return;
    const E = losses();
    const end = outcome(E, state.patience, state.delta);
    const { kept, waited, bars } = waits(E, state.delta);
    now ??= end.stopped;
    const reached = running === undefined ? end.stopped : now;
    const path = (on, values, from, to) =>
      d3.line(
        (t) => on.x(t),
        (t) => on.y(values[t - 1]),
      )(epochs.slice(from - 1, to));
    later.attr("d", path(top, E, end.stopped, EPOCHS));
    later.attr("visibility", running === undefined ? null : "hidden");
    trained.attr("d", path(top, E, 1, reached));
    const steps = d3.line((t) => top.x(t), (t) => top.y(bars[t - 1]));
    bar.attr("d", steps.curve(d3.curveStepAfter)(epochs.slice(0, reached)));
    saw.attr("d", path(bottom, waited, 1, reached));
    const height = bottom.y(state.patience);
    limit.attr("d", `M${bottom.x(1)} ${height}H${bottom.x(EPOCHS)}`);
    ends.forEach((line, i) => {
      const [on, values] = [[top, E], [bottom, waited]][i];
      const from = on.y(values[end.stopped - 1]);
      line
        .attr("d", `M${on.x(end.stopped)} ${from}V${on.y.range()[1]}`)
        .attr("visibility", end.stopped === reached ? null : "hidden");
    });
    const beyond = end.stopped > 0.75 * EPOCHS;
    stopName
      .attr("x", top.x(end.stopped) + (beyond ? -6 : 6))
      .attr("y", 38)
      .attr("text-anchor", beyond ? "end" : "start")
      .attr("visibility", end.stopped === reached ? null : "hidden");

    const keeps = kept[reached - 1];
    const place = (circle, text, epoch, below) => {
      const [x, y] = [top.x(epoch), top.y(E[epoch - 1])];
      circle.attr("cx", x).attr("cy", y);
      text
        .attr("x", x)
        .attr("y", y + below)
        .attr(
          "text-anchor",
          epoch < 8 ? "start" : epoch > 72 ? "end" : "middle",
        );
    };
    place(keptMark, keptName, keeps, 24);
    place(bestMark, bestName, end.best, 42);
    const lost = running === undefined && end.how !== "found";
    for (const each of [bestMark, bestName]) {
      each.attr("visibility", lost ? null : "hidden");
    }

    const { center } = state;
    const peak = CURVES[state.kind](center) + state.height + LIFT;
    hill.place(center, Math.min(peak, 2.3), {
      now: center,
      min: 1,
      max: EPOCHS,
      text: fill(words.hillstate, {
        epoch: center,
        height: fixed(state.height, 2),
      }),
    });
    hint.attr("x", top.x(center) + 18).attr("y", top.y(Math.min(peak, 2.3)) + 5);
    const values = {
      now,
      loss: fixed(E[now - 1], 2),
      sofar: kept[now - 1],
      waited: waited[now - 1],
      patience: state.patience,
      stopped: end.stopped,
      kept: end.keeps,
      keptloss: fixed(E[end.keeps - 1], 2),
      best: end.best,
      bestloss: fixed(E[end.best - 1], 2),
    };
    const seen = fill(words.state, values);
    scrub.place(now, waited[now - 1], {
      now,
      min: 1,
      max: EPOCHS,
      text: seen,
    });

    which.set(state.kind);
    patience.set(state.patience);
    delta.set(state.delta);
    wobble.set(state.wobble);
    const sentences = {
      found: words.found,
      trapped: words.trapped,
      refused: words.refused,
    };
    element.dataset.outcome = end.how;
    if (running !== undefined) {
      say(seen, "\u00a0", "\u00a0"); // nothing below shall move
      return;
    }
    say(
      seen,
      fill(end.fires ? words.stops : words.never, values),
      fill(sentences[end.how], values),
    );
  }

  draw();
}
