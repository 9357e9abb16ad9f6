import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encode } from '../../bcs/codec.js';
import { HASH_SIZE, hashFromHex, toHex } from '../../hashing/hash-value.js';
import { arbitraryDamage, arbitraryEncoding, inventValue } from '../../test-support/arbitrary-value.js';
import { hashStateKey, hashStateValue } from '../../types/hashes.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../../types/ledger-family.js';
import { Path, StateKey } from '../../types/state-key.js';
import { DatabaseError } from '../driver/database-error.js';
import {
  frozenNodeCount,
  frozenSubtreePositions,
  inOrderIndex,
  positionOfInOrder,
  positionOfPostOrder,
  postOrderIndex,
} from './accumulator-position.js';
import { blockInfoRows } from './block-info.js';
import type { ByteCodec } from './byte-codec.js';
import { COLUMN_FAMILIES } from './column-families.js';
import { DbMetadataKey, DbMetadataValue, dbMetadataRows } from './db-metadata.js';
import { eventByVersionRows } from './event-by-version.js';
import { nodeKeyBytes } from './node-key.js';
import { staleNodeKeyBytes } from './stale-node-key.js';
import { NO_EARLIER_VERSION, staleStateValueRows } from './stale-state-value-index-by-key-hash.js';
import { stateValueRows } from './state-value-by-key-hash.js';
import { transactionSummariesByAccountRows } from './transaction-summaries-by-account.js';
import { leafCountOf, type TreeNode, treeNodeBytes } from './tree-node.js';
import { versionDataRows } from './version-data.js';
import { StoredWriteSet, writeSetBytes, writeSetRows } from './write-set.js';

/** Bytes of hex with any spaces in it. */
function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
}

function assertBytes<T>(codec: ByteCodec<T>, value: T, expected: string): void {
  assert.equal(toHex(codec.encode(value)), expected.replaceAll(/\s/g, ''));
  assert.deepEqual(codec.decode(hex(expected)), value);
}

function assertRefused(codec: ByteCodec<unknown>, bytes: string, reason: RegExp): void {
  assert.throws(
    () => codec.decode(hex(bytes)),
    (error) =>
      error instanceof DatabaseError && error.code === 'DB_ROW_INVALID' && reason.test(error.message),
  );
}

const hashers = ledgerHashers(LEDGER_FAMILIES.aptos);
const address = (last: number): Uint8Array => {
  const bytes = new Uint8Array(32);
  bytes[31] = last;
  return bytes;
};
const repeated = (byte: number): Uint8Array => new Uint8Array(HASH_SIZE).fill(byte);

/** The resource 0x1::account::Account at 0x2. */
const accountPath = encode(Path, {
  variant: 'Resource',
  value: { address: address(1), module: 'account', name: 'Account', type_args: [] },
});
const accountKey = encode(StateKey, {
  variant: 'AccessPath',
  value: { address: address(2), path: accountPath },
});
const ACCOUNT_KEY_HASH = '8f9ab5d5e3c9f5b885fcceea388fecd16bdb490da08aac9d4f026ddc66733def';

