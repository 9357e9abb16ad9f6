import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { toHex } from '../hashing/hash-value.js';
import { packedLeafHashes, sparseMerkleHashers } from '../merkle/sparse-merkle-hashers.js';
import { SparseMerkleTree } from '../merkle/sparse-merkle-tree.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../types/ledger-family.js';
import { CarriedLeaves, type HashedLeaves } from './carried-leaves.js';
import type { PrunedTree } from './pruned-tree.js';
import { PrunedTreeBuilder } from './pruned-tree-builder.js';
import { type SortedKeys, TouchedKeys } from '../merkle/touched-keys.js';

const hashers = sparseMerkleHashers(ledgerHashers(LEDGER_FAMILIES.aptos));

/** Keys that share long prefixes as well as keys that share none. */
const key = fc
  .tuple(
    fc.array(fc.constantFrom(0, 1, 0x80, 0xff), { maxLength: 3 }),
    fc.integer({ min: 0, max: 15 }),
    fc.boolean(),
  )
  .map(([head, tail, deep]) => {
    const bytes = new Uint8Array(32);
    bytes.set(head);
    bytes[deep ? 31 : 4] = tail;
    return bytes;
  });
const keySet = fc.uniqueArray(key, { selector: toHex, maxLength: 60 });

function valueHash(number: number): Uint8Array {
  return new Uint8Array(32).fill(number & 0xff);
}

function sorted(keys: readonly Uint8Array[]): Uint8Array[] {
  return [...keys].sort(Buffer.compare);
}

function leavesOf(entries: readonly (readonly [Uint8Array, Uint8Array])[]): HashedLeaves {
  const keys = new Uint8Array(Buffer.concat(entries.map(([each]) => each)));
  const values = Buffer.concat(entries.map(([, value]) => value));
  const count = entries.length;
  return { keys, leafHashes: packedLeafHashes(hashers.leaf, keys, values, 0, count), count };
}

function touchedOf(keys: readonly Uint8Array[]): { touched: SortedKeys; numbers: number[] } {
  const set = new TouchedKeys();
  const numbers = keys.map((each) => set.intern(new Uint32Array(each.slice().buffer), 0));
  return { touched: set.sorted(), numbers };
}

/** Builds in portions of `step` leaves, with carried ones laid over. */
function build(
  entries: readonly (readonly [Uint8Array, Uint8Array])[],
  touched: SortedKeys,
  step: number,
  carried = CarriedLeaves.none,
): PrunedTree {
  const builder = new PrunedTreeBuilder(hashers, touched);
  let next = 0;
  for (let from = 0; from < entries.length; from += step) {
    const laid = carried.layOver(leavesOf(entries.slice(from, from + step)), next);
    builder.add(laid.leaves);
    next = laid.next;
  }
  builder.add(carried.layOver(undefined, next).leaves);
  return builder.finish();
}

function leafHash(keyHash: Uint8Array, value: Uint8Array): Uint8Array {
  return packedLeafHashes(hashers.leaf, keyHash, value, 0, 1).subarray(0, 32);
}

const change = fc.record({ pick: fc.nat(), value: fc.option(fc.integer({ min: 0, max: 255 })) });

describe('touched keys', () => {
  it('have one number each, and their places are those of the sorted keys', () => {
    fc.assert(
      fc.property(fc.array(key, { maxLength: 200 }), (keys) => {
        const { touched, numbers } = touchedOf(keys);
        const expected = sorted([...new Map(keys.map((each) => [toHex(each), each])).values()]);
        assert.equal(touched.count, expected.length);
        assert.equal(toHex(touched.packed), toHex(Buffer.concat(expected)));
        keys.forEach((each, index) => {
          const place = touched.ranks[numbers[index] ?? -1] ?? -1;
          assert.equal(toHex(touched.packed.subarray(place * 32, place * 32 + 32)), toHex(each));
        });
      }),
    );
  });
});

describe('a pruned tree', () => {
  it('has the root of the whole tree after every round of changes, whatever is touched', () => {
    fc.assert(
      fc.property(
        keySet,
        keySet,
        fc.array(fc.nat(), { maxLength: 30 }),
        fc.array(fc.array(change, { maxLength: 12 }), { maxLength: 6 }),
        fc.integer({ min: 1, max: 70 }),
        (inTree, others, picks, rounds, step) => {
          const entries = sorted(inTree).map((each, index) => [each, valueHash(index)] as const);
          const chosen = picks.map((pick) => inTree[pick % Math.max(1, inTree.length)]);
          const candidates = [...others, ...chosen.filter((each) => each !== undefined)];
          const { touched } = touchedOf(candidates);
          const tree = build(entries, touched, step);
          let model = SparseMerkleTree.empty(hashers).update(entries);
          assert.equal(toHex(tree.root()), toHex(model.root));
          for (const round of touched.count > 0 ? rounds : []) {
            for (const { pick, value } of round) {
              const place = pick % touched.count;
              const changed = touched.packed.slice(place * 32, place * 32 + 32);
              if (value === null) tree.remove(place);
              else tree.put(place, leafHash(changed, valueHash(value)));
              model = model.update([[changed, value === null ? undefined : valueHash(value)]]);
            }
            assert.equal(toHex(tree.root()), toHex(model.root));
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  it('is the tree of a later state when what was written since is laid over, twice as well', () => {
    fc.assert(
      fc.property(
        keySet,
        fc.tuple(keySet, keySet, keySet),
        fc.array(change, { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 70 }),
        (inTree, [first, second, third], changes, step) => {
          const entries = sorted(inTree).map((each, index) => [each, valueHash(index)] as const);
          let model = SparseMerkleTree.empty(hashers).update(entries);
          let carried = CarriedLeaves.none;
          for (const keys of [first, second, third]) {
            const touchedKeys = [...keys, ...inTree.slice(0, keys.length)];
            const { touched } = touchedOf(touchedKeys);
            const tree = build(entries, touched, step, carried);
            assert.equal(toHex(tree.root()), toHex(model.root));
            for (const { pick, value } of touched.count > 0 ? changes : []) {
              const place = pick % touched.count;
              const changed = touched.packed.slice(place * 32, place * 32 + 32);
              if (value === null) tree.remove(place);
              else tree.put(place, leafHash(changed, valueHash(value)));
              model = model.update([[changed, value === null ? undefined : valueHash(value)]]);
            }
            carried = carried.with(CarriedLeaves.of(tree, touched));
          }
          assert.equal(toHex(build(entries, touchedOf([]).touched, step, carried).root()), toHex(model.root));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('keeps few nodes for few touched keys', () => {
    const keys = Array.from({ length: 20_000 }, (_, index) =>
      ledgerHashers(LEDGER_FAMILIES.aptos).stateKey.hash(Buffer.from(`${index}`)),
    );
    const entries = sorted(keys).map((each) => [each, valueHash(1)] as const);
    const { touched } = touchedOf(keys.slice(0, 10));
    const tree = build(entries, touched, 4096);
    assert.ok(tree.nodeCount < 2 * 10 * 16, `${tree.nodeCount} nodes`);
    assert.equal(toHex(tree.root()), toHex(SparseMerkleTree.empty(hashers).update(entries).root));
  });
});
