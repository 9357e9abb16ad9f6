import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { HASH_SIZE, type HashValue, hashFromHex, toHex } from '../hashing/hash-value.js';
import { MerkleError } from './merkle-error.js';
import {
  cutAt,
  cuts,
  flipBit,
  naiveRightSiblings,
  naiveStateRoot,
  packLeaves,
  SP,
  type StateLeaf,
  sampleHash,
  stateHashers,
  stateLeaves,
} from './naive-trees.test.support.js';
import { GOLDEN_LEAVES, GOLDEN_RIGHT_SIBLINGS, GOLDEN_ROOTS } from './sparse-merkle-golden.test.support.js';
import { SparseMerkleTree } from './sparse-merkle-tree.js';
import { StateTreeFrontier } from './state-tree-frontier.js';
import { StateTreeSegment } from './state-tree-segment.js';

function feed(frontier: StateTreeFrontier, leaves: readonly StateLeaf[]): StateTreeFrontier {
  const { keys, values, count } = packLeaves(leaves);
  frontier.addMany(keys, values, count);
  return frontier;
}

function frontierOf(leaves: readonly StateLeaf[]): StateTreeFrontier {
  return feed(new StateTreeFrontier(stateHashers), leaves);
}

function segmentOf(leaves: readonly StateLeaf[]): StateTreeSegment {
  const { keys, values, count } = packLeaves(leaves);
  return StateTreeSegment.fromLeaves(stateHashers, keys, values, count);
}

