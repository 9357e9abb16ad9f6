import { BcsWriter } from '../../bcs/bcs-writer.js';
import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import type { KeyValueStore } from '../driver/key-value-store.js';
import type { ColumnFamily } from '../schema/column-family.js';
import { eventRows } from '../schema/event.js';
import { persistedAuxiliaryInfoRows } from '../schema/persisted-auxiliary-info.js';
import { iterateRowBytes, type Row } from '../schema/rows.js';
import { transactionInfoRows } from '../schema/transaction-info.js';
import { transactionRows } from '../schema/transaction.js';
import { writeSetBytes, writeSetRows } from '../schema/write-set.js';
import { LedgerReadError } from './read-error.js';

const NO_AUXILIARY_INFO = Uint8Array.of(0);

/** A cursor over rows that looks one row ahead. */
class Cursor<K> {
  readonly #rows: AsyncGenerator<Row<K, Uint8Array>, void, undefined>;
  head: Row<K, Uint8Array> | undefined;

  constructor(rows: AsyncGenerator<Row<K, Uint8Array>, void, undefined>) {
    this.#rows = rows;
  }

  async advance(): Promise<void> {
    const step = await this.#rows.next();
    this.head = step.done ? undefined : step.value;
  }

  async close(): Promise<void> {
    await this.#rows.return();
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
    new Cursor(iterateRowBytes(store, family, { gte }, { signal }));
  const transactions = open(database.ledger('ledger_db/transaction_db'), transactionRows, firstVersion);
  const infos = open(database.ledger('ledger_db/transaction_info_db'), transactionInfoRows, firstVersion);
  const writeSets = open(database.ledger('ledger_db/write_set_db'), writeSetRows, firstVersion);
  const events = open(database.ledger('ledger_db/event_db'), eventRows, { version: firstVersion, index: 0n });
  const auxiliaryStore = database.ledger('ledger_db/persisted_auxiliary_info_db');
  const auxiliary = open(auxiliaryStore, persistedAuxiliaryInfoRows, firstVersion);
  const cursors = [transactions, infos, writeSets, events, auxiliary];
  try {
    await Promise.all(cursors.map((cursor) => cursor.advance()));
    const none = await firstVersionWithAuxiliary(auxiliaryStore, auxiliary);
    for (let version = firstVersion; version < firstVersion + count && transactions.head; version++) {
      const writer = new BcsWriter({ initialSize: 4096 });
      writer.raw(await take(transactions, transactionRows.name, version));
      writer.raw(
        version < none ? NO_AUXILIARY_INFO : await take(auxiliary, persistedAuxiliaryInfoRows.name, version),
      );
      writer.raw(await take(infos, transactionInfoRows.name, version));
      const ownEvents = await takeEvents(events, version);
      writer.sequenceLength(ownEvents.length);
      for (const event of ownEvents) writer.raw(event);
      writer.raw(writeSetBytes(await take(writeSets, writeSetRows.name, version)));
      yield writer.toBytes();
    }
  } finally {
    await Promise.all(cursors.map((cursor) => cursor.close()));
  }
}

/** Versions before it count as having none: all of them where no version has any. */
async function firstVersionWithAuxiliary(store: KeyValueStore, rows: Cursor<bigint>): Promise<bigint> {
  if (rows.head) return rows.head.key;
  for await (const _ of store.iterate(persistedAuxiliaryInfoRows.name, {}, { limit: 1 })) return 0n;
  return 2n ** 64n;
}

async function take(rows: Cursor<bigint>, columnFamily: string, version: bigint): Promise<Uint8Array> {
  const { head } = rows;
  if (head?.key !== version) {
    const found = head ? `version ${head.key}` : 'the end';
    throw new LedgerReadError(
      'LEDGER_VERSION_MISSING',
      `${columnFamily}: expecting version ${version}, got ${found}`,
      { facts: { version, columnFamily } },
    );
  }
  await rows.advance();
  return head.value;
}

async function takeEvents(
  rows: Cursor<{ readonly version: bigint; readonly index: bigint }>,
  version: bigint,
): Promise<Uint8Array[]> {
  const events: Uint8Array[] = [];
  while (rows.head?.key.version === version) {
    events.push(rows.head.value);
    await rows.advance();
  }
  return events;
}
