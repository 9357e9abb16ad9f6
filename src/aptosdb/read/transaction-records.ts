import { BcsWriter } from '../../bcs/bcs-writer.js';
import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import type { KeyValueStore, RawRow } from '../driver/key-value-store.js';
import type { ColumnFamily } from '../schema/column-family.js';
import { eventRows } from '../schema/event.js';
import { persistedAuxiliaryInfoRows } from '../schema/persisted-auxiliary-info.js';
import { iterateStoredRows } from '../schema/rows.js';
import { transactionInfoRows } from '../schema/transaction-info.js';
import { transactionRows } from '../schema/transaction.js';
import { writeSetBytes, writeSetRows } from '../schema/write-set.js';
import { ByteJoiner } from './byte-joiner.js';
import { LedgerReadError } from './read-error.js';

const NO_AUXILIARY_INFO = Uint8Array.of(0);
const NO_BYTES = new Uint8Array(0);

/** Rows fetched at once from each column family: at some 2 kB a row, a MiB for all of them. */
const READ_AHEAD_ROWS = 256;

/** A cursor over rows that looks one row ahead; it waits only where nothing is fetched yet. */
class Cursor<K> {
  readonly #family: ColumnFamily<K, unknown>;
  readonly #batches: AsyncIterator<readonly RawRow[]>;
  readonly #keyBytes: number;
  #batch: readonly RawRow[] = [];
  #next = 0;
  /** As it is stored, with a key of the right length; undefined behind the last row. */
  head: RawRow | undefined;

  constructor(store: KeyValueStore, family: ColumnFamily<K, unknown>, gte: K, signal?: AbortSignal) {
    this.#family = family;
    this.#keyBytes = family.key.encode(gte).length;
    const options = { signal, readAhead: READ_AHEAD_ROWS };
    this.#batches = iterateStoredRows(store, family, { gte }, options)[Symbol.asyncIterator]();
  }

  /** The decoded key of the head. */
  get key(): K | undefined {
    return this.head && this.#family.key.decode(this.head.key);
  }

  /** To the next row; where it is not there yet, the result must be awaited. */
  advance(): Promise<void> | undefined {
    const row = this.#batch[this.#next++];
    if (row === undefined) return this.#fetch();
    // A key of another length does not decode, which is an error.
    if (row.key.length !== this.#keyBytes) this.#family.key.decode(row.key);
    this.head = row;
    return undefined;
  }

  async close(): Promise<void> {
    await this.#batches.return?.();
  }

  async #fetch(): Promise<void> {
    const step = await this.#batches.next();
    this.head = undefined;
    if (step.done) return;
    this.#batch = step.value;
    this.#next = 0;
    await this.advance();
  }
}

/** The bytes with which keys of a version begin: to compare them costs less than to decode each key. */
class VersionPrefix {
  readonly #bytes = new Uint8Array(8);
  readonly #view = new DataView(this.#bytes.buffer);

  set(version: bigint): void {
    this.#view.setBigUint64(0, version);
  }

  begins(key: Uint8Array): boolean {
    // The last bytes are those that differ.
    for (let index = 7; index >= 0; index--) if (key[index] !== this.#bytes[index]) return false;
    return true;
  }
}

/**
 * Records of format V1 from stored rows (spec: aptosdb-schema.md, section 12). The stream ends where the
 * transactions end; a gap, or a part that ends earlier, is an error.
 * @throws LedgerReadError LEDGER_VERSION_MISSING
 */
export async function* transactionRecords(
  database: AptosDatabaseFiles,
  firstVersion: bigint,
  count: bigint,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const open = <K>(store: KeyValueStore, family: ColumnFamily<K, unknown>, gte: K): Cursor<K> =>
    new Cursor(store, family, gte, signal);
  const transactions = open(database.ledger('ledger_db/transaction_db'), transactionRows, firstVersion);
  const infos = open(database.ledger('ledger_db/transaction_info_db'), transactionInfoRows, firstVersion);
  const writeSets = open(database.ledger('ledger_db/write_set_db'), writeSetRows, firstVersion);
  const events = open(database.ledger('ledger_db/event_db'), eventRows, { version: firstVersion, index: 0n });
  const auxiliaryStore = database.ledger('ledger_db/persisted_auxiliary_info_db');
  const auxiliary = open(auxiliaryStore, persistedAuxiliaryInfoRows, firstVersion);
  const joiner = new ByteJoiner();
  const cursors = [transactions, infos, writeSets, events, auxiliary];
  try {
    await Promise.all(cursors.map((cursor) => cursor.advance()));
    const none = await firstVersionWithAuxiliary(auxiliaryStore, auxiliary);
    const end = firstVersion + count;
    const prefix = new VersionPrefix();
    for (let version = firstVersion; version < end && transactions.head; version++) {
      signal?.throwIfAborted();
      prefix.set(version);
      const parts = [
        headOf(transactions, transactionRows.name, version, prefix),
        version < none
          ? NO_AUXILIARY_INFO
          : headOf(auxiliary, persistedAuxiliaryInfoRows.name, version, prefix),
        headOf(infos, transactionInfoRows.name, version, prefix),
        ...(await takeEvents(events, prefix)),
        writeSetBytes(headOf(writeSets, writeSetRows.name, version, prefix)),
      ];
      // Waiting for nothing costs as much as all the rest.
      for (const cursor of [transactions, infos, writeSets, version < none ? undefined : auxiliary]) {
        const fetched = cursor?.advance();
        if (fetched !== undefined) await fetched;
      }
      yield joiner.join(parts);
    }
  } finally {
    await Promise.all(cursors.map((cursor) => cursor.close()));
  }
}

/** Versions before it count as having none: all of them where no version has any. */
async function firstVersionWithAuxiliary(store: KeyValueStore, rows: Cursor<bigint>): Promise<bigint> {
  if (rows.key !== undefined) return rows.key;
  for await (const _ of store.iterate(persistedAuxiliaryInfoRows.name, {}, { limit: 1 })) return 0n;
  return 2n ** 64n;
}

function headOf(
  rows: Cursor<bigint>,
  columnFamily: string,
  version: bigint,
  prefix: VersionPrefix,
): Uint8Array {
  const { head } = rows;
  if (head && prefix.begins(head.key)) return head.value;
  const found = head ? `version ${rows.key}` : 'the end';
  throw new LedgerReadError(
    'LEDGER_VERSION_MISSING',
    `${columnFamily}: expecting version ${version}, got ${found}`,
    { facts: { version, columnFamily } },
  );
}

/** The events of a version behind their number, as a vector has them. */
async function takeEvents(
  rows: Cursor<{ readonly version: bigint; readonly index: bigint }>,
  prefix: VersionPrefix,
): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = [NO_BYTES];
  while (rows.head && prefix.begins(rows.head.key)) {
    parts.push(rows.head.value);
    const fetched = rows.advance();
    if (fetched !== undefined) await fetched;
  }
  parts[0] = encodeLength(parts.length - 1);
  return parts;
}

function encodeLength(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  const writer = new BcsWriter();
  writer.sequenceLength(length);
  return writer.toBytes();
}
