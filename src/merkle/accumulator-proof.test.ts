import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { toHex } from '../hashing/hash-value.js';
import {
  type AccumulatorProofClaim,
  type AccumulatorRangeClaim,
  rootFromNeighbours,
  verifyAccumulatorProof,
  verifyAccumulatorRangeProof,
} from './accumulator-proof.js';
import { checkRangeProofShape, populationCount } from './accumulator-shape.js';
import { MerkleError } from './merkle-error.js';
import {
  AP,
  byteHash,
  flipBit,
  ledger,
  naiveAccumulatorRoot,
  naiveRangeProof,
  naiveRangeVerdict,
  pack,
  sampleHash,
  sampleHashes,
} from './naive-trees.test.support.js';
import { StoredAccumulator } from './stored-accumulator.js';

const hasher = ledger.transactionAccumulator;

/** A range of a tree with at least one leaf. */
const ranges = fc.tuple(fc.integer({ min: 1, max: 200 }), fc.nat(), fc.nat()).map(([leafCount, a, b]) => {
  const first = a % leafCount;
  return { leafCount, first, last: first + (b % (leafCount - first)) };
});

function rangeClaim(leafCount: number, first: number, last: number): AccumulatorRangeClaim {
  const leaves = sampleHashes(leafCount);
  const { left, right } = naiveRangeProof(leaves, first, last);
  return {
    root: naiveAccumulatorRoot(leaves),
    firstIndex: BigInt(first),
    packedLeaves: pack(leaves.slice(first, last + 1)),
    count: last - first + 1,
    leftSiblings: left,
    rightSiblings: right,
    leafCount: BigInt(leafCount),
  };
}

function withoutLeafCount({ leafCount: _, ...claim }: AccumulatorRangeClaim): AccumulatorRangeClaim {
  return claim;
}

function refusal(check: () => void): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    assert.ok(error instanceof MerkleError, String(error));
    return error.code;
  }
}

/** One list with one element changed, left out or put in. */
function mutate<T>(list: readonly T[], kind: number, at: number, change: (one: T) => T, extra: T): T[] {
  const copy = [...list];
  const index = list.length === 0 ? 0 : at % list.length;
  const chosen = copy[index];
  if (kind === 0 && chosen !== undefined) copy[index] = change(chosen);
  else if (kind === 1) copy.splice(index, 1);
  else copy.splice(at % (list.length + 1), 0, extra);
  return copy;
}

