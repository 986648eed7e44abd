// Four units and the one above them. Strike units yourself: what arrives? Then
// average over all ways to strike, before and after a tanh.

import {
  add, button, chart, d3, fill, fixed, handle, normals, onFrame, player, radios,
  slider, verdict,
} from "./kit.js";

const UNITS = [2, 1, 1, 2];
const WEIGHTS = [0.5, 0.5, -0.5, 0.5];
const MOST = 200; // masks that one can draw
const PER_SECOND = 8;
const SCALE = { min: 0.1, max: 2, step: 0.05 };
const START = {
  p: 0.5, scale: 1, growth: "stay", mask: [1, 0, 1, 0], count: 0, seed: 0,
};

/** What a survivor is multiplied by. */
function growth(p, grown) {
  return grown ? 1 / (1 - p) : 1;
}

/** What the units put out under a mask of 0 and 1, and what arrives above. */
function pass(units, weights, mask, p, grown) {
  const values = units.map((h, j) => h * mask[j] * growth(p, grown));
  const sum = values.reduce((total, h, j) => total + h * weights[j], 0);
  return { values, sum, out: Math.tanh(sum) };
}

/** Every mask of n units, each with its chance. */
function masks(n, p) {
  return Array.from({ length: 2 ** n }, (_, number) => {
    const mask = Array.from({ length: n }, (_, j) => (number >> j) & 1);
    const kept = mask.reduce((total, each) => total + each, 0);
    return { mask, chance: (1 - p) ** kept * p ** (n - kept) };
  });
}

/** The mean over all masks: of the sum, its square, and its tanh. */
function mean(units, weights, p, grown) {
  const total = { sum: 0, square: 0, out: 0 };
  for (const { mask, chance } of masks(units.length, p)) {
    const { sum, out } = pass(units, weights, mask, p, grown);
    total.sum += chance * sum;
    total.square += chance * sum ** 2;
    total.out += chance * out;
  }
  return total;
}

/** Numbers between 0 and 1, from pairs of normal numbers: their direction. */
function uniforms(chance) {
  return Array.from({ length: chance.length / 2 }, (_, i) =>
    Math.atan2(chance[2 * i], chance[2 * i + 1]) / (2 * Math.PI) + 0.5,
  );
}

/** The mask of a few such numbers: a unit is struck where they are below p. */
function drawn(chance, p) {
  return chance.map((each) => (each < p ? 0 : 1));
}

/** What the means say: the sum shrank, the tanh bent it, or all is well. */
function outcome(whole, average, straight) {
  if (Math.abs(whole - average) > 1e-9) return "shrunk";
  return Math.abs(Math.tanh(whole) - straight) > 0.03 ? "bent" : "level";
}

export const model = {
  drawn, growth, masks, mean, normals, outcome, pass, uniforms,
};

const MARGIN = { top: 24, right: 20, bottom: 34, left: 40 };
const HIGH = 182; // the drawn net
const PLACES = UNITS.map((_, j) => [64, 22 + 46 * j]);
const ABOVE = [236, HIGH / 2];

