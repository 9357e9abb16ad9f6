/** The middle one; of an even number of values the upper of the two. */
export function median(values) {
  return values.toSorted((left, right) => left - right)[values.length >> 1];
}

/** The medians of some fields of objects that have them all. */
export function medians(samples, names) {
  return Object.fromEntries(names.map((name) => [name, median(samples.map((sample) => sample[name]))]));
}

/** Three digits that count. */
export function round(number) {
  return Number(number.toPrecision(3));
}

export function perSecond(amount, ms) {
  return (amount / ms) * 1000;
}

/** Milliseconds. */
export async function timed(work) {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/** `cells` is an array of rows of texts and numbers; the first one is the head. */
export function markdownTable([head, ...rows]) {
  const line = (cells) => `| ${cells.map(cellText).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function cellText(cell) {
  if (cell === undefined) return '';
  if (typeof cell !== 'number') return String(cell);
  return Math.abs(cell) >= 1000 ? Math.round(cell).toLocaleString('en-US') : String(round(cell));
}
