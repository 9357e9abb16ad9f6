import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { hashFromHex, toHex } from '../hashing/hash-value.js';
import { Accumulator } from './accumulator.js';
import { accumulatorRoot } from './accumulator-root.js';
import {
  AP,
  byteHash,
  cutAt,
  cuts,
  ledger,
  naiveAccumulatorRoot,
  pack,
  sampleHash,
  sampleHashes,
} from './naive-trees.test.support.js';
import { ACCUMULATOR_PLACEHOLDER } from './placeholders.js';
import { StoredAccumulator } from './stored-accumulator.js';

const hasher = ledger.transactionAccumulator;

/** Leaves are SHA3-256 of the bytes 0 to n - 1 (spec: formats.md, section 10). */
const GOLDEN = [
  [
    2,
    'c30e5c92b28cc7c62d597c48f00b191e5cb42594ec525762ef870c001ff64c06',
    '4908e3c7fe240a7fea544dd1565241d424405acab38fb412218fb78c1b7b56a9',
  ],
  [
    3,
    'b0efcbcf81939391bba8d08b9c9f3bdcdfc783f5e8389c379e2bd57c164131ab',
    '78988e3f9c80e388a1ab2532238a8387b0f2a9d5d7169f829c9d75b23729c0ce',
  ],
  [
    5,
    'd86b475fdb1c0de57869fdc250716a58039a22875a9b061c5cd16fa29a367c84',
    'e9b198a69610036c77c94e6f46fbddbaa29c6caae424a546f7a87b01faf290b2',
  ],
  [
    8,
    'b2239965eae163e1dd87af238137b791058d46fb21df04db0849108b68b7f55b',
    '4ba6c98d2a070517282b63a8618887cbb5cba0aac7f47a567f37d3e0116f4a2f',
  ],
  [
    11,
    'bac55bd4c721c39d0e3c3f1f650d1f71cc4ec2b9dfeafb27ce7974808f9cdfe3',
    'e86f45517cb422d940908bb9f32fdaa15c38e60a02e0e26d42670c1939387ef6',
  ],
] as const;

const goldenLeaves = (count: number) => Array.from({ length: count }, (_, index) => byteHash(index));

describe('accumulator roots', () => {
  it('are the placeholder without leaves, and the leaf itself with one', () => {
    assert.equal(toHex(ACCUMULATOR_PLACEHOLDER), toHex(AP));
    const leaf = hashFromHex('5d53469f20fef4f8eab52b88044ede69c77a6a68a60728609fc4a65ff531e7d0');
    assert.deepEqual(byteHash(0), leaf);
    const accumulator = new Accumulator(hasher);
    assert.deepEqual(accumulatorRoot(hasher, new Uint8Array(0), 0), AP);
    assert.deepEqual(accumulator.root(), AP);
    accumulator.append(leaf);
    assert.deepEqual(accumulatorRoot(hasher, leaf, 1), leaf);
    assert.deepEqual(accumulator.root(), leaf);
  });

  for (const [count, transactionRoot, eventRoot] of GOLDEN) {
    it(`come out as specified for ${count} leaves`, () => {
      const packed = pack(goldenLeaves(count));
      for (const [domain, root] of [
        [ledger.transactionAccumulator, transactionRoot],
        [ledger.eventAccumulator, eventRoot],
      ] as const) {
        const accumulator = new Accumulator(domain);
        accumulator.appendMany(packed);
        const stored = new StoredAccumulator(domain);
        stored.appendMany(packed);
        assert.equal(toHex(accumulatorRoot(domain, packed, count)), root);
        assert.equal(toHex(accumulator.root()), root);
        assert.equal(toHex(stored.root()), root);
      }
    });
  }

  it('has the specified frozen subtrees with 11 leaves', () => {
    const accumulator = new Accumulator(hasher);
    accumulator.appendMany(pack(goldenLeaves(11)));
    assert.deepEqual(accumulator.frozenRoots.map(toHex), [
      'b2239965eae163e1dd87af238137b791058d46fb21df04db0849108b68b7f55b',
      'b02cbf5dcef7bede345afb2242a2ec72c30222ebfc5d21ee90046f255dfb8d56',
      'a78f2c566b2439463a2e7ca515bbfa3f92948506583cbadaebdd507f277542bd',
    ]);
  });

  it('equal the definition for every count up to 130', () => {
    const leaves = sampleHashes(130);
    const accumulator = new Accumulator(hasher);
    for (let count = 0; count <= leaves.length; count++) {
      const root = naiveAccumulatorRoot(leaves.slice(0, count));
      assert.deepEqual(accumulatorRoot(hasher, pack(leaves), count), root, `${count} leaves`);
      assert.deepEqual(accumulator.root(), root, `${count} leaves`);
      accumulator.append(sampleHash(count));
    }
  });

  it('leave the packed leaves as they were', () => {
    const packed = pack(sampleHashes(21));
    const before = packed.slice();
    accumulatorRoot(hasher, packed, 21);
    new Accumulator(hasher).appendMany(packed);
    assert.deepEqual(packed, before);
  });
});

