import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { toHex } from '../../hashing/hash-value.js';
import { sparseMerkleHashers } from '../../merkle/sparse-merkle-hashers.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../../types/ledger-family.js';
import { MemoryNodes } from '../jellyfish/memory-nodes.test.support.js';
import { updateTree } from '../jellyfish/update-tree.test.support.js';
import { nodeKeyBytes } from '../schema/node-key.js';
import { treeNodeBytes } from '../schema/tree-node.js';
import { PackedRows } from './snapshot-rows.js';
import { TreeBuilder } from './tree-builder.js';
import { edgeRoot } from './tree-builder-edge.js';
import type { TreeLeaves } from './tree-builder-rows.js';

const hashers = sparseMerkleHashers(ledgerHashers(LEDGER_FAMILIES.aptos));

interface Leaf {
  readonly key: string;
  readonly value: number;
}

/** Few digits, so that keys meet at every depth; the last digit alone may differ. */
const leaf = fc.record({
  key: fc.oneof(
    fc.array(fc.constantFrom('0', '1', '7', '8', 'f'), { minLength: 1, maxLength: 5 }).map((d) => d.join('')),
    fc.constantFrom('0', '5', 'f').map((digit) => digit.padStart(64, '0')),
    fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toHex),
  ),
  value: fc.nat(200),
});

/** By rising key. */
function sorted(leaves: readonly Leaf[]): Leaf[] {
  const byKey = new Map(leaves.map(({ key, value }) => [key.padEnd(64, '0'), value]));
  return [...byKey].map(([key, value]) => ({ key, value })).sort((a, b) => (a.key < b.key ? -1 : 1));
}

function stateKeyOf({ value }: Leaf): Uint8Array {
  return Uint8Array.of(2, 1, value);
}

function packed(leaves: readonly Leaf[]): TreeLeaves {
  const starts = leaves.map((_, index) => 3 * index);
  return {
    keyHashes: new Uint8Array(Buffer.from(leaves.map(({ key }) => key).join(''), 'hex')),
    valueHashes: new Uint8Array(leaves.flatMap(({ value }) => new Array<number>(32).fill(value))),
    count: leaves.length,
    stateKeys: {
      base: new Uint8Array(leaves.flatMap((one) => [...stateKeyOf(one)])),
      starts,
      ends: starts.map((start) => start + 3),
    },
  };
}

/** Rows as text, with the shard in front. */
function takeRows(rows: PackedRows): string[] {
  const lines = rows.batches('nodes').flatMap((batch, shard) =>
    (batch?.operations ?? []).map((operation) => {
      assert(operation.kind === 'put');
      return `${shard} ${toHex(operation.key)} ${toHex(operation.value)}`;
    }),
  );
  rows.clear();
  return lines;
}

interface Built {
  readonly rows: string[];
  readonly root: string;
  readonly hash: string;
}

/** In pieces of these sizes, with a new builder after each piece if asked. */
function build(leaves: readonly Leaf[], sizes: readonly number[], version: bigint, resumes: boolean): Built {
  let builder = new TreeBuilder(hashers, version);
  const out = new PackedRows();
  const rows: string[] = [];
  let first = 0;
  for (let piece = 0; first < leaves.length; piece++) {
    const size = sizes[piece % sizes.length] ?? 1;
    builder.add(packed(leaves.slice(first, first + size)), out);
    rows.push(...takeRows(out));
    first += size;
    if (resumes) builder = TreeBuilder.fromEdge(hashers, version, structuredClone(builder.edge()));
  }
  const root = builder.finish(out);
  rows.push(...takeRows(out));
  return { rows: rows.sort(), root: toHex(treeNodeBytes.encode(root.node)), hash: toHex(root.hash) };
}

async function updated(leaves: readonly Leaf[], version: bigint): Promise<Built> {
  const updates = leaves.map((one) => ({
    keyHash: new Uint8Array(Buffer.from(one.key, 'hex')),
    value: { valueHash: new Uint8Array(32).fill(one.value), stateKey: stateKeyOf(one) },
  }));
  const update = await updateTree(hashers, new MemoryNodes(), { base: undefined, version, updates });
  const rows = update.shards.flatMap(({ nodes }, shard) =>
    nodes.map(
      ([key, node]) => `${shard} ${toHex(nodeKeyBytes.encode(key))} ${toHex(treeNodeBytes.encode(node))}`,
    ),
  );
  const [root] = update.root.nodes;
  assert(root);
  return {
    rows: rows.sort(),
    root: toHex(treeNodeBytes.encode(root[1])),
    hash: toHex(update.rootHash),
  };
}

describe('building a state tree from sorted leaves', () => {
  it('gives the nodes of a commit, however the leaves are cut and whoever goes on', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(leaf, { minLength: 2, maxLength: 60 }).map(sorted),
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 4 }),
        fc.constantFrom(0n, 300n, 2n ** 63n),
        fc.boolean(),
        async (leaves, sizes, version, resumes) => {
          fc.pre(leaves.length > 1);
          assert.deepEqual(build(leaves, sizes, version, resumes), await updated(leaves, version));
        },
      ),
      { numRuns: 150 },
    );
  });

  it('writes numbers of leaves that take more than one byte', async () => {
    const leaves = Array.from({ length: 5000 }, (_, index) => ({
      key: (index * 7).toString(16).padStart(8, '0').padEnd(64, '0'),
      value: index % 200,
    }));
    assert.deepEqual(build(leaves, [1000], 7n, true), await updated(leaves, 7n));
  });

  it('knows the root of the leaves so far', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(leaf, { minLength: 2, maxLength: 30 }).map(sorted), async (leaves) => {
        const builder = new TreeBuilder(hashers, 1n);
        builder.add(packed(leaves), new PackedRows());
        assert.equal(toHex(edgeRoot(hashers, builder.edge())), (await updated(leaves, 1n)).hash);
      }),
      { numRuns: 50 },
    );
  });

  it('makes a single leaf the root itself, and an empty tree a null node', () => {
    const one = build([{ key: 'ab'.repeat(32), value: 3 }], [1], 5n, true);
    assert.deepEqual(one.rows, []);
    const stateKey = '020103';
    assert.equal(one.root, `01${'ab'.repeat(32)}${'03'.repeat(32)}${stateKey}0500000000000000`);
    assert.equal(build([], [1], 5n, false).root, '03');
  });

  it('refuses keys that do not rise, within a call and between calls, and changes nothing then', async () => {
    const leaves = sorted(['1', '2', '3', '4'].map((key) => ({ key, value: 1 })));
    const builder = new TreeBuilder(hashers, 1n);
    const out = new PackedRows();
    const code = 'MERKLE_KEYS_NOT_INCREASING';
    builder.add(packed(leaves.slice(0, 3)), out);
    const rows = takeRows(out);
    assert.throws(() => builder.add(packed(leaves.slice(2)), out), { code });
    assert.throws(() => builder.add(packed(leaves.slice(3).concat(leaves.slice(3))), out), { code });
    builder.add(packed(leaves.slice(3)), out);
    rows.push(...takeRows(out));
    const root = builder.finish(out);
    rows.push(...takeRows(out));
    const expected = await updated(leaves, 1n);
    assert.deepEqual([rows.sort(), toHex(root.hash)], [expected.rows, expected.hash]);
  });
});