/** Show the explorer in an element. */
export function mount(element, words) {
  const state = { ...START };
  let chances;
  const say = verdict(element);
  const charts = add(element, "div", { class: "charts" });
  const update = onFrame(draw);

  const net = d3
    .select(charts)
    .append("svg")
    .attr("role", "group")
    .attr("aria-label", words.net)
    .attr("viewBox", `0 0 340 ${HIGH}`)
    .attr("width", "100%")
    .attr("height", HIGH);
  const edges = UNITS.map(() => net.append("path").attr("class", "line one"));
  const amounts = UNITS.map(() =>
    net
      .append("text")
      .attr("paint-order", "stroke")
      .style("stroke", "var(--pst-color-background)")
      .style("stroke-width", 4),
  );
  const units = UNITS.map((h, j) => {
    const unit = net
      .append("g")
      .attr("class", "handle")
      .attr("tabindex", 0)
      .attr("role", "button")
      .attr("transform", `translate(${PLACES[j]})`)
      .style("cursor", "pointer")
      .style("touch-action", "manipulation");
    unit.append("circle").attr("class", "reach").attr("r", 22);
    unit.append("circle").attr("class", "ring").attr("r", 20);
    const struck = unit.append("path").attr("class", "line quiet");
    struck.attr("d", "M11,0A11,11 0 1 1 -11,0A11,11 0 1 1 11,0M-7,-7L7,7");
    const knob = unit.append("circle").attr("class", "knob");
    const value = unit.append("text").attr("text-anchor", "end");
    value.attr("x", -28).attr("y", 5);
    const strike = () => {
      state.mask = state.mask.map((each, i) => (i === j ? 1 - each : each));
      update();
    };
    unit.on("click", strike).on("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      strike();
    });
    return { unit, struck, knob, value };
  });
  const top = net.append("g").attr("transform", `translate(${ABOVE})`);
  top.append("circle").attr("class", "circle").attr("r", 24);
  const total = top.append("text").attr("class", "value").attr("y", 5);
  total.attr("text-anchor", "middle");
  const bent = net.append("text").attr("x", ABOVE[0] + 32);
  bent.attr("y", ABOVE[1] + 5);

  const plane = chart(charts, {
    label: words.plane,
    height: 216,
    margin: MARGIN,
    x: d3.scaleLinear([-2, 6], [0, 1]).clamp(true),
    y: d3.scaleLinear([-1.1, 1.2], [0, 1]).clamp(true),
    ticks: { x: [-2, 0, 2, 4, 6], y: [-1, 0, 1] },
    format: { x: (each) => fixed(each, 0), y: (each) => fixed(each, 0) },
    titles: { x: words.sum, y: words.after },
    draw: resized,
  });
  const line = (kind, thick) =>
    plane.over
      .append("path")
      .attr("class", `line ${kind}`)
      .attr("stroke-linecap", "round")
      .style("stroke-width", thick);
  const curve = plane.plot.append("path").attr("class", "line quiet");
  const apart = line("theory", 1.5);
  const possible = masks(UNITS.length, 0.5).map(() => line("quiet", 1));
  const now = line("two", 11);
  const average = line("three", 13);
  const seen = plane.over.append("circle").attr("class", "line three");
  const label = (text, kind) =>
    plane.over.append("text").attr("class", kind).text(text);
  const names = {
    mean: label(words.mean, ""),
    whole: label(words.whole, ""),
    hint: label(words.drag, "hint"),
  };
  names.whole.attr("text-anchor", "end");
  const pull = handle(plane, {
    label: words.handle,
    move: (x) => set({ scale: limited(x / 2) }),
    step: (dx, dy) =>
      set({ scale: limited(state.scale + (dx + dy) * SCALE.step) }),
  });

  const controls = add(element, "div", { class: "controls" });
  const grows = radios(controls, {
    legend: words.survivors,
    options: { stay: words.stay, grow: words.grow },
    value: state.growth,
    change: (value) => set({ growth: value }),
  });
  const ps = slider(controls, {
    label: words.p,
    min: 0.05,
    max: 0.8,
    step: 0.05,
    value: state.p,
    format: (value) => fixed(value, 2),
    change: (value) => set({ p: value }),
  });
  const buttons = add(controls, "div", { class: "buttons" });
  button(buttons, { text: words.next, press: () => more(1) });
  let waited = 0;
  const film = player(buttons, {
    play: words.play,
    pause: words.pause,
    tick(seconds) {
      waited += seconds * PER_SECOND * (1 + state.count / 20);
      more(Math.floor(waited));
      waited %= 1;
      return state.count < MOST;
    },
  });
  button(buttons, {
    text: words.reset,
    press: () => {
      film.stop();
      set({ ...START });
      names.hint.attr("visibility", null);
    },
  });

  function limited(scale) {
    return Math.min(Math.max(scale, SCALE.min), SCALE.max);
  }

  function set(change) {
    Object.assign(state, change);
    if ("scale" in change) names.hint.attr("visibility", "hidden");
    update();
  }

  /** Draw more masks; the last one is shown in the net. */
  function more(count) {
    if (!count) return;
    if (state.count >= MOST) state.count = 0;
    state.count = Math.min(state.count + count, MOST);
    state.mask = maskAt(state.count - 1);
    update();
  }

  function maskAt(i) {
    return drawn(chances.slice(4 * i, 4 * i + 4), state.p);
  }

  function resized() {
    const xs = d3.range(-2, 6.05, 0.1);
    curve.attr("d", d3.line(plane.x, (x) => plane.y(Math.tanh(x)))(xs));
    update();
  }

  const dot = (x, y) => `M${plane.x(x)},${plane.y(y)}h0`;

  function draw() {
    if (!plane.width) return;
    const { p, scale, mask, count } = state;
    const grown = state.growth === "grow";
    const weights = WEIGHTS.map((each) => scale * each);
    const here = pass(UNITS, weights, mask, p, grown);
    const whole = pass(UNITS, weights, [1, 1, 1, 1], 0, false);
    const all = mean(UNITS, weights, p, grown);

    UNITS.forEach((h, j) => {
      const value = here.values[j];
      const { unit, struck, knob } = units[j];
      unit.attr("aria-pressed", String(!mask[j]));
      unit.attr("aria-label", fill(words.unit, { number: j + 1, value: h }));
      struck.attr("visibility", mask[j] ? "hidden" : null);
      knob.attr("visibility", mask[j] ? null : "hidden");
      knob.attr("r", Math.min(8 * Math.sqrt(value), 21));
      units[j].value.text(fixed(value, 1));
      const sent = value * weights[j];
      const [x, y] = PLACES[j];
      edges[j]
        .attr("d", `M${x + 24},${y}L${ABOVE[0] - 26},${ABOVE[1]}`)
        .attr("class", `line ${mask[j] ? (sent < 0 ? "two" : "one") : "quiet"}`)
        .attr("stroke-dasharray", mask[j] ? null : "2 5")
        .style("stroke-width", mask[j] ? 1 + 1.5 * Math.abs(sent) : 1.5);
      amounts[j]
        .attr("x", x + 50)
        .attr("y", y + [3, -4, 14, 8][j])
        .text(`${sent > 0 ? "+" : ""}${fixed(sent, 2)}`);
    });
    total.text(fixed(here.sum, 1));
    bent.text(`tanh: ${fixed(here.out, 2)}`);

    masks(UNITS.length, p).forEach((each, i) => {
      const { sum, out } = pass(UNITS, weights, each.mask, p, grown);
      possible[i]
        .attr("d", dot(sum, out))
        .style("stroke-width", 3 + 12 * Math.sqrt(each.chance));
    });
    now.attr("d", dot(here.sum, here.out));
    average.attr("d", dot(all.sum, all.out));
    apart.attr(
      "d",
      d3.line(plane.x, (_, i) => plane.y([all.out, whole.out][i]))([
        all.sum,
        whole.sum,
      ]),
    );
    let some = null;
    if (count) {
      some = { sum: 0, out: 0 };
      for (let i = 0; i < count; i++) {
        const each = pass(UNITS, weights, maskAt(i), p, grown);
        some.sum += each.sum / count;
        some.out += each.out / count;
      }
      seen
        .attr("cx", plane.x(some.sum))
        .attr("cy", plane.y(some.out))
        .attr("r", 11);
    }
    seen.attr("visibility", some ? null : "hidden");
    const at = (name, x, y, dx, dy) =>
      name.attr("x", plane.x(x) + dx).attr("y", plane.y(y) + dy);
    at(names.mean, all.sum, all.out, 12, 16);
    at(names.whole, whole.sum, whole.out, -14, -12);
    at(names.hint, whole.sum, whole.out, 18, -12);
    pull.place(whole.sum, whole.out, {
      now: whole.sum,
      min: 2 * SCALE.min,
      max: 2 * SCALE.max,
      text: fill(words.state, { sum: fixed(whole.sum, 1) }),
    });

    ps.set(p);
    grows.set(state.growth);
    const values = {
      kept: mask.reduce((sum, each) => sum + each, 0),
      sum: fixed(here.sum, 2),
      mean: fixed(all.sum, 2),
      whole: fixed(whole.sum, 2),
      bent: fixed(all.out, 2),
      out: fixed(whole.out, 2),
      count,
      some: some && fixed(some.sum, 2),
    };
    const what = outcome(whole.sum, all.sum, all.out);
    const sentences = {
      shrunk: words.shrunk,
      bent: words.bent,
      level: words.level,
    };
    element.dataset.means = what;
    say(
      fill(count ? words.many : words.one, values),
      fill(sentences[what], values),
    );
  }

  chances = uniforms(normals(state.seed, 2 * UNITS.length * MOST));
  draw();
}
