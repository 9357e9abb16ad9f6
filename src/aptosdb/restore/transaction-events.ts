import { HASH_SIZE } from '../../hashing/hash-value.js';
import type { LedgerHashers } from '../../types/ledger-family.js';
import type { TransactionRecordWalk } from '../../types/transaction-record-walk.js';
import type { LedgerBatches } from '../commit/ledger-batches.js';
import { inOrderIndex } from '../schema/accumulator-position.js';
import { eventAccumulatorRows } from '../schema/event-accumulator.js';
import { eventByKeyRows } from '../schema/event-by-key.js';
import { eventByVersionRows } from '../schema/event-by-version.js';

const STREAM_VARIANT = 0;
const STREAM_BYTES = 40;

/**
 * The rows of events that a restore writes and a commit does not: places by stream, and the accumulator of
 * each transaction's events (spec: aptosdb-schema.md, section 5). Hashes of many transactions are taken
 * together: `begin`, `add` for each transaction, `finish`.
 */
export class TransactionEvents {
  readonly #hashers: LedgerHashers;
  #bytes: Uint8Array = new Uint8Array(0);
  #count = 0;
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  /** Versions with events, and how many each has. */
  #versions: bigint[] = [];
  #eventCounts: number[] = [];

  constructor(hashers: LedgerHashers) {
    this.#hashers = hashers;
  }

  /** @param bytes what all records of the batch lie in */
  begin(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#count = 0;
    this.#versions = [];
    this.#eventCounts = [];
  }

  add(batches: LedgerBatches, version: bigint, walk: TransactionRecordWalk): void {
    const { eventCount, eventStarts, eventEnds } = walk;
    if (eventCount === 0) return;
    this.#versions.push(version);
    this.#eventCounts.push(eventCount);
    for (let index = 0; index < eventCount; index++) {
      const start = eventStarts[index] ?? 0;
      this.#starts[this.#count] = start;
      this.#ends[this.#count] = eventEnds[index] ?? 0;
      this.#count++;
      if (this.#bytes[start] === STREAM_VARIANT) this.#putPlace(batches, version, index, start + 1);
    }
  }

  /** Adds the accumulators' rows, level by level. */
  finish(batches: LedgerBatches): void {
    let nodes: Uint8Array = new Uint8Array(this.#count * HASH_SIZE);
    const spans = { base: this.#bytes, starts: this.#starts, ends: this.#ends, count: this.#count };
    this.#hashers.contractEvent.records(spans, nodes);
    for (let level = 0; nodes.length > 0; level++) {
      this.#putLevel(batches, level, nodes);
      nodes = this.#parents(level, nodes);
    }
  }

  #putPlace({ events, keys }: LedgerBatches, version: bigint, index: number, keyStart: number): void {
    const keyEnd = keyStart + STREAM_BYTES;
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + keyEnd);
    const number = view.getBigUint64(0, true);
    const place = BigInt(index);
    const byKey = keys.bytesAndU64(this.#bytes, keyStart, keyEnd, number);
    events.put(eventByKeyRows.name, byKey, keys.u64Pair(version, place));
    const byVersion = keys.bytesAndU64Pair(this.#bytes, keyStart, keyEnd, version, number);
    events.put(eventByVersionRows.name, byVersion, keys.u64(place));
  }

  #putLevel({ events, keys }: LedgerBatches, level: number, nodes: Uint8Array): void {
    let at = 0;
    for (const [place, version] of this.#versions.entries()) {
      const width = (this.#eventCounts[place] ?? 0) >> level;
      for (let index = 0; index < width; index++, at += HASH_SIZE) {
        const inOrder = inOrderIndex({ level, index: BigInt(index) });
        const hash = keys.value(nodes, at, at + HASH_SIZE);
        events.put(eventAccumulatorRows.name, keys.u64Pair(version, inOrder), hash);
      }
    }
  }

  /** The complete nodes of the next level: children without a partner have no part in it. */
  #parents(level: number, nodes: Uint8Array): Uint8Array<ArrayBuffer> {
    const pairs = new Uint8Array(nodes.length);
    let from = 0;
    let to = 0;
    for (const count of this.#eventCounts) {
      const width = count >> level;
      const used = (width & ~1) * HASH_SIZE;
      pairs.set(nodes.subarray(from, from + used), to);
      from += width * HASH_SIZE;
      to += used;
    }
    const size = to / 2;
    if (size > 0) this.#hashers.eventAccumulator.level(pairs, 0, size / HASH_SIZE);
    return pairs.subarray(0, size);
  }
}
