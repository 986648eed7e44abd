// Every combination of six parts was trained. Switch parts on and off, or drag
// through the recipes from the worst to the best: what is each part worth here?

import {
  add, button, chart, d3, fill, fixed, handle, onFrame, radios, verdict,
} from "./kit.js";

const PARTS = [
  "decay", "dropout", "augmentation", "norm", "smoothing", "schedule",
];
const COUNT = 2 ** PARTS.length;
const START = { on: [1, 1, 1, 0, 0, 0], rate: "same" };
const RATES = { same: 0, own: 1 };
const SMALL = 1; // points that are not worth a sentence

/** The place of a recipe: its switches are a binary number. */
function place(on) {
  return on.reduce((sum, each) => 2 * sum + each, 0);
}

/** The switches of the recipe at a place. */
function switches(number) {
  return PARTS.map((_, i) => (number >> (PARTS.length - 1 - i)) & 1);
}

/** The switches with one of them turned. */
function turned(on, part) {
  return on.map((each, i) => (i === part ? 1 - each : each));
}

/** Mean over seeds, and the interval that t standard errors make. */
function interval(values, t) {
  const n = values.length;
  const mean = values.reduce((sum, each) => sum + each, 0) / n;
  const square = values.reduce((sum, each) => sum + (each - mean) ** 2, 0);
  const half = t * Math.sqrt(square / (n - 1) / n);
  return { mean, low: mean - half, high: mean + half };
}

/**
 * What each part is worth here: with it minus without it, seed by seed, the
 * other parts as they are.
 */
function worths(data, on, rate) {
  const here = data.scores[place(on)][rate];
  return on.map((has, part) => {
    const other = data.scores[place(turned(on, part))][rate];
    const sign = has ? 1 : -1;
    return interval(
      here.map((each, seed) => sign * (each - other[seed])),
      data.t,
    );
  });
}

/** The places of all recipes, from the worst to the best. */
function ranking(data, rate) {
  const mean = data.scores.map((each) => interval(each[rate], 0).mean);
  return d3.range(mean.length).sort((a, b) => mean[a] - mean[b] || a - b);
}

/** The switch that helps most, and by how many points. */
function bestSwitch(on, worth) {
  const gains = worth.map(({ mean }, i) => (on[i] ? -mean : mean));
  const part = gains.indexOf(Math.max(...gains));
  return { part, gain: gains[part] };
}

export const model = {
  bestSwitch, interval, place, ranking, switches, turned, worths,
};

const ROW = 36;
const TOP = 24;

