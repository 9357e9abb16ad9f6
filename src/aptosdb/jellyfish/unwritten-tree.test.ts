import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type HashValue, toHex } from '../../hashing/hash-value.js';
import { sparseMerkleHashers } from '../../merkle/sparse-merkle-hashers.js';
import { SparseMerkleTree } from '../../merkle/sparse-merkle-tree.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../../types/ledger-family.js';
import { treeNodeBytes } from '../schema/tree-node.js';
import { MemoryNodes } from './memory-nodes.test.support.js';
import { nodeKeyText, pathText } from './node-store.js';
import { TreeReader } from './tree-reader.js';
import { treeLeaves } from './tree-leaves.js';
import { UnwrittenTree } from './unwritten-tree.js';
import {
  applyUpdates,
  type LeafUpdate,
  newLeafOf,
  planTree,
  staleNodes,
  type TreeUpdate,
  updateTree,
  writtenNodes,
} from './update-tree.test.support.js';

const hashers = sparseMerkleHashers(ledgerHashers(LEDGER_FAMILIES.aptos));

/** A key whose leading nibbles are these; 32 bytes of zeros otherwise. */
function keyOf(nibbles: string): HashValue {
  return new Uint8Array(Buffer.from(nibbles.padEnd(64, '0'), 'hex'));
}

function put(nibbles: string, value = 1): LeafUpdate {
  const stateKey = Uint8Array.of(2, 1, value);
  return { keyHash: keyOf(nibbles), value: { valueHash: new Uint8Array(32).fill(value), stateKey } };
}

function remove(nibbles: string): LeafUpdate {
  return { keyHash: keyOf(nibbles), value: undefined };
}

/** Few digits at few places, so that keys meet at every depth. */
const clashingKey = fc
  .tuple(
    fc.array(fc.constantFrom('0', '1', '7', '8', 'f'), { minLength: 1, maxLength: 5 }),
    fc.constantFrom('', '1', '01'),
  )
  .map(([head, tail]) => head.join('') + tail);

/** Deeper down only the last nibble differs. */
const deepKey = fc.constantFrom('0'.repeat(63), '1').map((head) => `${head.padEnd(63, '0')}5`);

const change = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.tuple(clashingKey, fc.integer({ min: 1, max: 200 })).map(([k, v]) => put(k, v)),
  },
  { weight: 2, arbitrary: clashingKey.map(remove) },
  { weight: 1, arbitrary: deepKey.map((key) => put(key, 9)) },
);

const block = fc.uniqueArray(change, { selector: ({ keyHash }) => toHex(keyHash), maxLength: 20 });

function applied(model: SparseMerkleTree, updates: readonly LeafUpdate[]): SparseMerkleTree {
  return model.update(updates.map(({ keyHash, value }) => [keyHash, value?.valueHash] as const));
}

async function leavesFrom(nodes: MemoryNodes, version: bigint, startIndex: bigint): Promise<string[]> {
  const keys: string[] = [];
  for await (const batch of treeLeaves(nodes, version, { startIndex })) {
    keys.push(...batch.map(({ keyHash }) => toHex(keyHash)));
  }
  return keys;
}

async function assertSameTree(nodes: MemoryNodes, version: bigint, model: SparseMerkleTree): Promise<void> {
  const reader = new TreeReader(hashers, nodes);
  assert.deepEqual(await reader.rootHash(version), model.root);
  assert.equal(await reader.leafCount(version), model.size);
  const keys = [...model.entries()].map(([key]) => toHex(key));
  assert.deepEqual(await leavesFrom(nodes, version, 0n), keys);
  const start = Math.floor(keys.length / 3);
  assert.deepEqual(await leavesFrom(nodes, version, BigInt(start)), keys.slice(start));
  assert.deepEqual(await leavesFrom(nodes, version, BigInt(keys.length)), []);
}

async function assertSameProofs(nodes: MemoryNodes, version: bigint, model: SparseMerkleTree): Promise<void> {
  const reader = new TreeReader(hashers, nodes);
  const asked = [...model.entries()].map(([key]) => key);
  for (const absent of ['0', '00001', '71', '8f8f8f8f', 'f'.repeat(64)]) asked.push(keyOf(absent));
  for (const key of asked) {
    const { leaf, proof } = await reader.get(version, key);
    assert.deepEqual(leaf?.valueHash, model.get(key));
    assert.deepEqual(proof, model.proof(key));
    if (leaf) assert.deepEqual(await reader.rangeProof(version, key), model.rangeProof(key));
    else await assert.rejects(reader.rangeProof(version, key), { code: 'JELLYFISH_KEY_MISSING' });
  }
}