describe('the proof of one leaf', () => {
  it('has the specified siblings for leaf 10 of 11', () => {
    const stored = new StoredAccumulator(hasher);
    for (let index = 0; index < 11; index++) stored.append(byteHash(index));
    assert.deepEqual(stored.proof(10).siblings.map(toHex), [
      toHex(AP),
      'b02cbf5dcef7bede345afb2242a2ec72c30222ebfc5d21ee90046f255dfb8d56',
      toHex(AP),
      'b2239965eae163e1dd87af238137b791058d46fb21df04db0849108b68b7f55b',
    ]);
  });

  it('holds for every leaf of every earlier size of a stored accumulator', () => {
    const leaves = sampleHashes(40);
    const stored = new StoredAccumulator(hasher);
    stored.appendMany(pack(leaves));
    for (let leafCount = 1; leafCount <= leaves.length; leafCount++) {
      const root = naiveAccumulatorRoot(leaves.slice(0, leafCount));
      for (let index = 0; index < leafCount; index++) {
        const claim = { root, leafHash: stored.leaf(index), index: BigInt(index) };
        const { siblings } = stored.proof(index, leafCount);
        verifyAccumulatorProof(hasher, { ...claim, siblings });
        verifyAccumulatorProof(hasher, { ...claim, siblings, leafCount: BigInt(leafCount) });
      }
    }
  });

  it('is refused with any bit flipped, another index, or siblings too few or too many', () => {
    const mutations = fc.tuple(fc.nat(6), fc.nat(), fc.nat(255));
    fc.assert(
      fc.property(ranges, mutations, fc.boolean(), ({ leafCount, first }, [kind, at, bit], isStrict) => {
        const stored = new StoredAccumulator(hasher);
        stored.appendMany(pack(sampleHashes(leafCount)));
        const honest: AccumulatorProofClaim = {
          root: stored.root(),
          leafHash: stored.leaf(first),
          index: BigInt(first),
          siblings: stored.proof(first).siblings,
          ...(isStrict ? { leafCount: BigInt(leafCount) } : {}),
        };
        const { siblings } = honest;
        let claim: AccumulatorProofClaim;
        if (kind === 0) claim = { ...honest, root: flipBit(honest.root, bit) };
        else if (kind === 1) claim = { ...honest, leafHash: flipBit(honest.leafHash, bit) };
        else if (kind === 2) claim = { ...honest, index: honest.index ^ (1n << BigInt(at % 63)) };
        else {
          if (siblings.length === 0 && kind < 5) return;
          const list = mutate(siblings, kind - 3, at, (one) => flipBit(one, bit), sampleHash(bit));
          claim = { ...honest, siblings: list };
        }
        assert.equal(
          refusal(() => verifyAccumulatorProof(hasher, honest)),
          undefined,
        );
        assert.notEqual(
          refusal(() => verifyAccumulatorProof(hasher, claim)),
          undefined,
        );
      }),
      { numRuns: 300 },
    );
  });

  it('is refused with a code that says why', () => {
    const leafHash = sampleHash(0);
    const claim = { root: leafHash, leafHash, index: 0n, siblings: [] };
    const code = (changes: Partial<AccumulatorProofClaim>) =>
      refusal(() => verifyAccumulatorProof(hasher, { ...claim, ...changes }));
    assert.equal(code({}), undefined);
    assert.equal(code({ siblings: sampleHashes(64) }), 'MERKLE_TOO_MANY_SIBLINGS');
    assert.equal(code({ index: 1n }), 'MERKLE_INDEX_OUT_OF_RANGE');
    assert.equal(code({ index: -1n }), 'MERKLE_INDEX_OUT_OF_RANGE');
    assert.equal(code({ index: 5n, leafCount: 5n, siblings: sampleHashes(3) }), 'MERKLE_INDEX_OUT_OF_RANGE');
    assert.equal(code({ leafCount: 2n }), 'MERKLE_MISSING_SIBLING');
    assert.equal(code({ leafCount: 1n, siblings: sampleHashes(1) }), 'MERKLE_EXTRA_SIBLINGS');
    assert.equal(code({ root: sampleHash(1) }), 'MERKLE_ROOT_MISMATCH');
  });

  it('names both roots when they differ', () => {
    const claim = { root: sampleHash(1), leafHash: sampleHash(0), index: 0n, siblings: [] };
    const facts = { expected: toHex(sampleHash(1)), actual: toHex(sampleHash(0)) };
    assert.throws(() => verifyAccumulatorProof(hasher, claim), { code: 'MERKLE_ROOT_MISMATCH', facts });
  });
});

