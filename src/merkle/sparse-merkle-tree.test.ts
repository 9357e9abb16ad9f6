import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { HASH_SIZE, type HashValue, toHex } from '../hashing/hash-value.js';
import { MerkleError } from './merkle-error.js';
import {
  bitOf,
  flipBit,
  naiveRightSiblings,
  naiveStateProof,
  naiveStateRoot,
  SP,
  type StateLeaf,
  sampleHash,
  stateHashers,
  stateLeaves,
} from './naive-trees.test.support.js';
import { SPARSE_MERKLE_PLACEHOLDER } from './placeholders.js';
import { GOLDEN_LEAVES, GOLDEN_RIGHT_SIBLINGS, GOLDEN_ROOTS } from './sparse-merkle-golden.test.support.js';
import {
  type SparseMerkleClaim,
  type SparseMerkleRangeClaim,
  verifySparseMerkleProof,
  verifySparseMerkleRangeProof,
} from './sparse-merkle-proof.js';
import { SparseMerkleTree } from './sparse-merkle-tree.js';

function treeOf(leaves: readonly StateLeaf[]): SparseMerkleTree {
  return SparseMerkleTree.empty(stateHashers).update(leaves.map(({ key, value }) => [key, value] as const));
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

describe('SparseMerkleTree', () => {
  it('has the placeholder as its root when it is empty', () => {
    assert.equal(toHex(SPARSE_MERKLE_PLACEHOLDER), toHex(SP));
    assert.deepEqual(treeOf([]).root, SP);
    assert.equal(treeOf([]).size, 0);
    assert.deepEqual(treeOf([]).proof(sampleHash(0)), { leaf: undefined, siblings: [] });
  });

  GOLDEN_ROOTS.forEach((root, index) => {
    it(`has the specified root with ${index + 1} of the golden leaves`, () => {
      assert.equal(toHex(treeOf(GOLDEN_LEAVES.slice(0, index + 1)).root), root);
    });
  });

  for (const [index, siblings] of GOLDEN_RIGHT_SIBLINGS) {
    it(`has the specified right siblings for golden leaf ${index}`, () => {
      const key = GOLDEN_LEAVES[index]?.key ?? SP;
      assert.deepEqual(treeOf(GOLDEN_LEAVES).rangeProof(key).right_siblings.map(toHex), siblings);
    });
  }

  it('equals the definition, whatever the order of insertion', () => {
    fc.assert(
      fc.property(stateLeaves(), fc.nat(), (leaves, seed) => {
        const shuffled = leaves.toSorted(
          (left, right) =>
            ((left.key[seed % HASH_SIZE] ?? 0) ^ 85) - ((right.key[seed % HASH_SIZE] ?? 0) ^ 85),
        );
        const tree = treeOf(shuffled);
        assert.equal(tree.size, leaves.length);
        assert.deepEqual(tree.root, naiveStateRoot(leaves));
        assert.deepEqual(
          [...tree.entries()],
          leaves.map(({ key, value }) => [key, value]),
        );
      }),
    );
  });

  it('follows insertions, changes and removals, and leaves earlier trees as they were', () => {
    const steps = fc.array(fc.array(fc.tuple(fc.nat(), fc.boolean()), { maxLength: 12 }), { maxLength: 12 });
    fc.assert(
      fc.property(stateLeaves({ minLength: 1, maxLength: 60 }), steps, (leaves, batches) => {
        const model = new Map<string, StateLeaf>();
        const history: [SparseMerkleTree, HashValue][] = [];
        let tree = treeOf([]);
        let serial = 0;
        for (const batch of batches) {
          const updates: [HashValue, HashValue | undefined][] = [];
          for (const [pick, isRemoval] of batch) {
            const key = leaves[pick % leaves.length]?.key ?? SP;
            const value = sampleHash(serial++);
            updates.push([key, isRemoval ? undefined : value]);
            if (isRemoval) model.delete(toHex(key));
            else model.set(toHex(key), { key, value });
          }
          tree = tree.update(updates);
          const root = naiveStateRoot([...model.values()]);
          assert.deepEqual(tree.root, root);
          assert.equal(tree.size, model.size);
          history.push([tree, root]);
        }
        for (const [earlier, root] of history) assert.deepEqual(earlier.root, root);
        for (const { key } of leaves) assert.deepEqual(tree.get(key), model.get(toHex(key))?.value);
      }),
    );
  });

  it('proves every key that it has and any key that it has not, as the definition does', () => {
    fc.assert(
      fc.property(
        stateLeaves({ maxLength: 40 }),
        fc.array(fc.nat(255), { maxLength: 5 }),
        (leaves, flips) => {
          const tree = treeOf(leaves);
          const near = leaves.flatMap(({ key }) => flips.map((bit) => flipBit(key, bit)));
          for (const key of [...leaves.map((leaf) => leaf.key), ...near, sampleHash(0)]) {
            const expected = naiveStateProof(leaves, key);
            const proof = tree.proof(key);
            assert.deepEqual(proof.siblings, expected.siblings);
            const leaf = expected.leaf && { key: expected.leaf.key, value_hash: expected.leaf.value };
            assert.deepEqual(proof.leaf, leaf);
            verifySparseMerkleProof(stateHashers, {
              root: tree.root,
              key,
              valueHash: tree.get(key),
              ...proof,
            });
          }
          for (const { key } of leaves) {
            assert.deepEqual(tree.rangeProof(key).right_siblings, naiveRightSiblings(leaves, key));
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('a sparse Merkle proof', () => {
  const claims = fc
    .tuple(stateLeaves({ minLength: 1, maxLength: 40 }), fc.nat(), fc.boolean(), fc.nat(255))
    .map(([leaves, pick, isPresent, bit]): SparseMerkleClaim => {
      const tree = treeOf(leaves);
      const present = leaves[pick % leaves.length]?.key ?? SP;
      const key = isPresent ? present : flipBit(present, bit);
      return { root: tree.root, key, valueHash: tree.get(key), ...tree.proof(key) };
    });

  it('is refused with any bit flipped, a sibling more or less, or the opposite claim', () => {
    fc.assert(
      fc.property(claims, fc.nat(6), fc.nat(), fc.nat(255), (honest, kind, at, bit) => {
        const { siblings, leaf } = honest;
        const index = siblings.length === 0 ? 0 : at % siblings.length;
        const changes = ((): Partial<SparseMerkleClaim> | undefined => {
          switch (kind) {
            case 0:
              return { root: flipBit(honest.root, bit) };
            case 1:
              return leaf && { leaf: { ...leaf, key: flipBit(leaf.key, bit) } };
            case 2:
              return leaf && { leaf: { ...leaf, value_hash: flipBit(leaf.value_hash, bit) } };
            case 3:
              return siblings.length === 0
                ? undefined
                : { siblings: siblings.with(index, flipBit(siblings[index] ?? SP, bit)) };
            case 4:
              return siblings.length === 0 ? undefined : { siblings: siblings.toSpliced(index, 1) };
            case 5:
              return { siblings: siblings.toSpliced(index, 0, at % 2 ? SP : sampleHash(at)) };
            default:
              return { valueHash: honest.valueHash ? undefined : sampleHash(0) };
          }
        })();
        if (changes === undefined) return;
        assert.equal(
          refusal(() => verifySparseMerkleProof(stateHashers, honest)),
          undefined,
        );
        assert.notEqual(
          refusal(() => verifySparseMerkleProof(stateHashers, { ...honest, ...changes })),
          undefined,
        );
      }),
      { numRuns: 400 },
    );
  });

  it('does not exclude a key by a leaf from elsewhere in the tree', () => {
    const tree = treeOf(GOLDEN_LEAVES);
    const [first, , third] = GOLDEN_LEAVES;
    assert.ok(first && third);
    const other = { key: third.key, value_hash: third.value };
    const { siblings } = tree.proof(first.key);
    const claim = { root: tree.root, key: first.key, valueHash: undefined, siblings };
    const code = (leaf: SparseMerkleClaim['leaf']) =>
      refusal(() => verifySparseMerkleProof(stateHashers, { ...claim, leaf }));
    assert.equal(code(other), 'MERKLE_LEAF_MISMATCH');
    assert.equal(code({ key: first.key, value_hash: first.value }), 'MERKLE_LEAF_MISMATCH');
    assert.equal(code(undefined), 'MERKLE_ROOT_MISMATCH');
  });

  it('is refused with a code that says why', () => {
    const [leaf] = GOLDEN_LEAVES;
    assert.ok(leaf);
    const { key, value } = leaf;
    const tree = treeOf(GOLDEN_LEAVES);
    const honest = { root: tree.root, key, valueHash: value, ...tree.proof(key) };
    const code = (changes: Partial<SparseMerkleClaim>) =>
      refusal(() => verifySparseMerkleProof(stateHashers, { ...honest, ...changes }));
    assert.equal(code({}), undefined);
    assert.equal(code({ leaf: undefined }), 'MERKLE_LEAF_MISMATCH');
    assert.equal(code({ leaf: { key: sampleHash(0), value_hash: value } }), 'MERKLE_LEAF_MISMATCH');
    assert.equal(code({ leaf: { key, value_hash: sampleHash(0) } }), 'MERKLE_LEAF_MISMATCH');
    assert.equal(code({ siblings: new Array(257).fill(SP) }), 'MERKLE_TOO_MANY_SIBLINGS');
    assert.equal(code({ root: SP }), 'MERKLE_ROOT_MISMATCH');
  });
});

describe('a sparse Merkle range proof', () => {
  const claims = fc
    .tuple(stateLeaves({ minLength: 1, maxLength: 40 }), fc.nat())
    .map(([leaves, pick]): SparseMerkleRangeClaim => {
      const { key, value } = leaves[pick % leaves.length] ?? { key: SP, value: SP };
      const { siblings } = naiveStateProof(leaves, key);
      const side = (bit: number) => siblings.filter((_, depth) => bitOf(key, depth) === bit).reverse();
      const root = naiveStateRoot(leaves);
      return { root, key, valueHash: value, leftSiblings: side(1), rightSiblings: side(0) };
    });

  it('holds for every leaf, and is refused once anything is changed', () => {
    fc.assert(
      fc.property(claims, fc.nat(9), fc.nat(), fc.nat(255), (honest, kind, at, bit) => {
        verifySparseMerkleRangeProof(stateHashers, honest);
        const side = kind % 2 === 0 ? 'leftSiblings' : 'rightSiblings';
        const list = honest[side];
        const index = list.length === 0 ? 0 : at % list.length;
        let claim: SparseMerkleRangeClaim;
        if (kind < 2) claim = { ...honest, root: flipBit(honest.root, bit) };
        else if (kind === 2) claim = { ...honest, key: flipBit(honest.key, bit) };
        else if (kind === 3) claim = { ...honest, valueHash: flipBit(honest.valueHash, bit) };
        else if (kind < 6) {
          if (list.length === 0) return;
          claim = { ...honest, [side]: list.with(index, flipBit(list[index] ?? SP, bit)) };
        } else if (kind < 8) {
          if (list.length === 0) return;
          claim = { ...honest, [side]: list.toSpliced(index, 1) };
        } else claim = { ...honest, [side]: list.toSpliced(index, 0, at % 2 ? SP : sampleHash(at)) };
        assert.notEqual(
          refusal(() => verifySparseMerkleRangeProof(stateHashers, claim)),
          undefined,
        );
      }),
      { numRuns: 300 },
    );
  });

  it('names the side on which a sibling is missing', () => {
    const key = new Uint8Array(HASH_SIZE);
    const claim = { root: SP, key, valueHash: SP, leftSiblings: [SP], rightSiblings: [] };
    const missingRight = { code: 'MERKLE_MISSING_RIGHT_SIBLING' };
    const missingLeft = { code: 'MERKLE_MISSING_LEFT_SIBLING' };
    assert.throws(() => verifySparseMerkleRangeProof(stateHashers, claim), missingRight);
    const opposite = { ...claim, key: key.map(() => 255), leftSiblings: [], rightSiblings: [SP] };
    assert.throws(() => verifySparseMerkleRangeProof(stateHashers, opposite), missingLeft);
    const long = { ...claim, rightSiblings: new Array<HashValue>(256).fill(SP) };
    assert.throws(() => verifySparseMerkleRangeProof(stateHashers, long), {
      code: 'MERKLE_TOO_MANY_SIBLINGS',
    });
  });
});