function throughJson(frontier: StateTreeFrontier): StateTreeFrontier {
  return StateTreeFrontier.fromState(stateHashers, JSON.parse(JSON.stringify(frontier.toState())));
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

/** Leaves with keys of 32 pseudo-random bytes, in key order. */
function manyLeaves(count: number): StateLeaf[] {
  const leaves = Array.from({ length: count }, (_, index) => ({
    key: sampleHash(index),
    value: sampleHash(count + index),
  }));
  return leaves.sort((left, right) => Buffer.compare(left.key, right.key));
}

describe('StateTreeFrontier', () => {
  GOLDEN_ROOTS.forEach((root, index) => {
    it(`has the specified root after ${index + 1} of the golden leaves`, () => {
      assert.equal(toHex(frontierOf(GOLDEN_LEAVES.slice(0, index + 1)).currentRoot()), root);
    });
  });

  it('verifies the golden leaves with their specified right siblings', () => {
    const root = hashFromHex(GOLDEN_ROOTS[3]);
    const frontier = new StateTreeFrontier(stateHashers);
    GOLDEN_LEAVES.forEach(({ key, value }, index) => {
      frontier.add(key, value);
      const siblings = GOLDEN_RIGHT_SIBLINGS.get(index);
      if (siblings) frontier.verify(siblings.map(hashFromHex), root);
      else frontier.verify(naiveRightSiblings(GOLDEN_LEAVES, key), root);
    });
    assert.equal(frontier.leafCount, 4);
    assert.deepEqual(frontier.lastKey, GOLDEN_LEAVES[3]?.key);
  });

  it('is the empty tree before the first leaf', () => {
    const frontier = new StateTreeFrontier(stateHashers);
    assert.deepEqual(frontier.currentRoot(), SP);
    assert.equal(frontier.lastKey, undefined);
    frontier.verify([], SP);
    frontier.addMany(new Uint8Array(0), new Uint8Array(0), 0);
    assert.equal(frontier.leafCount, 0);
    assert.throws(() => frontier.verify([], sampleHash(0)), { code: 'MERKLE_ROOT_MISMATCH' });
    assert.throws(() => frontier.verify([SP], SP), { code: 'MERKLE_TOO_MANY_RIGHT_SIBLINGS' });
  });

  it('verifies after every chunk, whatever the chunks, resumed or not, and ends at the root', () => {
    fc.assert(
      fc.property(stateLeaves({ minLength: 1 }), cuts, fc.boolean(), (leaves, places, isResumed) => {
        const root = naiveStateRoot(leaves);
        const tree = SparseMerkleTree.empty(stateHashers).update(
          leaves.map(({ key, value }) => [key, value] as const),
        );
        let frontier = new StateTreeFrontier(stateHashers);
        const seen: StateLeaf[] = [];
        for (const chunk of cutAt(leaves, places)) {
          feed(frontier, chunk);
          seen.push(...chunk);
          const last = seen.at(-1);
          assert.equal(frontier.leafCount, seen.length);
          assert.deepEqual(frontier.currentRoot(), naiveStateRoot(seen));
          if (last) frontier.verify(tree.rangeProof(last.key).right_siblings, root);
          if (isResumed) frontier = throughJson(frontier);
        }
        assert.deepEqual(frontier.currentRoot(), root);
        assert.deepEqual(frontier.toState(), frontierOf(leaves).toState());
      }),
    );
  });

  it('gives the same leaf by leaf as all at once', () => {
    fc.assert(
      fc.property(stateLeaves({ maxLength: 60 }), (leaves) => {
        const single = new StateTreeFrontier(stateHashers);
        for (const { key, value } of leaves) single.add(key, value);
        assert.deepEqual(single.toState(), frontierOf(leaves).toState());
      }),
      { numRuns: 40 },
    );
  });

  it('gives the root of the definition over several internal blocks', () => {
    const leaves = manyLeaves(10_001);
    const tree = SparseMerkleTree.empty(stateHashers).update(
      leaves.map(({ key, value }) => [key, value] as const),
    );
    const frontier = frontierOf(leaves);
    assert.deepEqual(frontier.currentRoot(), tree.root);
    assert.deepEqual(segmentOf(leaves).data.leafCount, 10_001);
    const merged = new StateTreeFrontier(stateHashers);
    merged.addSegment(segmentOf(leaves));
    assert.deepEqual(merged.toState(), frontier.toState());
  });

  it('refuses a chunk once anything in it, in its proof or in the root is changed', () => {
    const inputs = fc.tuple(stateLeaves({ minLength: 1, maxLength: 60 }), fc.nat());
    fc.assert(
      fc.property(inputs, fc.nat(7), fc.nat(), fc.nat(255), ([leaves, pick], kind, at, bit) => {
        const count = 1 + (pick % leaves.length);
        const chunk = leaves.slice(0, count);
        const root = naiveStateRoot(leaves);
        const siblings = naiveRightSiblings(leaves, chunk.at(-1)?.key ?? SP);
        const place = at % count;
        const chosen = chunk[place] ?? { key: SP, value: SP };
        const index = siblings.length === 0 ? 0 : at % siblings.length;
        let changed: readonly StateLeaf[] = chunk;
        let changedSiblings: readonly HashValue[] = siblings;
        let changedRoot = root;
        if (kind === 0) changedRoot = flipBit(root, bit);
        else if (kind === 1) changed = chunk.with(place, { ...chosen, key: flipBit(chosen.key, bit) });
        else if (kind === 2) changed = chunk.with(place, { ...chosen, value: flipBit(chosen.value, bit) });
        else if (kind === 3) changed = chunk.toSpliced(place, 1);
        else if (kind === 4) changed = chunk.toSpliced(place, 0, chosen);
        else if (kind === 7) changedSiblings = siblings.toSpliced(index, 0, at % 2 ? SP : sampleHash(at));
        else if (siblings.length === 0) return;
        else if (kind === 5) changedSiblings = siblings.with(index, flipBit(siblings[index] ?? SP, bit));
        else changedSiblings = siblings.toSpliced(index, 1);
        const code = (list: readonly StateLeaf[], right: readonly HashValue[], expected: HashValue) =>
          refusal(() => frontierOf(list).verify(right, expected));
        assert.equal(code(chunk, siblings, root), undefined);
        assert.notEqual(code(changed, changedSiblings, changedRoot), undefined);
      }),
      { numRuns: 400 },
    );
  });

  it('names the number of right siblings that a proof has too few or too many of', () => {
    const [first, second] = GOLDEN_LEAVES;
    assert.ok(first && second);
    const missing = { code: 'MERKLE_MISSING_RIGHT_SIBLING', facts: { expected: 3, actual: 2 } };
    const tooMany = { code: 'MERKLE_TOO_MANY_RIGHT_SIBLINGS' };
    assert.throws(() => frontierOf([first, second]).verify([SP, SP], SP), missing);
    assert.throws(() => frontierOf([first]).verify(new Array<HashValue>(256).fill(SP), SP), tooMany);
  });

  it('refuses keys that do not increase, names the place, and stays as it was', () => {
    fc.assert(
      fc.property(stateLeaves({ minLength: 2, maxLength: 40 }), fc.nat(), (leaves, pick) => {
        const place = pick % (leaves.length - 1);
        const head = leaves.slice(0, place + 1);
        const frontier = frontierOf(head);
        const before = frontier.toState();
        const tail = leaves.slice(place + 1);
        const repeated = tail.toSpliced(tail.length, 0, tail[0] ?? { key: SP, value: SP });
        assert.throws(
          () => feed(frontier, repeated),
          (error) => {
            assert.ok(error instanceof MerkleError);
            const { index } = error.facts;
            return error.code === 'MERKLE_KEYS_NOT_INCREASING' && index === tail.length;
          },
        );
        const again = { code: 'MERKLE_KEYS_NOT_INCREASING' };
        assert.throws(() => feed(frontier, head.slice(-1)), again);
        assert.throws(() => frontier.addSegment(segmentOf(head.slice(-1))), again);
        assert.throws(() => segmentOf(repeated), again);
        assert.deepEqual(frontier.toState(), before);
        assert.deepEqual(feed(frontier, tail).toState(), frontierOf(leaves).toState());
      }),
      { numRuns: 60 },
    );
  });

  it('does not notice what happens to its clone, nor to the bytes that it was given', () => {
    const { keys, values, count } = packLeaves(GOLDEN_LEAVES.slice(0, 3));
    const frontier = new StateTreeFrontier(stateHashers);
    frontier.addMany(keys, values, count);
    const state = frontier.toState();
    keys.fill(255);
    values.fill(255);
    feed(frontier.clone(), GOLDEN_LEAVES.slice(3));
    assert.deepEqual(frontier.toState(), state);
    assert.equal(toHex(feed(frontier, GOLDEN_LEAVES.slice(3)).currentRoot()), GOLDEN_ROOTS[3]);
  });

  it('keeps no more than 256 subtrees, even for keys that part at every bit', () => {
    const ones = new Uint8Array(HASH_SIZE).fill(255);
    const leaves = Array.from({ length: 256 }, (_, depth): StateLeaf => {
      const key = ones.slice();
      key[depth >> 3] = (key[depth >> 3] ?? 0) & ~(128 >> (depth & 7));
      return { key, value: sampleHash(depth) };
    });
    leaves.push({ key: ones, value: sampleHash(256) });
    const frontier = frontierOf(leaves);
    assert.equal(frontier.toState().subtrees.length, 256);
    assert.deepEqual(frontier.currentRoot(), naiveStateRoot(leaves));
    assert.deepEqual(throughJson(frontier).currentRoot(), naiveStateRoot(leaves));
    frontier.verify([], naiveStateRoot(leaves));
    assert.throws(() => frontier.verify([SP], SP), { code: 'MERKLE_TOO_MANY_RIGHT_SIBLINGS' });
  });
});

describe('a saved frontier', () => {
  const [first, second] = GOLDEN_LEAVES;
  assert.ok(first && second);
  const state = frontierOf([first, second]).toState();
  const hash = toHex(SP);

  it('is what the specification keeps: the last leaf and the complete subtrees on its left', () => {
    assert.equal(state.leafCount, 2);
    assert.equal(state.last?.key, toHex(second.key));
    assert.deepEqual(
      state.subtrees.map((subtree) => subtree.depth),
      [4],
    );
  });

  const damaged: readonly (readonly [name: string, state: unknown])[] = [
    ['nothing', null],
    ['a text', 'frontier'],
    ['an empty object', {}],
    ['a fractional leaf count', { ...state, leafCount: 1.5 }],
    ['fewer leaves than subtrees', { ...state, leafCount: 1 }],
    ['leaves without a last one', { ...state, last: null }],
    ['a last leaf that is no object', { ...state, last: 3 }],
    ['a key that is no hash', { ...state, last: { ...state.last, key: 'ff' } }],
    ['a value hash that is no text', { ...state, last: { ...state.last, valueHash: 5 } }],
    ['subtrees that are no list', { ...state, subtrees: {} }],
    ['a subtree that is null', { ...state, subtrees: [null] }],
    ['a subtree where the path goes left', { ...state, subtrees: [{ depth: 5, hash }] }],
    ['a subtree at a depth that is no integer', { ...state, subtrees: [{ depth: '4', hash }] }],
    ['a subtree below the tree', { ...state, subtrees: [{ depth: 256, hash }] }],
    ['a subtree above the tree', { ...state, subtrees: [{ depth: -1, hash }] }],
    ['a subtree without a hash', { ...state, subtrees: [{ depth: 4 }] }],
    [
      'subtrees out of order',
      {
        ...state,
        leafCount: 9,
        subtrees: [
          { depth: 4, hash },
          { depth: 3, hash },
        ],
      },
    ],
  ];
  for (const [name, value] of damaged) {
    it(`is refused if it is or has ${name}`, () => {
      assert.throws(() => StateTreeFrontier.fromState(stateHashers, value), { code: 'MERKLE_STATE_INVALID' });
    });
  }

  it('does not verify any more once a hash in it was changed', () => {
    fc.assert(
      fc.property(
        stateLeaves({ minLength: 2, maxLength: 40 }),
        fc.nat(),
        fc.nat(255),
        (leaves, pick, bit) => {
          const count = 1 + (pick % (leaves.length - 1));
          const saved = frontierOf(leaves.slice(0, count)).toState();
          const flip = (text: string) => toHex(flipBit(hashFromHex(text), bit));
          assert.ok(saved.last);
          const at = saved.subtrees.length === 0 ? 0 : pick % saved.subtrees.length;
          const subtrees = saved.subtrees.map((one, index) =>
            index === at ? { ...one, hash: flip(one.hash) } : one,
          );
          const changes: object[] = [
            { last: { ...saved.last, key: flip(saved.last.key) } },
            { last: { ...saved.last, valueHash: flip(saved.last.valueHash) } },
            ...(subtrees.length > 0 ? [{ subtrees }] : []),
          ];
          for (const change of changes) {
            const code = refusal(() => {
              const frontier = StateTreeFrontier.fromState(stateHashers, { ...saved, ...change });
              feed(frontier, leaves.slice(count)).verify([], naiveStateRoot(leaves));
            });
            assert.notEqual(code, undefined);
          }
        },
      ),
    );
  });
});

describe('StateTreeSegment', () => {
  /** Merges neighbours in an order that `choices` decide. */
  function mergeAnyhow(segments: readonly StateTreeSegment[], choices: readonly number[]): StateTreeSegment {
    const remaining = [...segments];
    for (let step = 0; remaining.length > 1; step++) {
      const at = (choices[step % choices.length] ?? 0) % (remaining.length - 1);
      const [left, right] = remaining.splice(at, 2);
      if (left && right) remaining.splice(at, 0, left.merge(right));
    }
    return remaining[0] ?? segmentOf([]);
  }

  it('gives the sequential frontier, merged in any grouping', () => {
    const choices = fc.array(fc.nat(), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(stateLeaves(), cuts, choices, (leaves, places, order) => {
        const expected = frontierOf(leaves).toState();
        const segments = cutAt(leaves, places).map(segmentOf);
        const merged = mergeAnyhow(segments, order);
        assert.equal(merged.leafCount, leaves.length);
        const frontier = new StateTreeFrontier(stateHashers);
        frontier.addSegment(merged);
        assert.deepEqual(frontier.toState(), expected);
        const inTurn = new StateTreeFrontier(stateHashers);
        for (const segment of segments) inTurn.addSegment(segment);
        assert.deepEqual(inTurn.toState(), expected);
      }),
    );
  });

  it('is verified chunk by chunk after a trip between threads', () => {
    fc.assert(
      fc.property(stateLeaves({ minLength: 1 }), cuts, (leaves, places) => {
        const root = naiveStateRoot(leaves);
        const frontier = new StateTreeFrontier(stateHashers);
        for (const chunk of cutAt(leaves, places)) {
          const posted = structuredClone(segmentOf(chunk).data);
          frontier.addSegment(new StateTreeSegment(stateHashers, posted));
          const { lastKey } = frontier;
          if (lastKey) frontier.verify(naiveRightSiblings(leaves, lastKey), root);
        }
        assert.deepEqual(frontier.currentRoot(), root);
      }),
      { numRuns: 40 },
    );
  });

  it('shrinks many leaves to a few subtrees', () => {
    const { run } = segmentOf(manyLeaves(5000)).data;
    assert.ok(run.subtrees.length < 60, `${run.subtrees.length} subtrees`);
    assert.equal(run.gaps.length, run.subtrees.length - 1);
  });

  it('refuses to merge what does not follow', () => {
    const left = segmentOf(GOLDEN_LEAVES.slice(0, 2));
    const right = segmentOf(GOLDEN_LEAVES.slice(2));
    assert.throws(() => right.merge(left), { code: 'MERKLE_KEYS_NOT_INCREASING' });
    assert.throws(() => left.merge(left), { code: 'MERKLE_KEYS_NOT_INCREASING' });
  });
});