// Every expectation is a byte example of spec aptosdb-schema.md; sections are named.
describe('rows of the specification', () => {
  it('state values sort from the newest version down (section 5)', () => {
    const keyHash = hashFromHex(ACCOUNT_KEY_HASH);
    assert.equal(toHex(hashStateKey(hashers, accountKey)), ACCOUNT_KEY_HASH);
    assertBytes(
      stateValueRows.key,
      { key_hash: keyHash, version: 1000n },
      `${ACCOUNT_KEY_HASH} fffffffffffffc17`,
    );
    assertBytes(stateValueRows.value, { variant: 'V0', value: hex('0102') }, '01 00 02 0102');
    assertBytes(stateValueRows.value, undefined, '00');
    const metadata = {
      variant: 'V0',
      value: { deposit: 50000n, creation_time_usecs: 1700000000000000n },
    } as const;
    assertBytes(
      stateValueRows.value,
      { variant: 'WithMetadata', value: { data: hex('0102'), metadata } },
      '01 01 02 0102 00 50c3000000000000 00401e18240a0600',
    );
  });

  it('a first write is stale against no earlier version (section 5)', () => {
    assertBytes(
      staleStateValueRows.key,
      { stale_since_version: 1000n, version: NO_EARLIER_VERSION, key_hash: hashFromHex(ACCOUNT_KEY_HASH) },
      `00000000000003e8 ffffffffffffffff ${ACCOUNT_KEY_HASH}`,
    );
    assertBytes(staleStateValueRows.value, undefined, '');
    assertRefused(staleStateValueRows.value, '00', /1 bytes where 0 belong/);
  });

  it('state usage is two little-endian integers (section 5)', () => {
    assertBytes(versionDataRows.value, { items: 3n, bytes: 456n }, '0300000000000000 c801000000000000');
  });

  it('a block info takes 97 bytes, at genesis all of them zero (section 13)', () => {
    const value = {
      id: new Uint8Array(32),
      epoch: 0n,
      round: 0n,
      proposer: new Uint8Array(32),
      first_version: 0n,
      timestamp_usecs: 0n,
    };
    assertBytes(blockInfoRows.value, { variant: 'V0', value }, '00'.repeat(97));
  });

  it('progress markers carry their index and their shard (section 6)', () => {
    assertBytes(dbMetadataRows.key, { variant: 'OverallCommitProgress' }, '07');
    assertBytes(dbMetadataRows.value, { variant: 'Version', value: 1000n }, '00 e803000000000000');
    const shard = { variant: 'StateKvShardCommitProgress', value: 10n } as const;
    assertBytes(dbMetadataRows.key, shard, '08 0a00000000000000');
    const restore = { variant: 'StateSnapshotKvRestoreProgress', value: 1000n } as const;
    assertBytes(dbMetadataRows.key, restore, '04 e803000000000000');
    const usage = { variant: 'Tracked', value: { items: 3n, bytes: 456n } } as const;
    assertBytes(
      dbMetadataRows.value,
      { variant: 'StateSnapshotProgress', value: { key_hash: repeated(0xab), usage } },
      `01 ${'ab'.repeat(32)} 00 0300000000000000 c801000000000000`,
    );
    const done = { variant: 'StaleNodeCleanupDone' } as const;
    assertBytes(dbMetadataRows.key, done, '16');
    assertBytes(dbMetadataRows.key, { variant: 'StaleNodeCleanupEpochProgress' }, '18');
    assertRefused(dbMetadataRows.key, '19', /key in db_metadata: no DbMetadataKey/);
    assertRefused(dbMetadataRows.key, '0700', /remaining input/);
  });

  it('keys with an event stream hold its number in little-endian order (section 5)', () => {
    const key = { creation_number: 3n, account_address: address(1) };
    assertBytes(
      eventByVersionRows.key,
      { key, version: 258n, sequence_number: 1n },
      `0300000000000000 ${toHex(address(1))} 0000000000000102 0000000000000001`,
    );
  });

  it('a transaction summary tells sequence numbers from nonces (section 5)', () => {
    const sender = address(5);
    const start = `00 ${toHex(sender)} 0700000000000000 ${'cc'.repeat(32)}`;
    const common = { sender, version: 7n, transaction_hash: repeated(0xcc) };
    assertBytes(
      transactionSummariesByAccountRows.value,
      { variant: 'V1', value: { ...common, replay_protector: { variant: 'Nonce', value: 9n } } },
      `${start} 00 0900000000000000`,
    );
    assertBytes(
      transactionSummariesByAccountRows.value,
      { variant: 'V1', value: { ...common, replay_protector: { variant: 'SequenceNumber', value: 9n } } },
      `${start} 01 0900000000000000`,
    );
  });

  it('a stored write set loses its promoted keys on the way into a record (5.12)', () => {
    const stored = inventValue(StoredWriteSet, 3);
    const writes = stored.variant === 'V0' ? stored.value.write_set : stored.value.write_set;
    const plain = writeSetRows.value.encode({ variant: 'V0', value: { write_set: writes } });
    const promoted = [{ variant: 'Raw', value: hex('0102') } as const];
    const hot = writeSetRows.value.encode({ variant: 'V1', value: { write_set: writes, promoted } });
    assert.equal(toHex(hot), `01${toHex(plain).slice(2)}01 02 02 0102`.replaceAll(' ', ''));
    assert.deepEqual(writeSetBytes(hot), plain);
    assert.equal(writeSetBytes(plain), plain);
  });
});