describe('Accumulator', () => {
  it('gives the same however the leaves are portioned', () => {
    fc.assert(
      fc.property(fc.nat(200), cuts, (count, places) => {
        const leaves = sampleHashes(count);
        const whole = new Accumulator(hasher);
        for (const leaf of leaves) whole.append(leaf);
        const portioned = new Accumulator(hasher);
        for (const part of cutAt(leaves, places)) portioned.appendMany(pack(part), part.length);
        assert.equal(portioned.leafCount, BigInt(count));
        assert.deepEqual(portioned.frozenRoots, whole.frozenRoots);
        assert.deepEqual(portioned.root(), naiveAccumulatorRoot(leaves));
      }),
    );
  });

  it('gives the same over several internal blocks as leaf by leaf', () => {
    const count = 40_001;
    const packed = new Uint8Array(count * 32);
    const whole = new Accumulator(hasher);
    for (let index = 0; index < count; index++) {
      new DataView(packed.buffer).setUint32(index * 32, index);
      whole.append(packed.subarray(index * 32, index * 32 + 32));
    }
    const blocks = new Accumulator(hasher);
    blocks.appendMany(packed);
    assert.deepEqual(blocks.frozenRoots, whole.frozenRoots);
    assert.deepEqual(blocks.root(), accumulatorRoot(hasher, packed, count));
  });

  it('goes on from its frozen roots, or from the left siblings of a range', () => {
    fc.assert(
      fc.property(fc.nat(200), fc.nat(60), (before, after) => {
        const leaves = sampleHashes(before + after);
        const start = new Accumulator(hasher);
        start.appendMany(pack(leaves.slice(0, before)));
        const roots = start.frozenRoots;
        const resumed = Accumulator.fromFrozenRoots(hasher, roots, BigInt(before));
        const ranged = Accumulator.fromLeftSiblings(hasher, roots.toReversed(), BigInt(before));
        for (const accumulator of [resumed, ranged]) {
          assert.deepEqual(accumulator.root(), start.root());
          accumulator.appendMany(pack(leaves.slice(before)), after);
          assert.deepEqual(accumulator.root(), naiveAccumulatorRoot(leaves));
        }
      }),
    );
  });

  it('does not notice what happens to its clone', () => {
    const original = new Accumulator(hasher);
    original.appendMany(pack(sampleHashes(7)));
    const root = original.root();
    const copy = original.clone();
    copy.append(sampleHash(7));
    assert.deepEqual(original.root(), root);
    assert.equal(original.leafCount, 7n);
    assert.deepEqual(copy.root(), naiveAccumulatorRoot(sampleHashes(8)));
  });

  it('refuses frozen roots that do not fit the leaf count', () => {
    const roots = sampleHashes(3);
    const error = { code: 'MERKLE_FROZEN_ROOT_COUNT' };
    assert.throws(() => Accumulator.fromFrozenRoots(hasher, roots, 8n), error);
    assert.throws(() => Accumulator.fromFrozenRoots(hasher, roots, 15n), error);
    assert.doesNotThrow(() => Accumulator.fromFrozenRoots(hasher, roots, 2n ** 62n + 2n ** 55n + 1n));
  });

  it('counts leaves beyond 2^53 exactly, and refuses more than 2^63', () => {
    const almost = 2n ** 63n - 2n;
    const roots = sampleHashes(62);
    const accumulator = Accumulator.fromFrozenRoots(hasher, roots, almost);
    accumulator.append(sampleHash(100));
    assert.equal(accumulator.leafCount, 2n ** 63n - 1n);
    const before = accumulator.root();
    const two = pack(sampleHashes(2));
    assert.throws(() => accumulator.appendMany(two), { code: 'MERKLE_TOO_MANY_LEAVES' });
    assert.deepEqual(accumulator.root(), before);
    const copy = accumulator.clone();
    accumulator.append(sampleHash(101));
    copy.appendMany(sampleHash(101), 1);
    assert.equal(accumulator.leafCount, 2n ** 63n);
    assert.equal(accumulator.frozenRoots.length, 1);
    assert.deepEqual(copy.root(), accumulator.root());
    assert.throws(() => accumulator.append(sampleHash(102)), { code: 'MERKLE_TOO_MANY_LEAVES' });
  });
});
