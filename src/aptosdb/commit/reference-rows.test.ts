import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toHex } from '../../hashing/hash-value.js';
import { sparseMerkleHashers } from '../../merkle/sparse-merkle-hashers.js';
import { commitReferenceLedger } from '../../test-support/commit-reference-ledger.js';
import { fixturePath, withoutFixture } from '../../test-support/fixtures.js';
import { dumpRowFiles, dumpRows } from '../../test-support/load-rows.js';
import { readReferenceLedger } from '../../test-support/reference-ledger.js';
import { memoryFolder } from '../../test-support/memory-folder.js';
import { hashStateKey } from '../../types/hashes.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../../types/ledger-family.js';
import { MemoryNodes } from '../jellyfish/memory-nodes.test.support.js';
import type { NodeBatch } from '../jellyfish/unwritten-tree.js';
import { type LeafUpdate, updateTree } from '../jellyfish/update-tree.test.support.js';
import { nodeKeyBytes } from '../schema/node-key.js';
import { staleNodeKeyBytes } from '../schema/stale-node-key.js';
import { treeNodeBytes } from '../schema/tree-node.js';
import { writeSetBytes, writeSetRows } from '../schema/write-set.js';
import { TransactionSplitter } from './transaction-parts.js';
import { writeSetEntries } from './write-set-entries.test.support.js';

const hashers = ledgerHashers(LEDGER_FAMILIES.aptos);
const skip = withoutFixture('reference-ledger', 'rows', 'node');

const WRITE_SETS = 'ledger_db/write_set_db/write_set';
const NODES = 'jellyfish_merkle_node';
const STALE_NODES = 'stale_node_index_cross_epoch';

function nodeRowFiles(): Promise<Map<string, string[]>> {
  return dumpRowFiles(fixturePath('reference-ledger', 'rows', 'node'));
}

function bytesOf(hex: string | undefined): Uint8Array {
  return new Uint8Array(Buffer.from(hex ?? '', 'hex'));
}

/** Updates of one tree: what was written last since the tree before, and keys that a reader looked for. */
class Window {
  readonly updates = new Map<string, LeafUpdate>();

  add(record: Uint8Array, version: bigint, storedWriteSet: Uint8Array, known: Set<string>): void {
    const { writeSet } = new TransactionSplitter(hashers).split(record, version);
    for (const { keyHash, stateKey, stateValue } of writeSetEntries(hashers, writeSet)) {
      const name = toHex(keyHash);
      known.add(name);
      const value = stateValue && { valueHash: hashers.stateValue.hash(stateValue), stateKey };
      this.updates.set(name, { keyHash, value });
    }
    const stored = writeSetRows.value.decode(storedWriteSet);
    for (const key of stored.variant === 'V1' ? stored.value.promoted : []) {
      const keyHash = hashStateKey(hashers, key);
      if (!known.has(toHex(keyHash))) this.updates.set(toHex(keyHash), { keyHash, value: undefined });
    }
  }
}

describe('committing the reference ledger', () => {
  it('writes the rows that the node wrote, but for what the hot state left in two places', {
    skip,
  }, async (t) => {
    await using database = await commitReferenceLedger(memoryFolder(t));
    const actual = await dumpRows(database);
    const expected = await nodeRowFiles();
    assert.deepEqual([...actual.keys()].sort(), [...expected.keys()].sort());
    const different = [...actual.keys()].filter(
      (name) => actual.get(name)?.join() !== expected.get(name)?.join(),
    );
    // First: the node lists promoted keys behind each write set. Without them ours are the same.
    assert.deepEqual(
      different.filter((name) => !name.startsWith('state_merkle_db/shard_')),
      [WRITE_SETS],
    );
    const withoutPromotions = expected.get(WRITE_SETS)?.map((line) => {
      const [key, value] = line.split('\t');
      return `${key}\t${toHex(writeSetBytes(bytesOf(value)))}`;
    });
    assert.deepEqual(actual.get(WRITE_SETS), withoutPromotions);
    // Second: see the next test.
    const treeRows = different.filter((name) => name.startsWith('state_merkle_db/shard_'));
    assert.ok(treeRows.every((name) => name.endsWith(`/${NODES}`) || name.endsWith(`/${STALE_NODES}`)));
    assert.equal(treeRows.length, 24);
  });

  it('writes the node’s tree row for row once promoted keys without a value count as removed', {
    skip,
  }, async () => {
    const { records, ledgerInfos } = readReferenceLedger();
    const expected = await nodeRowFiles();
    const storedWriteSets = expected.get(WRITE_SETS)?.map((line) => bytesOf(line.split('\t')[1])) ?? [];
    const rows = new Map<string, string[]>();
    const put = (name: string, line: string) => rows.set(name, [...(rows.get(name) ?? []), line]);
    const putBatch = (instance: string, version: bigint, { nodes, stale }: NodeBatch) => {
      for (const [key, node] of nodes) {
        const line = `${toHex(nodeKeyBytes.encode(key))}\t${toHex(treeNodeBytes.encode(node))}`;
        put(`state_merkle_db/${instance}/${NODES}`, line);
      }
      for (const nodeKey of stale) {
        const key = staleNodeKeyBytes.encode({ staleSinceVersion: version, nodeKey });
        put(`state_merkle_db/${instance}/${STALE_NODES}`, `${toHex(key)}\t`);
      }
    };
    const memory = new MemoryNodes();
    const known = new Set<string>();
    let window = new Window();
    let base: bigint | undefined;
    for (const [index, record] of records.entries()) {
      const version = BigInt(index);
      window.add(record, version, storedWriteSets[index] ?? new Uint8Array(), known);
      // The node wrote a tree at the end of each epoch.
      if (!ledgerInfos.get(version)?.value.ledger_info.commit_info.next_epoch_state) continue;
      const updates = [...window.updates.values()];
      const update = await updateTree(sparseMerkleHashers(hashers), memory, { base, version, updates });
      memory.apply(update);
      update.shards.forEach((batch, shard) => {
        putBatch(`shard_${shard}`, version, batch);
      });
      putBatch('metadata', version, update.root);
      base = version;
      window = new Window();
    }
    for (const [name, lines] of rows) assert.deepEqual(lines.sort(), expected.get(name), name);
    const treeFiles = [...expected.keys()].filter(
      (name) => name.endsWith(NODES) || name.endsWith(STALE_NODES),
    );
    assert.deepEqual([...rows.keys()].sort(), treeFiles.sort());
  });
});