describe('the proof of a range', () => {
  it('has the specified siblings for leaves 3 to 5 of 11', () => {
    const stored = new StoredAccumulator(hasher);
    for (let index = 0; index < 11; index++) stored.append(byteHash(index));
    const proof = stored.rangeProof(3, 5);
    assert.deepEqual(proof.left_siblings.map(toHex), [
      '0a1e2736777f80a62beb2df72b649878481c0ca10194b832b5136befbae54017',
      'c30e5c92b28cc7c62d597c48f00b191e5cb42594ec525762ef870c001ff64c06',
    ]);
    assert.deepEqual(proof.right_siblings.map(toHex), [
      'a49a3036489cab370e9e727a89ccf070f2d15e99e184cce4eb630fb86b82ccff',
      '02d34502706b512492c11556a7f1da884d530dc0fd7a07c79d53e39b1ed4f0f4',
    ]);
  });

  it('holds for any range, from the definition and from a stored accumulator alike', () => {
    fc.assert(
      fc.property(ranges, fc.nat(50), ({ leafCount, first, last }, more) => {
        const claim = rangeClaim(leafCount, first, last);
        const stored = new StoredAccumulator(hasher);
        stored.appendMany(pack(sampleHashes(leafCount + more)));
        const proof = stored.rangeProof(first, last, leafCount);
        assert.deepEqual(proof.left_siblings, claim.leftSiblings);
        assert.deepEqual(proof.right_siblings, claim.rightSiblings);
        assert.deepEqual(stored.root(leafCount), claim.root);
        assert.deepEqual(stored.leaves(first, last), claim.packedLeaves);
        assert.deepEqual(stored.frozenRoots(first), proof.left_siblings.toReversed());
        verifyAccumulatorRangeProof(hasher, claim);
        verifyAccumulatorRangeProof(hasher, withoutLeafCount(claim));
      }),
    );
  });

  it('is refused once anything is changed, and otherwise judged as level by level', () => {
    const mutations = fc.tuple(fc.nat(9), fc.nat(), fc.nat(255));
    fc.assert(
      fc.property(ranges, mutations, ({ leafCount, first, last }, [kind, at, bit]) => {
        const honest = rangeClaim(leafCount, first, last);
        const leaves = sampleHashes(leafCount).slice(first, last + 1);
        let changed = leaves;
        let claim = honest;
        const side = kind < 5 ? 'leftSiblings' : 'rightSiblings';
        if (kind === 0) claim = { ...honest, root: flipBit(honest.root, bit) };
        else if (kind === 1) claim = { ...honest, firstIndex: BigInt(first ^ (1 << (at % 30))) };
        else if (kind === 5 || kind === 6 || kind === 7) {
          changed = mutate(leaves, kind - 5, at, (one) => flipBit(one, bit), sampleHash(1000));
          claim = { ...honest, packedLeaves: pack(changed), count: changed.length };
        } else {
          const list = honest[side];
          const change = at % 3;
          if (list.length === 0 && change < 2) return;
          claim = {
            ...honest,
            [side]: mutate(list, change, at, (one) => flipBit(one, bit), sampleHash(bit)),
          };
        }
        const lax = withoutLeafCount(claim);
        const strictVerdict = refusal(() => verifyAccumulatorRangeProof(hasher, claim));
        const verdict = refusal(() => verifyAccumulatorRangeProof(hasher, lax));
        const proof = { left: lax.leftSiblings, right: lax.rightSiblings };
        const naive = naiveRangeVerdict(lax.root, lax.firstIndex ?? 0n, changed, proof);
        assert.notEqual(strictVerdict, undefined);
        // The reference lets a first index pass whose highest bits have no siblings.
        if (populationCount(lax.firstIndex ?? 0n) <= lax.leftSiblings.length) {
          assert.equal(verdict === undefined, naive);
        } else {
          assert.equal(verdict, 'MERKLE_MISSING_LEFT_SIBLING');
        }
      }),
      { numRuns: 400 },
    );
  });

  it('does not let the first index be claimed too high, which the level-by-level check does', () => {
    const claim = withoutLeafCount(rangeClaim(8, 0, 7));
    const leaves = sampleHashes(8);
    assert.equal(naiveRangeVerdict(claim.root, 8n, leaves, { left: [], right: [] }), true);
    const shifted = { ...claim, firstIndex: 8n };
    assert.throws(() => verifyAccumulatorRangeProof(hasher, shifted), {
      code: 'MERKLE_MISSING_LEFT_SIBLING',
    });
  });

  it('is refused with a code that says why', () => {
    const honest = withoutLeafCount(rangeClaim(11, 3, 5));
    const code = (changes: Partial<AccumulatorRangeClaim>) =>
      refusal(() => verifyAccumulatorRangeProof(hasher, { ...honest, ...changes }));
    const none = { firstIndex: undefined, count: 0, leftSiblings: [], rightSiblings: [] };
    assert.equal(code({}), undefined);
    assert.equal(code(none), undefined);
    assert.equal(code({ ...none, count: 3 }), 'MERKLE_EMPTY_RANGE');
    assert.equal(code({ ...none, leftSiblings: [AP] }), 'MERKLE_EXTRA_SIBLINGS');
    assert.equal(code({ ...none, rightSiblings: [AP] }), 'MERKLE_EXTRA_SIBLINGS');
    assert.equal(code({ count: 0 }), 'MERKLE_EMPTY_RANGE');
    assert.equal(code({ leftSiblings: sampleHashes(64) }), 'MERKLE_TOO_MANY_SIBLINGS');
    assert.equal(code({ rightSiblings: sampleHashes(64) }), 'MERKLE_TOO_MANY_SIBLINGS');
    assert.equal(code({ rightSiblings: sampleHashes(63) }), 'MERKLE_TOO_MANY_SIBLINGS');
    assert.equal(code({ leftSiblings: honest.leftSiblings.slice(1) }), 'MERKLE_MISSING_LEFT_SIBLING');
    assert.equal(code({ leftSiblings: [...honest.leftSiblings, AP] }), 'MERKLE_EXTRA_SIBLINGS');
    assert.equal(code({ rightSiblings: [] }), 'MERKLE_MISSING_RIGHT_SIBLING');
    assert.equal(code({ rightSiblings: [...honest.rightSiblings, AP] }), 'MERKLE_ROOT_MISMATCH');
    assert.equal(
      code({ rightSiblings: [...honest.rightSiblings, AP], leafCount: 11n }),
      'MERKLE_EXTRA_SIBLINGS',
    );
    assert.equal(code({ leafCount: 5n }), 'MERKLE_INDEX_OUT_OF_RANGE');
    assert.equal(code({ leafCount: 2n ** 63n + 1n }), 'MERKLE_TOO_MANY_LEAVES');
    assert.equal(code({ firstIndex: 2n ** 64n - 1n }), 'MERKLE_MISSING_LEFT_SIBLING');
  });
});

