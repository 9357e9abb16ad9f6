import { equalBytes, type HashValue, toHex } from '../../hashing/hash-value.js';
import { hashStateKey } from '../../types/hashes.js';
import type { StateKey } from '../../types/state-key.js';
import type { StateValue } from '../../types/state-value.js';
import { stateValueAfter } from '../../types/write-set.js';
import { SHARD_COUNT } from '../driver/instances.js';
import type { KeyValueStore } from '../driver/key-value-store.js';
import { shardOfKeyHash } from '../schema/node-key.js';
import { iterateKeys, iterateRows } from '../schema/rows.js';
import { NO_EARLIER_VERSION, staleStateValueRows } from '../schema/stale-state-value-index-by-key-hash.js';
import { stateValueRows } from '../schema/state-value-by-key-hash.js';
import type { StateUsage } from '../schema/version-data.js';
import { writeSetRows } from '../schema/write-set.js';
import { type CheckContext, type ConditionResult, Problems } from './condition.js';
import { itemSize } from './state-sizes.js';

/** Versions whose writes are held in memory at once. */
const WINDOW_VERSIONS = 2000n;
/** Rows that are read at once. */
const ROWS_AT_ONCE = 512;
const DELETED = stateValueRows.value.encode(undefined);

interface Write {
  readonly version: bigint;
  readonly key: StateKey;
  readonly keyHash: HashValue;
  /** Undefined where the write deletes. */
  readonly value: StateValue | undefined;
}

interface WritesFindings {
  readonly result: ConditionResult;
  /** How the usage changed up to and including `usageVersion`. */
  readonly change: StateUsage;
}

/**
 * Writes that the tree does not have yet: a node replays them when it opens, reads the values that they
 * replaced, and recomputes the usage (spec: aptosdb-schema.md, 11.3, and 11.6, point 8).
 */
export async function checkWrites(
  context: CheckContext,
  treeVersion: bigint,
  usageVersion: bigint,
): Promise<WritesFindings> {
  const problems = new Problems();
  const change = { items: 0n, bytes: 0n };
  let writeCount = 0;
  for (let first = treeVersion + 1n; first <= context.syncedVersion; first += WINDOW_VERSIONS) {
    const wanted = first + WINDOW_VERSIONS - 1n;
    const last = wanted < context.syncedVersion ? wanted : context.syncedVersion;
    const shards = await writesOf(context, first, last);
    for (const [shard, writes] of shards.entries()) {
      writeCount += writes.length;
      const replaced = await replacedVersions(context, shard, first, last);
      const live = await checkShard(context, { shard, writes, replaced, problems });
      for (const { version, items, bytes } of live) {
        if (version > usageVersion) continue;
        change.items += items;
        change.bytes += bytes;
      }
    }
  }
  const detail = `${writeCount} writes of versions ${treeVersion + 1n} to ${context.syncedVersion}`;
  return { result: problems.result('state-writes', writeCount === 0 ? 'none' : detail), change };
}

async function writesOf(
  { database, hashers, signal }: CheckContext,
  first: bigint,
  last: bigint,
): Promise<Write[][]> {
  const shards: Write[][] = Array.from({ length: SHARD_COUNT }, () => []);
  const store = database.ledger('ledger_db/write_set_db');
  const range = { gte: first, lte: last };
  for await (const { key: version, value: writeSet } of iterateRows(store, writeSetRows, range, { signal })) {
    for (const [key, op] of writeSet.value.write_set) {
      const keyHash = hashStateKey(hashers, key);
      shards[shardOfKeyHash(keyHash)]?.push({ version, key, keyHash, value: stateValueAfter(op) });
    }
  }
  return shards;
}

function writeText(version: bigint, keyHash: HashValue): string {
  return `${toHex(keyHash)}@${version}`;
}

/** For each write, the versions of values that it made stale. */
async function replacedVersions(
  { database, signal }: CheckContext,
  shard: number,
  first: bigint,
  last: bigint,
): Promise<ReadonlyMap<string, readonly bigint[]>> {
  const start = new Uint8Array(32);
  const replaced = new Map<string, bigint[]>();
  const range = {
    gte: { stale_since_version: first, version: 0n, key_hash: start },
    lt: { stale_since_version: last + 1n, version: 0n, key_hash: start },
  };
  const options = { signal, readAhead: 1024 };
  for await (const key of iterateKeys(database.stateKvShard(shard), staleStateValueRows, range, options)) {
    const text = writeText(key.stale_since_version, key.key_hash);
    const versions = replaced.get(text);
    if (versions) versions.push(key.version);
    else replaced.set(text, [key.version]);
  }
  return replaced;
}

interface ShardWrites {
  readonly shard: number;
  readonly writes: readonly Write[];
  readonly replaced: ReadonlyMap<string, readonly bigint[]>;
  readonly problems: Problems;
}

interface UsageChange extends StateUsage {
  readonly version: bigint;
}

async function checkShard(context: CheckContext, shardWrites: ShardWrites): Promise<UsageChange[]> {
  const { shard, writes, replaced, problems } = shardWrites;
  const changes: UsageChange[] = [];
  for (let start = 0; start < writes.length; start += ROWS_AT_ONCE) {
    const some = writes.slice(start, start + ROWS_AT_ONCE);
    const earlier = some.map((write) => earlierVersion(write, replaced, problems));
    const keys = some.flatMap(({ version, keyHash }, index) => [
      { key_hash: keyHash, version },
      { key_hash: keyHash, version: earlier[index] ?? version },
    ]);
    const rows = await getRowBytesOf(context.database.stateKvShard(shard), keys);
    some.forEach((write, index) => {
      const { version, keyHash, value } = write;
      const text = writeText(version, keyHash);
      const row = rows[2 * index];
      if (row === undefined || !equalBytes(row, stateValueRows.value.encode(value))) {
        problems.add(`${text} has no row, or another value than was written`);
      }
      const before = earlier[index] === undefined ? DELETED : rows[2 * index + 1];
      if (before === undefined) problems.add(`the value that ${text} replaced is missing`);
      changes.push({ version, ...usageChange(write, stateValueRows.value.decode(before ?? DELETED)) });
    });
  }
  return changes;
}

function getRowBytesOf(
  store: KeyValueStore,
  keys: readonly { readonly key_hash: HashValue; readonly version: bigint }[],
): Promise<(Uint8Array | undefined)[]> {
  return store.multiGet(
    stateValueRows.name,
    keys.map((key) => stateValueRows.key.encode(key)),
  );
}

/** The version of the value that a write replaced; undefined where there was none. */
function earlierVersion(
  { version, keyHash, value }: Write,
  replaced: ReadonlyMap<string, readonly bigint[]>,
  problems: Problems,
): bigint | undefined {
  const text = writeText(version, keyHash);
  const stale = replaced.get(text) ?? [];
  const earlier = stale.find((other) => other !== version);
  if (earlier === undefined) problems.add(`${text} has no index row`);
  if (value === undefined && !stale.includes(version)) {
    problems.add(`${text} deletes, but its own row is not in the index`);
  }
  return earlier === NO_EARLIER_VERSION ? undefined : earlier;
}

function usageChange({ key, value }: Write, before: StateValue | undefined): StateUsage {
  return {
    items: BigInt(Number(value !== undefined) - Number(before !== undefined)),
    bytes: itemSize(key, value) - itemSize(key, before),
  };
}