/** Show the explorer in an element. */
export function mount(element, words, data) {
  const state = { ...START, touched: false };
  const names = [
    words.decay, words.dropout, words.augmentation, words.norm,
    words.smoothing, words.schedule,
  ];
  const order = Object.values(RATES).map((rate) => ranking(data, rate));
  const say = verdict(element);
  const charts = add(element, "div", { class: "charts" });
  const update = onFrame(draw);

  const all = chart(charts, {
    label: words.accuracy,
    height: 210,
    margin: { top: TOP, right: 26, bottom: 34, left: 40 },
    x: d3.scaleLinear([0, COUNT + 1], [0, 1]),
    y: d3.scaleLinear([55, 92], [0, 1]),
    ticks: { x: [1, 16, 32, 48, 64], y: [60, 70, 80, 90] },
    titles: { x: words.rank, y: words.accuracy },
    draw: update,
  });
  const dots = all.plot
    .selectAll("circle")
    .data(d3.range(COUNT))
    .join("circle")
    .attr("style", "fill:var(--course-quiet)")
    .attr("r", 2.5);
  const spread = all.over.append("line").attr("class", "line one");
  const value = all.over.append("text").attr("class", "value");
  const hint = all.over.append("text").attr("class", "hint").text(words.drag);

  const point = handle(all, {
    label: words.handle,
    move: (x) => go(Math.round(x)),
    step: (dx, dy) => go(rank() + dx + dy),
  });

  const rows = add(charts, "div", {
    style: "display:grid;grid-template-columns:max-content minmax(0,1fr)",
  });
  const toggles = add(rows, "div", {
    class: "radios",
    role: "group",
    "aria-label": words.parts,
    style:
      `display:grid;grid-auto-rows:${ROW}px;gap:0;align-content:start;` +
      `padding-top:${TOP}px`,
  });
  const boxes = names.map((name, part) => {
    const label = add(toggles, "label");
    const input = add(label, "input", { type: "checkbox" });
    add(label, "span", {
      text: name,
      style: "padding:.1rem .7rem;width:100%",
    });
    input.addEventListener("change", () =>
      set({ on: turned(state.on, part) }),
    );
    return input;
  });
  const bars = chart(add(rows, "div"), {
    label: words.worth,
    height: TOP + ROW * PARTS.length + 34,
    margin: { top: TOP, right: 8, bottom: 34, left: 8 },
    x: d3.scaleLinear([-25, 25], [0, 1]),
    y: d3.scaleLinear([PARTS.length, 0], [0, 1]),
    ticks: { x: [-20, -10, 0, 10, 20], y: [] },
    titles: { x: words.points, y: words.worth },
    draw: update,
  });
  const zero = bars.plot.append("line").attr("class", "line theory");
  const row = d3.range(PARTS.length).map(() => ({
    bar: bars.plot.append("line").attr("stroke-opacity", 0.45),
    spread: bars.plot.append("line"),
    text: bars.over.append("text").attr("class", "value"),
  }));
  // the bars answer the question, so they wait for the reader's first switch
  const turn = bars.over
    .append("text")
    .attr("class", "hint")
    .attr("text-anchor", "middle")
    .text(words.turn);

  const controls = add(element, "div", { class: "controls" });
  const which = radios(controls, {
    legend: words.rate,
    options: { same: words.same, own: words.own },
    value: state.rate,
    change: (rate) => set({ rate }),
  });
  button(add(controls, "div", { class: "buttons" }), {
    text: words.reset,
    press: () => set(START),
  });

  function rank() {
    return order[RATES[state.rate]].indexOf(place(state.on)) + 1;
  }

  function go(to) {
    const known = Math.min(Math.max(to, 1), COUNT);
    set({ on: switches(order[RATES[state.rate]][known - 1]) });
  }

  function set(change) {
    Object.assign(state, change, { touched: true });
    hint.attr("visibility", change === START ? null : "hidden");
    update();
  }

  const signed = (x) => (x >= 0.05 ? "+" : "") + fixed(x, 1);

  function draw() {
    if (!all.width || !bars.width) return;
    const rate = RATES[state.rate];
    const { on, touched } = state;
    const here = interval(data.scores[place(on)][rate], data.t);
    const worth = worths(data, on, rate);
    const now = rank();
    const means = order[rate].map(
      (each) => interval(data.scores[each][rate], 0).mean,
    );
    dots.attr("cx", (i) => all.x(i + 1)).attr("cy", (i) => all.y(means[i]));
    spread
      .attr("x1", all.x(now))
      .attr("x2", all.x(now))
      .attr("y1", all.y(here.low))
      .attr("y2", all.y(here.high));

    const list = names.filter((_, i) => on[i]).join(", ") || words.none;
    const accuracy = fixed(here.mean, 1);
    point.place(now, here.mean, {
      now,
      min: 1,
      max: COUNT,
      text: fill(words.state, { rank: now, count: COUNT, accuracy, list }),
    });
    // dots rise to the right, so there is room above to the left and below
    const above = now > 12;
    value
      .attr("x", all.x(now) + (above ? -14 : 16))
      .attr("y", all.y(here.mean) + (above ? -12 : 18))
      .attr("text-anchor", above ? "end" : "start")
      .text(`${accuracy} %`);
    hint.attr("x", all.x(now) + 16).attr("y", all.y(here.mean) + 26);

    turn
      .attr("x", bars.x(0))
      .attr("y", bars.y(PARTS.length / 2) + 4)
      .attr("visibility", touched ? "hidden" : null);
    zero
      .attr("visibility", touched ? null : "hidden")
      .attr("x1", bars.x(0))
      .attr("x2", bars.x(0))
      .attr("y1", bars.y(0))
      .attr("y2", bars.y(PARTS.length));
    row.forEach((each, i) => {
      const { mean, low, high } = worth[i];
      const kind = `line ${mean < 0 ? "two" : "one"}`;
      const y = bars.y(i + 0.5);
      const draw = (line, from, to) =>
        line
          .attr("class", kind)
          .attr("visibility", touched ? null : "hidden")
          .attr("x1", bars.x(from))
          .attr("x2", bars.x(to))
          .attr("y1", y)
          .attr("y2", y);
      draw(each.bar, 0, mean).style("stroke-width", 16);
      draw(each.spread, low, high);
      // beside bar and interval, on the side where there is room
      const right = high < 14;
      each.text
        .attr("x", bars.x(right ? Math.max(high, 0) : Math.min(low, 0)))
        .attr("dx", right ? 6 : -6)
        .attr("text-anchor", right ? "start" : "end")
        .attr("y", y + 4)
        .text(touched ? signed(mean) : "");
      boxes[i].checked = on[i] === 1;
      const named = { part: names[i], worth: signed(mean) };
      boxes[i].setAttribute(
        "aria-label",
        touched ? fill(words.row, named) : names[i],
      );
    });

    which.set(state.rate);
    const { part, gain } = bestSwitch(on, worth);
    const values = {
      accuracy,
      count: on.reduce((sum, each) => sum + each, 0),
      part: names[part],
      gain: fixed(gain, 1),
    };
    element.dataset.accuracy = accuracy;
    const advice = on[part] ? words.remove : words.insert;
    const second = gain < SMALL ? words.done : fill(advice, values);
    say(fill(words.sentence, values), touched ? second : words.ask);
  }

  draw();
}