describe('the shape of a range proof', () => {
  it('fits every honest proof, and no proof with a sibling more or less', () => {
    fc.assert(
      fc.property(ranges, fc.constantFrom(-1, 1), ({ leafCount, first, last }, change) => {
        const { left, right } = naiveRangeProof(sampleHashes(leafCount), first, last);
        const shape = {
          firstIndex: BigInt(first),
          lastIndex: BigInt(last),
          leafCount: BigInt(leafCount),
          leftCount: left.length,
          rightCount: right.length,
        };
        checkRangeProofShape(shape);
        const extra = 'MERKLE_EXTRA_SIBLINGS';
        assert.throws(() => checkRangeProofShape({ ...shape, leftCount: left.length + change }), {
          code: change > 0 ? extra : 'MERKLE_MISSING_LEFT_SIBLING',
        });
        assert.throws(() => checkRangeProofShape({ ...shape, rightCount: right.length + change }), {
          code: change > 0 ? extra : 'MERKLE_MISSING_RIGHT_SIBLING',
        });
      }),
    );
  });

  it('is refused for a range that is empty or outside the tree', () => {
    const shape = { firstIndex: 0n, lastIndex: 3n, leafCount: 4n, leftCount: 0, rightCount: 0 };
    checkRangeProofShape(shape);
    const code = (changes: object) => refusal(() => checkRangeProofShape({ ...shape, ...changes }));
    assert.equal(code({ lastIndex: -1n }), 'MERKLE_EMPTY_RANGE');
    assert.equal(code({ lastIndex: 4n }), 'MERKLE_INDEX_OUT_OF_RANGE');
    assert.equal(code({ firstIndex: -1n }), 'MERKLE_INDEX_OUT_OF_RANGE');
    assert.equal(code({ leafCount: 2n ** 63n + 1n }), 'MERKLE_TOO_MANY_LEAVES');
  });
});

describe('the proofs of two adjacent ranges', () => {
  const neighbours = fc.tuple(ranges, fc.nat(99), fc.nat(60));

  it('imply the root of the earlier tree without any leaves', () => {
    fc.assert(
      fc.property(neighbours, ({ 0: { leafCount, first, last }, 1: laterLeaves, 2: more }) => {
        const stored = new StoredAccumulator(hasher);
        stored.appendMany(pack(sampleHashes(leafCount + laterLeaves + more + 1)));
        const earlier = stored.rangeProof(first, last, leafCount);
        const later = stored.rangeProof(last + 1, last + 1 + laterLeaves);
        const implied = rootFromNeighbours(hasher, {
          boundary: BigInt(last + 1),
          laterLeftSiblings: later.left_siblings,
          earlierRightSiblings: earlier.right_siblings,
        });
        assert.deepEqual(implied, stored.root(leafCount));
      }),
    );
  });

  it('imply another root when any of these siblings differs', () => {
    fc.assert(
      fc.property(ranges, fc.boolean(), fc.nat(), fc.nat(255), ({ leafCount, last }, isLeft, at, bit) => {
        const leaves = sampleHashes(leafCount);
        const { right } = naiveRangeProof(leaves, last, last);
        const { left } = naiveRangeProof(sampleHashes(leafCount + 1), last + 1, last + 1);
        if ((isLeft ? left : right).length === 0) return;
        const flip = (list: typeof left) => mutate(list, 0, at, (one) => flipBit(one, bit), AP);
        const implied = rootFromNeighbours(hasher, {
          boundary: BigInt(last + 1),
          laterLeftSiblings: isLeft ? flip(left) : left,
          earlierRightSiblings: isLeft ? right : flip(right),
        });
        assert.notDeepEqual(implied, naiveAccumulatorRoot(leaves));
      }),
    );
  });

  it('cannot meet before the first leaf', () => {
    const nothing = { boundary: 0n, laterLeftSiblings: [], earlierRightSiblings: [] };
    assert.throws(() => rootFromNeighbours(hasher, nothing), { code: 'MERKLE_EMPTY_RANGE' });
  });
});
