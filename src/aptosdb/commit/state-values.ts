import assert from 'node:assert/strict';
import { BcsReader } from '../../bcs/bcs-reader.js';
import { equalBytes, HASH_SIZE } from '../../hashing/hash-value.js';
import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { SHARD_COUNT } from '../driver/instances.js';
import { NO_EARLIER_VERSION, staleStateValueRows } from '../schema/stale-state-value-index-by-key-hash.js';
import { stateValueRows } from '../schema/state-value-by-key-hash.js';
import type { StateUsage } from '../schema/version-data.js';
import { LatestValues } from './latest-values.js';
import type { LedgerBatches } from './ledger-batches.js';
import { RowKeys, stateValueVersion } from './row-keys.js';
import type { StateWrites } from './state-writes.js';

/** Items whose newest row is remembered, so that it need not be looked for: 46 MiB of memory. */
const REMEMBERED_MAX = (1 << 20) * 0.75;
const HASH_WORDS = HASH_SIZE / 4;
const NO_VALUE = new Uint8Array(0);

/**
 * Writes state values with the index of those that they replace, and counts what there is (spec:
 * aptosdb-schema.md, section 5 and 10.6).
 */
export class StateValueWriter {
  readonly #database: AptosDatabaseFiles;
  /** Of what is looked up. */
  readonly #keys = new RowKeys();
  readonly #latest = new LatestValues();
  /** True while every item of the database is remembered: then nothing has to be looked up. */
  #remembersAll: boolean;
  /** Where all rows that are not remembered have one version: that of the snapshot they came with. */
  #snapshotVersion: bigint | undefined;
  #usage: StateUsage;
  /** Rows of later versions, which a replay finds, are none of the past. */
  #usageVersion: bigint | undefined;

  /**
   * @param usageVersion the version after which there is this usage; undefined in an empty database
   * @param isSnapshot whether the state is that of a snapshot and nothing else: each row at `usageVersion`
   */
  constructor(
    database: AptosDatabaseFiles,
    usage: StateUsage,
    usageVersion: bigint | undefined,
    isSnapshot = false,
  ) {
    this.#database = database;
    this.#usage = usage;
    this.#usageVersion = usageVersion;
    this.#remembersAll = usageVersion === undefined;
    this.#snapshotVersion = isSnapshot ? usageVersion : undefined;
  }

  get usage(): StateUsage {
    return this.#usage;
  }

  /** The last version with a write, or that of the usage it began with; undefined before any. */
  get version(): bigint | undefined {
    return this.#usageVersion;
  }

  /**
   * Whether `prepare` for this many writes may have to read rows that were added since it last did: those
   * have to be written by then. Otherwise they are remembered.
   */
  mayReadBack(count: number): boolean {
    return this.#latest.size + count > REMEMBERED_MAX;
  }