describe('nodes of the state tree', () => {
  it('node keys hold two nibbles a byte (8.1)', () => {
    const path = (...nibbles: number[]): Uint8Array => Uint8Array.from(nibbles);
    assertBytes(nodeKeyBytes, { version: 1n, path: path() }, '000000000000000100');
    assertBytes(nodeKeyBytes, { version: 1000n, path: path(10) }, '00000000000003e8 01 a0');
    assertBytes(nodeKeyBytes, { version: 1000n, path: path(10, 11) }, '00000000000003e8 02 ab');
    const nodeKey = { version: 1000n, path: path(10, 11, 12) };
    assertBytes(nodeKeyBytes, nodeKey, '00000000000003e8 03 abc0');
    assertBytes(
      staleNodeKeyBytes,
      { staleSinceVersion: 2000n, nodeKey },
      '00000000000007d0 00000000000003e8 03 abc0',
    );
    assertRefused(nodeKeyBytes, '00000000000003e8 03 abc1', /padding/);
    assertRefused(nodeKeyBytes, '00000000000003e8 03 ab', /10 bytes where 11 belong/);
    assertRefused(nodeKeyBytes, `00000000000003e8 41 ${'00'.repeat(33)}`, /65 nibbles/);
    assertRefused(nodeKeyBytes, '00000000000003e8', /too short/);
  });

  const lone = { nibble: 1, version: 300n, hash: repeated(0x11), isLeaf: true, leafCount: 1 };
  const inner = { nibble: 10, version: 70000n, hash: repeated(0xaa), isLeaf: false, leafCount: 130 };
  const INTERNAL = `02 0204 0200 ac02 ${'11'.repeat(32)} f0a204 ${'aa'.repeat(32)} 8201`;

  it('an internal node counts the leaves below each child (8.2)', () => {
    const node: TreeNode = { kind: 'internal', children: [lone, inner] };
    assertBytes(treeNodeBytes, node, INTERNAL);
    assert.equal(hex(INTERNAL).length, 76);
    assert.equal(leafCountOf(node), 131);
    assert.throws(() => treeNodeBytes.encode({ kind: 'internal', children: [inner, lone] }), RangeError);
    assert.throws(() => treeNodeBytes.encode({ kind: 'internal', children: [] }), RangeError);
    assertRefused(treeNodeBytes, INTERNAL.replace('0200', '0300'), /leaf that is no child/);
    assertRefused(treeNodeBytes, '02 0000 0000', /without children/);
    assertRefused(treeNodeBytes, INTERNAL.replace('8201', '00'), /child with 0 leaves/);
    assertRefused(treeNodeBytes, INTERNAL.replace('8201', '820100'), /remaining input/);
    assertRefused(treeNodeBytes, INTERNAL.replace('8201', '828100'), /not minimal/);
  });

  it('a leaf holds its state key between its hashes and its version (8.2)', () => {
    const value = { variant: 'V0', value: hex('0102') } as const;
    const leaf: TreeNode = {
      kind: 'leaf',
      keyHash: hashStateKey(hashers, accountKey),
      valueHash: hashStateValue(hashers, value),
      stateKey: accountKey,
      valueVersion: 1000n,
    };
    assertBytes(
      treeNodeBytes,
      leaf,
      `01 ${ACCOUNT_KEY_HASH} 8c78ea84460c16c196c029f0cdd649a219c6cc3aa499d6c68a6e7bade6267527
       00 ${toHex(address(2))} 32 01 ${toHex(address(1))} 07 6163636f756e74 07 4163636f756e74 00
       e803000000000000`,
    );
    assert.equal(treeNodeBytes.encode(leaf).length, 157);
    assert.equal(leafCountOf(leaf), 1);
    assertBytes(treeNodeBytes, { kind: 'null' }, '03');
    assertRefused(treeNodeBytes, '04', /unknown kind of node 4/);
    assertRefused(treeNodeBytes, '', /end of input/);
  });

  it('versions of children take up to nine bytes, of which the last is plain (8.2)', () => {
    const examples: readonly (readonly [bigint, string])[] = [
      [0n, '00'],
      [127n, '7f'],
      [128n, '8001'],
      [300n, 'ac02'],
      [70000n, 'f0a204'],
      [3n * 10n ** 9n, '80bcc1960b'],
      [2n ** 56n - 1n, 'ffffffffffffff7f'],
      [2n ** 56n, '808080808080808001'],
      [2n ** 64n - 1n, 'ffffffffffffffffff'],
    ];
    for (const [version, bytes] of examples) {
      const children = [{ ...lone, version }];
      assertBytes(treeNodeBytes, { kind: 'internal', children }, `02 0200 0200 ${bytes} ${'11'.repeat(32)}`);
    }
    assertRefused(treeNodeBytes, `02 0200 0200 ${'80'.repeat(8)}00 ${'11'.repeat(32)}`, /not minimal/);
  });
});

