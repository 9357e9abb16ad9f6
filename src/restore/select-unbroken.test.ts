import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { UnbrokenRows } from './select-unbroken.js';

const rowsOf = (...ranges: readonly (readonly [number, number])[]) =>
  new UnbrokenRows(
    ranges.map(([first, last]) => ({ first: BigInt(first), last: BigInt(last), item: `${first}-${last}` })),
  );

describe('unbroken rows of backups', () => {
  it('reach as far as each begins where the one before ends', () => {
    const rows = rowsOf([0, 0], [1, 99], [200, 299], [300, 399]);
    assert.equal(rows.reachFrom(0n), 99n);
    assert.equal(rows.reachFrom(150n), undefined);
    assert.equal(rows.reachFrom(250n), 399n);
    assert.deepEqual(rows.covering(250n, 310n), ['200-299', '300-399']);
    assert.deepEqual(rows.covering(50n, 250n), []);
    assert.deepEqual(rows.gapsIn({ first: 0n, last: 450n }), [
      { first: 100n, last: 199n },
      { first: 400n, last: 450n },
    ]);
    assert.equal(rows.last, 399n);
  });

  it('pass by backups that were made twice, or overlap, where another way leads on', () => {
    const rows = rowsOf([0, 9], [0, 9], [5, 12], [10, 19], [10, 30], [20, 40]);
    assert.deepEqual(rows.covering(0n, 40n), ['0-9', '10-19', '20-40']);
    assert.equal(rows.reachFrom(12n), 40n);
  });

  it('are none where there is nothing', () => {
    const rows = rowsOf();
    assert.equal(rows.last, undefined);
    assert.deepEqual(rows.covering(0n, 0n), []);
    assert.deepEqual(rows.gapsIn({ first: 3n, last: 4n }), [{ first: 3n, last: 4n }]);
  });

  it('reach as far as trying every way does', () => {
    const range = fc.tuple(fc.nat(15), fc.nat(6)).map(([first, more]) => [first, first + more] as const);
    fc.assert(
      fc.property(fc.array(range, { maxLength: 12 }), fc.nat(20), (unsorted, from) => {
        const ranges = unsorted.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]);
        const furthest = (start: readonly [number, number]): number =>
          Math.max(start[1], ...ranges.filter(([first]) => first === start[1] + 1).map(furthest));
        const holding = ranges.filter(([first, last]) => first <= from && last >= from);
        const expected = holding.length === 0 ? undefined : BigInt(Math.max(...holding.map(furthest)));
        const rows = rowsOf(...ranges);
        assert.equal(rows.reachFrom(BigInt(from)), expected);
        if (expected === undefined) return;
        const row = rows.covering(BigInt(from), expected).map((item) => item.split('-').map(Number));
        for (const [index, [first]] of row.entries()) {
          if (index > 0) assert.equal(first, (row[index - 1]?.[1] ?? 0) + 1);
        }
        assert.equal(BigInt(row.at(-1)?.[1] ?? -1), expected);
      }),
    );
  });
});
