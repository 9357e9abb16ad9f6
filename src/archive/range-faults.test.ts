import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { findRangeFaults, type RangeFault } from './range-faults.js';

type Pair = readonly [number, number];

const faultsOf = (pairs: readonly Pair[], from = 0): string[] =>
  findRangeFaults(
    pairs.map(([first, last]) => ({ first: BigInt(first), last: BigInt(last), item: `${first}-${last}` })),
    BigInt(from),
  ).map(describe);

function describe(fault: RangeFault<string>): string {
  const range = `${fault.kind} [${fault.first}, ${fault.last}]`;
  switch (fault.kind) {
    case 'gap':
      return `${range} between ${fault.before ?? 'the beginning'} and ${fault.after}`;
    case 'overlap':
    case 'duplicate':
      return `${range} of ${fault.earlier} and ${fault.later}`;
    case 'inverted':
      return `${range} of ${fault.item}`;
  }
}

test('ranges that follow on one another have no fault, in whatever order they are given', () => {
  assert.deepEqual(faultsOf([]), []);
  assert.deepEqual(
    faultsOf([
      [5, 9],
      [0, 0],
      [1, 4],
    ]),
    [],
  );
  assert.deepEqual(
    faultsOf(
      [
        [5, 9],
        [10, 12],
      ],
      7,
    ),
    [],
    'a range may begin before what is wanted',
  );
});

test('every gap is told, also the one at the beginning', () => {
  assert.deepEqual(
    faultsOf([
      [2, 3],
      [6, 6],
      [8, 9],
    ]),
    [
      'gap [0, 1] between the beginning and 2-3',
      'gap [4, 5] between 2-3 and 6-6',
      'gap [7, 7] between 6-6 and 8-9',
    ],
  );
  assert.deepEqual(
    faultsOf(
      [
        [0, 2],
        [8, 9],
      ],
      5,
    ),
    ['gap [5, 7] between the beginning and 8-9'],
  );
});

test('overlaps and duplicates are told with both items', () => {
  assert.deepEqual(
    faultsOf([
      [0, 5],
      [4, 9],
    ]),
    ['overlap [4, 5] of 0-5 and 4-9'],
  );
  assert.deepEqual(
    faultsOf([
      [0, 9],
      [3, 4],
      [5, 5],
      [10, 11],
    ]),
    ['overlap [3, 4] of 0-9 and 3-4', 'overlap [5, 5] of 0-9 and 5-5'],
  );
  assert.deepEqual(
    faultsOf([
      [0, 5],
      [0, 5],
      [6, 6],
    ]),
    ['duplicate [0, 5] of 0-5 and 0-5'],
  );
});

test('an inverted range covers nothing', () => {
  assert.deepEqual(
    faultsOf([
      [0, 1],
      [3, 2],
      [4, 5],
    ]),
    ['inverted [3, 2] of 3-2', 'gap [2, 3] between 0-1 and 4-5'],
  );
});

test('the last version of all is no overflow', () => {
  const last = 2n ** 64n - 1n;
  assert.deepEqual(findRangeFaults([{ first: 0n, last, item: 1 }]), []);
});

test('gaps and coverage together are everything up to the end', () => {
  const anyRange = fc.tuple(fc.nat(30), fc.nat(5)).map(([first, size]): Pair => [first, first + size]);
  fc.assert(
    fc.property(fc.array(anyRange, { maxLength: 8 }), fc.nat(10), (pairs, from) => {
      const faults = findRangeFaults(
        pairs.map(([first, last]) => ({ first: BigInt(first), last: BigInt(last), item: 0 })),
        BigInt(from),
      );
      const end = Math.max(-1, ...pairs.map(([, last]) => last));
      for (let at = from; at <= end; at++) {
        const covered = pairs.filter(([first, last]) => first <= at && at <= last).length;
        const inGap = faults.some(({ kind, first, last }) => kind === 'gap' && first <= at && at <= last);
        assert.equal(inGap, covered === 0, `at ${at}`);
        if (covered > 1) assert.ok(faults.some(({ kind }) => kind === 'overlap' || kind === 'duplicate'));
      }
    }),
  );
});
