import assert from 'node:assert/strict';
import { BcsReader } from '../../bcs/bcs-reader.js';
import type { HashValue } from '../../hashing/hash-value.js';
import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import type { WriteBatch } from '../driver/write-batch.js';
import { shardOfKeyHash } from '../schema/node-key.js';
import { iterateRowBytes, putRow, putRowBytes } from '../schema/rows.js';
import { NO_EARLIER_VERSION, staleStateValueRows } from '../schema/stale-state-value-index-by-key-hash.js';
import { stateValueRows } from '../schema/state-value-by-key-hash.js';
import type { StateUsage } from '../schema/version-data.js';
import { stateValueSize, type WriteSetEntry } from './write-set-entries.js';

/** What the newest row of an item says. */
interface LatestValue {
  readonly version: bigint;
  /** Bytes of the value's data; undefined for a deletion. */
  readonly dataBytes: number | undefined;
}

/** Items whose newest row is remembered, so that it need not be looked for. */
const REMEMBERED_MAX = 1_000_000;
/** Look-ups under way at a time. */
const LOOKUPS_AT_ONCE = 64;

const DELETED = Uint8Array.of(0);

/**
 * Writes state values with the index of those that they replace, and counts what there is (spec:
 * aptosdb-schema.md, section 5 and 10.6).
 */
export class StateValueWriter {
  readonly #database: AptosDatabaseFiles;
  readonly #latest = new Map<string, LatestValue | undefined>();
  /** True while every item of the database is remembered: then nothing has to be looked up. */
  #remembersAll: boolean;
  #usage: StateUsage;
  /** Rows of later versions, which a replay finds, are none of the past. */
  #usageVersion: bigint | undefined;

  /** @param usageVersion the version after which there is this usage; undefined in an empty database */
  constructor(database: AptosDatabaseFiles, usage: StateUsage, usageVersion: bigint | undefined) {
    this.#database = database;
    this.#usage = usage;
    this.#usageVersion = usageVersion;
    this.#remembersAll = usageVersion === undefined;
  }

  get usage(): StateUsage {
    return this.#usage;
  }

  /** Makes the newest rows of these items known; must come before `apply` of entries that write them. */
  async prepare(entries: readonly WriteSetEntry[]): Promise<void> {
    this.#makeRoom(entries.length);
    if (this.#remembersAll) return;
    const wanted = new Map<string, HashValue>();
    for (const { keyHash } of entries) {
      const name = nameOf(keyHash);
      if (!this.#latest.has(name)) wanted.set(name, keyHash);
    }
    const left = [...wanted];
    const work = async (): Promise<void> => {
      for (let next = left.pop(); next; next = left.pop()) {
        this.#latest.set(next[0], await this.#lookUp(next[1]));
      }
    };
    await Promise.all(Array.from({ length: LOOKUPS_AT_ONCE }, work));
  }

  /** Adds the rows of one version's writes to the batches, one a shard, and counts them. */
  apply(shards: readonly WriteBatch[], version: bigint, entries: readonly WriteSetEntry[]): void {
    let { items, bytes } = this.#usage;
    for (const entry of entries) {
      const { keyHash, stateValue, keyBytes } = entry;
      const name = nameOf(keyHash);
      const before = this.#latest.get(name);
      const earlier = before?.dataBytes === undefined ? NO_EARLIER_VERSION : before.version;
      const batch = shards[shardOfKeyHash(keyHash)];
      assert(batch, 'one batch a shard');
      putRows(batch, version, entry, earlier);
      const dataBytes = stateValue && stateValueSize(stateValue);
      if (before?.dataBytes !== undefined) {
        items--;
        bytes -= BigInt(keyBytes + before.dataBytes);
      }
      if (dataBytes !== undefined) {
        items++;
        bytes += BigInt(keyBytes + dataBytes);
      }
      this.#latest.set(name, { version, dataBytes });
    }
    this.#usage = { items, bytes };
    this.#usageVersion = version;
  }

  #makeRoom(count: number): void {
    if (this.#latest.size + count <= REMEMBERED_MAX) return;
    this.#latest.clear();
    this.#remembersAll = false;
  }

  async #lookUp(keyHash: HashValue): Promise<LatestValue | undefined> {
    const store = this.#database.stateKvShard(shardOfKeyHash(keyHash));
    // Newest first.
    const range = {
      gte: { key_hash: keyHash, version: this.#usageVersion ?? 0n },
      lte: { key_hash: keyHash, version: 0n },
    };
    for await (const { key, value } of iterateRowBytes(store, stateValueRows, range, { limit: 1 })) {
      const isThere = new BcsReader(value).optionTag();
      return { version: key.version, dataBytes: isThere ? stateValueSize(value.subarray(1)) : undefined };
    }
    return undefined;
  }
}

function nameOf(keyHash: HashValue): string {
  return Buffer.from(keyHash.buffer, keyHash.byteOffset, keyHash.byteLength).toString('latin1');
}

function putRows(batch: WriteBatch, version: bigint, entry: WriteSetEntry, earlier: bigint): void {
  const { keyHash: key_hash, stateValue } = entry;
  putRowBytes(batch, stateValueRows, { key_hash, version }, stateValue ? present(stateValue) : DELETED);
  putRow(batch, staleStateValueRows, { stale_since_version: version, version: earlier, key_hash }, undefined);
  if (stateValue) return;
  // So that the deletion itself is pruned one day.
  putRow(batch, staleStateValueRows, { stale_since_version: version, version, key_hash }, undefined);
}

function present(stateValue: Uint8Array): Uint8Array {
  const row = new Uint8Array(1 + stateValue.length);
  row[0] = 1;
  row.set(stateValue, 1);
  return row;
}
