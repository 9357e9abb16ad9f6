import { findRangeFaults, type RangeOf } from '../archive/range-faults.js';
import type { PlannedRange } from './plan.js';

/** A range, and the best way on from it. */
interface Link<Item> {
  readonly range: RangeOf<Item>;
  /** The last version or epoch of the unbroken row that begins with this range. */
  readonly reach: bigint;
  readonly next: Link<Item> | undefined;
}

/**
 * The unbroken rows that the backups of a kind make, where each begins right after the one before. Where
 * several hold the same versions or epochs, the one that leads furthest is taken, and of those the first.
 */
export class UnbrokenRows<Item> {
  readonly #ranges: readonly RangeOf<Item>[];
  /** In the order of the ranges. */
  readonly #links: readonly Link<Item>[];

  /** @param ranges in ascending order, as a metadata view sorts them */
  constructor(ranges: readonly RangeOf<Item>[]) {
    this.#ranges = ranges.filter(({ first, last }) => first <= last);
    const byFirst = new Map<bigint, Link<Item>>();
    const links: Link<Item>[] = [];
    for (const range of this.#ranges.toReversed()) {
      const next = byFirst.get(range.last + 1n);
      const link: Link<Item> = { range, next, reach: next?.reach ?? range.last };
      links.push(link);
      const other = byFirst.get(range.first);
      if (other === undefined || other.reach <= link.reach) byFirst.set(range.first, link);
    }
    this.#links = links.reverse();
  }

  /** The last version or epoch that any range holds; undefined where there is none. */
  get last(): bigint | undefined {
    let last: bigint | undefined;
    for (const range of this.#ranges) if (last === undefined || range.last > last) last = range.last;
    return last;
  }

  /** How far an unbroken row goes that holds `from`; undefined where nothing holds it. */
  reachFrom(from: bigint): bigint | undefined {
    return this.#bestFrom(from)?.reach;
  }

  /** Whether one unbroken row holds all of [from, to]. */
  covers(from: bigint, to: bigint): boolean {
    const reach = this.reachFrom(from);
    return reach !== undefined && reach >= to;
  }

  /** What makes that row: the first holds `from` and the last `to`. Empty where there is no such row. */
  covering(from: bigint, to: bigint): readonly Item[] {
    const row: Item[] = [];
    for (let link = this.#bestFrom(from); link; link = link.next) {
      row.push(link.range.item);
      if (link.range.last >= to) return row;
    }
    return [];
  }

  /** The parts of a range that nothing holds. */
  gapsIn({ first, last }: PlannedRange): PlannedRange[] {
    const ranges = this.#ranges.filter((range) => range.first <= last && range.last >= first);
    const gaps = findRangeFaults(ranges, first).flatMap((fault) =>
      fault.kind === 'gap' ? [{ first: fault.first, last: fault.last }] : [],
    );
    const held = ranges.reduce((end, range) => (range.last > end ? range.last : end), first - 1n);
    return held < last ? [...gaps, { first: held + 1n, last }] : gaps;
  }

  #bestFrom(from: bigint): Link<Item> | undefined {
    let best: Link<Item> | undefined;
    for (const link of this.#links) {
      if (link.range.first > from) break;
      if (link.range.last >= from && (best === undefined || link.reach > best.reach)) best = link;
    }
    return best;
  }
}
