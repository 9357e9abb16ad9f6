/** Where something stands on the line of epochs or versions, both ends inclusive. */
export interface RangeOf<Item> {
  readonly first: bigint;
  readonly last: bigint;
  readonly item: Item;
}

/** What keeps ranges from covering a line without gaps and once. */
export type RangeFault<Item> =
  /** Nothing covers [first, last]; `before` and `after` are its neighbours where there are any. */
  | {
      readonly kind: 'gap';
      readonly first: bigint;
      readonly last: bigint;
      readonly before: Item | undefined;
      readonly after: Item;
    }
  /** Both cover [first, last]. */
  | {
      readonly kind: 'overlap';
      readonly first: bigint;
      readonly last: bigint;
      readonly earlier: Item;
      readonly later: Item;
    }
  /** Both have exactly the range [first, last]. */
  | {
      readonly kind: 'duplicate';
      readonly first: bigint;
      readonly last: bigint;
      readonly earlier: Item;
      readonly later: Item;
    }
  /** The item's range ends before it begins. */
  | { readonly kind: 'inverted'; readonly first: bigint; readonly last: bigint; readonly item: Item };

/**
 * All faults in a set of ranges that should cover everything from `from` on, in ascending order. What
 * ends before `from` is left out. An item is compared with the one that reaches furthest before it, so it
 * is in at most one overlap as the later one.
 */
export function findRangeFaults<Item>(ranges: Iterable<RangeOf<Item>>, from = 0n): RangeFault<Item>[] {
  const faults: RangeFault<Item>[] = [];
  const sorted = [...ranges].sort(
    (left, right) => compare(left.first, right.first) || compare(left.last, right.last),
  );
  let furthest: RangeOf<Item> | undefined;
  let next = from;
  for (const range of sorted) {
    const { first, last, item } = range;
    if (last < first) {
      faults.push({ kind: 'inverted', first, last, item });
      continue;
    }
    if (last < from) continue;
    if (first > next) {
      faults.push({ kind: 'gap', first: next, last: first - 1n, before: furthest?.item, after: item });
    } else if (furthest !== undefined && first < next) {
      const isSame = first === furthest.first && last === furthest.last;
      faults.push({
        kind: isSame ? 'duplicate' : 'overlap',
        first,
        last: last < next ? last : next - 1n,
        earlier: furthest.item,
        later: item,
      });
    }
    if (last >= next) {
      next = last + 1n;
      furthest = range;
    }
  }
  return faults;
}

function compare(left: bigint, right: bigint): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
