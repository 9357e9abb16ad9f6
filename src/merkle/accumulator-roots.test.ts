import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { HASH_SIZE, toHex } from '../hashing/hash-value.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../types/ledger-family.js';
import { accumulatorRoot } from './accumulator-root.js';
import { AccumulatorRoots } from './accumulator-roots.js';

const { eventAccumulator } = ledgerHashers(LEDGER_FAMILIES.aptos);

describe('roots of many accumulators', () => {
  it('are those of each by itself, whatever their sizes, call after call', () => {
    const roots = new AccumulatorRoots(eventAccumulator);
    const counts = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 200 })), {
      maxLength: 20,
    });
    fc.assert(
      fc.property(counts, fc.nat(255), (sizes, salt) => {
        const total = sizes.reduce((sum, size) => sum + size, 0);
        const leaves = Uint8Array.from(
          { length: total * HASH_SIZE },
          (_, index) => (index * 31 + salt) & 255,
        );
        const before = leaves.slice();
        const folded = roots.fold(leaves, sizes, sizes.length);
        assert.equal(folded.length, sizes.length * HASH_SIZE);
        assert.deepEqual(leaves, before, 'leaves are only read');
        let first = 0;
        sizes.forEach((size, index) => {
          const own = leaves.subarray(first * HASH_SIZE, (first + size) * HASH_SIZE);
          const root = folded.subarray(index * HASH_SIZE, (index + 1) * HASH_SIZE);
          assert.equal(
            toHex(root),
            toHex(accumulatorRoot(eventAccumulator, own, size)),
            `accumulator ${index}`,
          );
          first += size;
        });
      }),
    );
  });
});