function withSortedStale(update: TreeUpdate): unknown {
  const shards = update.shards.map(({ nodes, stale }) => ({ nodes, stale: stale.map(nodeKeyText).sort() }));
  return { ...update, shards };
}

describe('updating a Jellyfish Merkle tree', () => {
  it('agrees with a naive tree, and stored minus stale is reachable at every version', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(block, { minLength: 1, maxLength: 8 }), async (blocks) => {
        const nodes = new MemoryNodes();
        const models: SparseMerkleTree[] = [];
        let model = SparseMerkleTree.empty(hashers);
        let base: bigint | undefined;
        for (const [index, updates] of blocks.entries()) {
          const version = BigInt(index * 3);
          const update = await updateTree(hashers, nodes, { base, version, updates });
          nodes.apply(update);
          base = version;
          model = applied(model, updates);
          models.push(model);
          assert.deepEqual(update.rootHash, model.root);
          assert.equal(update.leafCount, model.size);
          assert.deepEqual(nodes.fresh(), nodes.reachable(version));
        }
        // Earlier versions stay as they were.
        for (const [index, earlier] of models.entries()) {
          await assertSameTree(nodes, BigInt(index * 3), earlier);
        }
        await assertSameProofs(nodes, base ?? 0n, model);
      }),
      { numRuns: 60 },
    );
  });

  it('writes after many checkpoints what one step from the base writes, window after window', async () => {
    const window = fc.array(fc.tuple(block, fc.boolean()), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(block, fc.array(window, { minLength: 1, maxLength: 3 }), async (first, windows) => {
        const nodes = new MemoryNodes();
        nodes.apply(await updateTree(hashers, nodes, { base: undefined, version: 0n, updates: first }));
        let model = applied(SparseMerkleTree.empty(hashers), first);
        let base = 0n;
        for (const blocks of windows) {
          const tree = await UnwrittenTree.open(hashers, nodes, base);
          const latest = new Map<string, LeafUpdate>();
          const items = new Map<string, number>();
          const itemOf = (key: string): number => {
            const item = items.get(key) ?? items.size;
            items.set(key, item);
            return item;
          };
          const noted: HashValue[] = [];
          for (const [updates, isTaken] of blocks) {
            const names = updates.map(({ keyHash }) => toHex(keyHash));
            await applyUpdates(hashers, tree, updates, (index) => itemOf(names[index] ?? ''));
            tree.noteRoot();
            model = applied(model, updates);
            noted.push(model.root);
            for (const [index, name] of names.entries()) {
              const update = updates[index];
              if (update) latest.set(name, update);
            }
            if (isTaken) assert.deepEqual(tree.takeRoots(), noted.splice(0));
          }
          assert.deepEqual(tree.takeRoots(), noted);
          const version = base + 5n;
          const names = [...items.keys()];
          const written = await planTree(hashers, tree, version, (item) =>
            newLeafOf(latest.get(names[item] ?? '')),
          );
          const updates = [...latest.values()];
          const oneStep = await updateTree(hashers, nodes, { base, version, updates });
          assert.deepEqual(withSortedStale(written), withSortedStale(oneStep));
          assert.deepEqual(written.rootHash, model.root);
          assert.equal(written.leafCount, model.size);
          nodes.apply(written);
          assert.deepEqual(nodes.fresh(), nodes.reachable(version));
          await assertSameTree(nodes, version, model);
          base = version;
        }
      }),
      { numRuns: 150 },
    );
  });

  it('writes and replaces what the trace of the specification lists', async () => {
    const nodes = new MemoryNodes();
    const step = async (base: bigint | undefined, version: bigint, updates: LeafUpdate[]) => {
      const update = await updateTree(hashers, nodes, { base, version, updates });
      nodes.apply(update);
      const text = (key: { version: bigint; path: Uint8Array }) => `${key.version},${pathText(key.path)}`;
      return {
        written: [...writtenNodes(update)].map(
          ([key, node]) => text(key) + (node.kind === 'leaf' ? 'L' : 'I'),
        ),
        stale: [...staleNodes(update)].map(text).sort(),
      };
    };
    assert.deepEqual(await step(undefined, 0n, [put('10'), put('12')]), {
      written: ['0,10L', '0,12L', '0,1I', '0,I'],
      stale: [],
    });
    assert.deepEqual(await step(0n, 5n, [put('30'), remove('12')]), {
      written: ['5,1L', '5,3L', '5,I'],
      stale: ['0,', '0,1', '0,10', '0,12'],
    });
    assert.deepEqual(await step(5n, 9n, [put('31')]), {
      written: ['9,1L', '9,30L', '9,31L', '9,3I', '9,I'],
      stale: ['5,', '5,1', '5,3'],
    });
    const { leaf } = await new TreeReader(hashers, nodes).get(9n, keyOf('30'));
    assert.equal(leaf?.valueVersion, 5n, 'a leaf that moves keeps its value version');
  });

  it('empties shards and the whole tree, lets lone leaves rise, and grows again', async () => {
    const nodes = new MemoryNodes();
    const write = async (base: bigint | undefined, updates: LeafUpdate[]) => {
      const version = (base ?? -1n) + 1n;
      const update = await updateTree(hashers, nodes, { base, version, updates });
      nodes.apply(update);
      assert.deepEqual(nodes.fresh(), nodes.reachable(version));
      const shards = update.shards.flatMap((shard, index) => (shard.nodes.length > 0 ? index : []));
      return { shards, leafCount: update.leafCount, root: update.root.nodes[0]?.[1].kind };
    };
    const deep = '7'.repeat(40);
    const first = [put('1'), put(`${deep}1`), put(`${deep}2`), put(`${deep}21`), put('f0'), put('f1')];
    assert.deepEqual(await write(undefined, first), { shards: [1, 7, 15], leafCount: 6, root: 'internal' });
    const second = [remove('1'), remove(`${deep}1`), remove(`${deep}2`), remove('f0')];
    assert.deepEqual(await write(0n, second), { shards: [7, 15], leafCount: 2, root: 'internal' });
    // The leaf that rose takes part from where it is now.
    const third = [put(`${deep}3`), remove('f1'), remove('0')];
    assert.deepEqual(await write(1n, third), { shards: [7], leafCount: 2, root: 'internal' });
    const fourth = [remove(`${deep}3`), remove(`${deep}21`)];
    assert.deepEqual(await write(2n, fourth), { shards: [], leafCount: 0, root: 'null' });
    assert.deepEqual(await write(3n, [put('2')]), { shards: [2], leafCount: 1, root: 'internal' });
  });

  it('stores nodes that encode and decode to themselves', async () => {
    const nodes = new MemoryNodes();
    const updates = ['10', '12', '3', '3f', '0'].map((key) => put(key));
    nodes.apply(await updateTree(hashers, nodes, { base: undefined, version: 7n, updates }));
    for (const node of nodes.stored.values()) {
      assert.deepEqual(treeNodeBytes.decode(treeNodeBytes.encode(node)), node);
    }
  });

  it('says which version has no tree and which node is missing', async () => {
    const nodes = new MemoryNodes();
    nodes.apply(
      await updateTree(hashers, nodes, { base: undefined, version: 1n, updates: [put('10'), put('12')] }),
    );
    const reader = new TreeReader(hashers, nodes);
    await assert.rejects(reader.leafCount(0n), { code: 'JELLYFISH_ROOT_MISSING' });
    nodes.stored.delete(nodeKeyText({ version: 1n, path: Uint8Array.of(1) }));
    await assert.rejects(reader.get(1n, keyOf('10')), { code: 'JELLYFISH_NODE_MISSING' });
    const request = { base: 1n, version: 2n, updates: [] };
    await assert.rejects(updateTree(hashers, nodes, request), {
      code: 'JELLYFISH_NODE_MISSING',
      facts: { version: 1n, path: '1' },
    });
  });

  it('refuses to build on a bare leaf, as a restored snapshot of one item has it', async () => {
    const nodes = new MemoryNodes();
    nodes.stored.set('4/', {
      kind: 'leaf',
      keyHash: keyOf('1'),
      valueHash: keyOf('2'),
      stateKey: Uint8Array.of(2, 0),
      valueVersion: 4n,
    });
    const request = { base: 4n, version: 5n, updates: [put('3')] };
    await assert.rejects(updateTree(hashers, nodes, request), { code: 'JELLYFISH_ROOT_IS_LEAF' });
    assert.deepEqual(await leavesFrom(nodes, 4n, 0n), [toHex(keyOf('1'))]);
  });
});
