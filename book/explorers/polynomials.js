// Least squares on polynomials, as companion.overfitting has it: by the
// singular values, so that the shortest of all best fits is found.

const EPSILON = 2 ** -52;

export const dot = (a, b) => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
};

/** The root of the mean square. */
export const rms = (values) => Math.sqrt(dot(values, values) / values.length);

/**
 * The first p Legendre polynomials at x, each divided by its degree, so that
 * of all curves through the points the one with small high degrees is chosen.
 */
export function features(x, p) {
  const row = [1, x];
  for (let k = 1; k < p - 1; k++) {
    row.push(((2 * k + 1) * x * row[k] - k * row[k - 1]) / (k + 1));
  }
  return row.slice(0, p).map((value, k) => value / Math.max(k, 1));
}

/** Turn columns a and b by an angle. */
function turn(a, b, cosine, sine) {
  for (let i = 0; i < a.length; i++) {
    const before = a[i];
    a[i] = cosine * before - sine * b[i];
    b[i] = sine * before + cosine * b[i];
  }
}

/**
 * The parts of X = Σ s u vᵀ: triples of a singular value s and its vectors,
 * those left out that are zero but for rounding. The shorter side's vectors
 * are turned in pairs until all are orthogonal (one-sided Jacobi). X is a list
 * of n rows of p numbers.
 */
export function singular(X) {
  const [n, p] = [X.length, X[0].length];
  const tall = p < n;
  const columns = tall
    ? X[0].map((_, j) => Float64Array.from(X, (row) => row[j]))
    : X.map((row) => Float64Array.from(row));
  const turns = columns.map((_, j) => {
    const unit = new Float64Array(columns.length);
    unit[j] = 1;
    return unit;
  });
  for (let sweep = 0, turned = true; turned && sweep < 40; sweep++) {
    turned = false;
    for (let i = 0; i < columns.length; i++) {
      for (let j = i + 1; j < columns.length; j++) {
        const [a, b] = [columns[i], columns[j]];
        const [aa, bb, ab] = [dot(a, a), dot(b, b), dot(a, b)];
        if (Math.abs(ab) <= EPSILON * 4 * Math.sqrt(aa * bb)) continue;
        turned = true;
        const zeta = (bb - aa) / (2 * ab);
        const tangent =
          (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const cosine = 1 / Math.hypot(1, tangent);
        turn(a, b, cosine, cosine * tangent);
        turn(turns[i], turns[j], cosine, cosine * tangent);
      }
    }
  }
  const sizes = columns.map((each) => Math.sqrt(dot(each, each)));
  const smallest = EPSILON * Math.max(n, p) * Math.max(...sizes);
  const parts = [];
  sizes.forEach((s, j) => {
    if (s <= smallest) return;
    const long = columns[j].map((each) => each / s);
    const [left, right] = tall ? [long, turns[j]] : [turns[j], long];
    parts.push({ s, left, right });
  });
  return parts;
}

/**
 * Weights that minimise the mean squared error halved plus λ/2 of their
 * squared length; without λ, the shortest of those that fit best. `parts` are
 * those of X.
 */
export function weights(parts, y, lam, p) {
  const w = new Float64Array(p);
  for (const { s, left, right } of parts) {
    const share = (s / (s * s + y.length * lam)) * dot(left, y);
    for (let k = 0; k < p; k++) w[k] += share * right[k];
  }
  return Array.from(w);
}