describe('positions in an accumulator', () => {
  it('leaves and inner nodes have the indexes of the specification (section 7)', () => {
    const leafIndexes = [0n, 1n, 3n, 4n, 7n, 8n, 10n, 11n, 15n];
    leafIndexes.forEach((postOrder, leaf) => {
      const position = { level: 0, index: BigInt(leaf) };
      assert.equal(postOrderIndex(position), postOrder);
      assert.equal(inOrderIndex(position), 2n * BigInt(leaf));
    });
    const inner: readonly (readonly [number, bigint, bigint, bigint])[] = [
      [1, 0n, 1n, 2n],
      [1, 1n, 5n, 5n],
      [2, 0n, 3n, 6n],
      [1, 2n, 9n, 9n],
      [1, 3n, 13n, 12n],
      [2, 1n, 11n, 13n],
      [3, 0n, 7n, 14n],
      [3, 2n, 39n, 45n],
    ];
    for (const [level, index, inOrder, postOrder] of inner) {
      assert.equal(inOrderIndex({ level, index }), inOrder);
      assert.equal(postOrderIndex({ level, index }), postOrder);
    }
    assert.equal(postOrderIndex({ level: 0, index: 10n ** 9n }), 1999999987n);
  });

  it('both numberings lead back to the position', () => {
    const position = fc.record(
      { level: fc.nat({ max: 40 }), index: fc.bigInt({ min: 0n, max: 2n ** 22n }) },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(position, (where) => {
        assert.deepEqual(positionOfInOrder(inOrderIndex(where)), where);
        assert.deepEqual(positionOfPostOrder(postOrderIndex(where)), where);
      }),
    );
  });

  it('appending leaves fills post-order indexes without a gap', () => {
    for (let leaves = 1n; leaves <= 130n; leaves++) {
      const last = frozenSubtreePositions(leaves).at(-1);
      assert.ok(last);
      assert.equal(postOrderIndex(last), frozenNodeCount(leaves) - 1n);
    }
    assert.deepEqual(frozenSubtreePositions(11n).map(inOrderIndex), [7n, 17n, 20n]);
    assert.deepEqual(frozenSubtreePositions(11n).map(postOrderIndex), [14n, 17n, 18n]);
    assert.deepEqual(frozenSubtreePositions(0n), []);
    assert.equal(frozenNodeCount(5n), 8n);
  });
});

describe('strictness', () => {
  it('names of column families are unique, and each has a place', () => {
    assert.equal(new Set(COLUMN_FAMILIES.map(({ name }) => name)).size, COLUMN_FAMILIES.length);
    for (const { name, kinds } of COLUMN_FAMILIES) assert.ok(kinds.length > 0, name);
  });

  it('whatever bytes a codec accepts, it gives back', () => {
    const metadataKey = arbitraryEncoding(DbMetadataKey).map((bytes) => [dbMetadataRows.key, bytes] as const);
    const metadata = arbitraryEncoding(DbMetadataValue).map(
      (bytes) => [dbMetadataRows.value, bytes] as const,
    );
    const writes = arbitraryEncoding(StoredWriteSet).map((bytes) => [writeSetRows.value, bytes] as const);
    const node = fc.oneof(arbitraryLeaf(), arbitraryInternal()).map((value) => {
      return [treeNodeBytes, treeNodeBytes.encode(value)] as const;
    });
    const damaged = fc
      .oneof(metadataKey, metadata, writes, node)
      .chain(([codec, bytes]) => arbitraryDamage(bytes).map((bad) => [codec, bytes, bad] as const));
    fc.assert(
      fc.property(damaged, ([codec, bytes, bad]) => {
        assert.deepEqual(reencoded(codec, bytes), bytes);
        const again = reencoded(codec, bad);
        if (again !== undefined) assert.deepEqual(again, bad);
      }),
      { numRuns: 400 },
    );
  });
});

/** What decoding and encoding gives, or undefined where the codec refuses. */
function reencoded(codec: ByteCodec<never> | ByteCodec<unknown>, bytes: Uint8Array): Uint8Array | undefined {
  try {
    return (codec as ByteCodec<unknown>).encode(codec.decode(bytes));
  } catch (error) {
    if (error instanceof DatabaseError) return undefined;
    throw error;
  }
}

const version = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const hash = fc.uint8Array({ minLength: HASH_SIZE, maxLength: HASH_SIZE });

function arbitraryLeaf(): fc.Arbitrary<TreeNode> {
  const stateKey = arbitraryEncoding(StateKey);
  return fc.record({
    kind: fc.constant('leaf' as const),
    keyHash: hash,
    valueHash: hash,
    stateKey,
    valueVersion: version,
  });
}

function arbitraryInternal(): fc.Arbitrary<TreeNode> {
  const child = fc
    .record({
      nibble: fc.nat({ max: 15 }),
      version,
      hash,
      isLeaf: fc.boolean(),
      leafCount: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    })
    .map((value) => (value.isLeaf ? { ...value, leafCount: 1 } : value));
  return fc.uniqueArray(child, { minLength: 1, selector: ({ nibble }) => nibble }).map((children) => ({
    kind: 'internal',
    children: children.toSorted((left, right) => left.nibble - right.nibble),
  }));
}
