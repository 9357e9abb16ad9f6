import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { batchRange, nextSnapshotEpoch, skippedEpochs } from './coordinator-rules.js';

describe('the rules of continuous backups', () => {
  it('give the batches of the specification', () => {
    const cases: readonly (readonly [bigint | undefined, bigint, bigint, bigint])[] = [
      [undefined, 100n, 0n, 0n],
      [0n, 100n, 1n, 100n],
      [100n, 50n, 101n, 150n],
      [150n, 100n, 151n, 200n],
      [200n, 100n, 201n, 300n],
    ];
    for (const [last, size, first, end] of cases) assert.deepEqual(batchRange(last, size), [first, end]);
  });

  it('give the snapshots of the specification', () => {
    const cases: readonly (readonly [bigint | undefined, bigint, bigint])[] = [
      [undefined, 90n, 0n],
      [0n, 90n, 100n],
      [0n, 100n, 100n],
      [0n, 101n, 100n],
      [0n, 190n, 100n],
      [0n, 200n, 100n],
      [0n, 201n, 200n],
      [0n, 250n, 200n],
      [200n, 250n, 300n],
    ];
    for (const [last, node, next] of cases) assert.equal(nextSnapshotEpoch(last, node, 100n), next);
    assert.equal(nextSnapshotEpoch(5n, 19n, 5n), 15n);
    assert.deepEqual(skippedEpochs(5n, 15n, 5n), [10n]);
    assert.deepEqual(skippedEpochs(undefined, 15n, 5n), []);
  });

  it('cover every version once, from wherever a batch was cut short', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 1000n), fc.bigInt(1n, 50n), (last, size) => {
        const [first, end] = batchRange(last, size);
        assert.equal(first, last + 1n);
        assert.ok(end >= first && end % size === 0n && end - first < size);
      }),
    );
  });
});