  /** Makes the newest rows of these items known; must come before `apply` of these writes. */
  async prepare(writes: StateWrites): Promise<void> {
    this.#makeRoom(writes.count);
    if (this.#remembersAll) return;
    const byShard: number[][] = Array.from({ length: SHARD_COUNT }, () => []);
    for (let index = 0; index < writes.count; index++) {
      if (this.#latest.find(writes.keyHashWords, index * HASH_WORDS) >= 0) continue;
      byShard[(writes.keyHashes[index * HASH_SIZE] ?? 0) >> 4]?.push(index);
    }
    const snapshot = this.#snapshotVersion;
    await Promise.all(
      byShard.map(async (wanted, shard) => {
        if (wanted.length === 0) return;
        if (snapshot === undefined) await this.#lookUp(writes, wanted, shard);
        else await this.#lookUpInSnapshot(writes, wanted, shard, snapshot);
      }),
    );
    this.#keys.reset();
  }

  /** Adds the rows of writes `from..to`, those of whole versions, to the batches. */
  apply(batches: LedgerBatches, writes: StateWrites, from: number, to: number): void {
    let items = 0;
    let bytes = 0;
    for (let index = from; index < to; index++) {
      const version = writes.versions[index] ?? 0n;
      const place = this.#latest.find(writes.keyHashWords, index * HASH_WORDS);
      const before = place < 0 ? undefined : this.#latest.dataBytesAt(place);
      const earlier = before === undefined ? NO_EARLIER_VERSION : this.#latest.versionAt(place);
      this.#putRows(batches, writes, index, earlier);
      const keyBytes = writes.keyBytes[index] ?? 0;
      const dataBytes = writes.dataBytes[index];
      if (before !== undefined) {
        items--;
        bytes -= keyBytes + before;
      }
      if (dataBytes !== undefined) {
        items++;
        bytes += keyBytes + dataBytes;
      }
      this.#latest.set(writes.keyHashWords, index * HASH_WORDS, version, dataBytes);
      this.#usageVersion = version;
    }
    this.#usage = { items: this.#usage.items + BigInt(items), bytes: this.#usage.bytes + BigInt(bytes) };
  }

  #putRows({ stateShards, keys }: LedgerBatches, writes: StateWrites, index: number, earlier: bigint): void {
    const { keyHashes } = writes;
    const at = index * HASH_SIZE;
    const version = writes.versions[index] ?? 0n;
    const batch = stateShards[(keyHashes[at] ?? 0) >> 4];
    assert(batch, 'one batch a shard');
    const row = keys.value(writes.rowBytes, writes.rowStarts[index] ?? 0, writes.rowEnds[index] ?? 0);
    batch.put(stateValueRows.name, keys.stateValue(keyHashes, at, version), row);
    const stale = staleStateValueRows.name;
    batch.put(stale, keys.staleStateValue(version, earlier, keyHashes, at), NO_VALUE);
    if (writes.dataBytes[index] !== undefined) return;
    // So that the deletion itself is pruned one day.
    batch.put(stale, keys.staleStateValue(version, version, keyHashes, at), NO_VALUE);
  }

  #makeRoom(count: number): void {
    if (this.#latest.size + count <= REMEMBERED_MAX) return;
    this.#latest.clear();
    this.#remembersAll = false;
    this.#snapshotVersion = undefined;
  }

  /** Each item has a row of this version or none. */
  async #lookUpInSnapshot(
    writes: StateWrites,
    wanted: readonly number[],
    shard: number,
    version: bigint,
  ): Promise<void> {
    const keys = wanted.map((index) => this.#keys.stateValue(writes.keyHashes, index * HASH_SIZE, version));
    const values = await this.#database.stateKvShard(shard).multiGet(stateValueRows.name, keys);
    wanted.forEach((index, place) => {
      const value = values[place];
      this.#remember(writes, index, version, value === undefined ? undefined : dataBytesOf(value));
    });
  }

  /** The newest row of each item: rows of an item are ordered from the newest down. */
  async #lookUp(writes: StateWrites, wanted: readonly number[], shard: number): Promise<void> {
    const { keyHashes } = writes;
    const newest = this.#usageVersion ?? 0n;
    const keys = wanted.map((index) => this.#keys.stateValue(keyHashes, index * HASH_SIZE, newest));
    const rows = await this.#database.stateKvShard(shard).seekEach(stateValueRows.name, keys);
    wanted.forEach((index, place) => {
      const row = rows[place];
      const keyHash = keyHashes.subarray(index * HASH_SIZE, (index + 1) * HASH_SIZE);
      const isFound = row !== undefined && equalBytes(row.key.subarray(0, HASH_SIZE), keyHash);
      if (!isFound) this.#remember(writes, index, 0n, undefined);
      else this.#remember(writes, index, stateValueVersion(row.key), dataBytesOf(row.value));
    });
  }

  #remember(writes: StateWrites, index: number, version: bigint, dataBytes: number | undefined): void {
    this.#latest.set(writes.keyHashWords, index * HASH_WORDS, version, dataBytes);
  }
}

/** Of a row's value: undefined for a deletion. */
function dataBytesOf(row: Uint8Array): number | undefined {
  const reader = new BcsReader(row);
  if (!reader.optionTag()) return undefined;
  reader.advance(1);
  return reader.sequenceLength();
}
