import { blockByVersionRows } from './block-by-version.js';
import { blockInfoRows } from './block-info.js';
import type { AnyColumnFamily, InstanceKind } from './column-family.js';
import { dbMetadataRows } from './db-metadata.js';
import { epochByVersionRows } from './epoch-by-version.js';
import { eventRows } from './event.js';
import { eventAccumulatorRows } from './event-accumulator.js';
import { eventByKeyRows } from './event-by-key.js';
import { eventByVersionRows } from './event-by-version.js';
import { hotStateValueRows } from './hot-state-value-by-key-hash.js';
import { treeNodeRows } from './jellyfish-merkle-node.js';
import { ledgerInfoRows } from './ledger-info.js';
import { persistedAuxiliaryInfoRows } from './persisted-auxiliary-info.js';
import { staleNodeIndexRows } from './stale-node-index.js';
import { staleNodeIndexCrossEpochRows } from './stale-node-index-cross-epoch.js';
import { staleStateValueRows } from './stale-state-value-index-by-key-hash.js';
import { stateValueRows } from './state-value-by-key-hash.js';
import { stateValueIndexRows } from './state-value-index.js';
import { transactionRows } from './transaction.js';
import { transactionAccumulatorRows } from './transaction-accumulator.js';
import { transactionAccumulatorRootHashRows } from './transaction-accumulator-root-hash.js';
import { transactionAuxiliaryDataRows } from './transaction-auxiliary-data.js';
import { transactionByAccountRows } from './transaction-by-account.js';
import { transactionByHashRows } from './transaction-by-hash.js';
import { transactionInfoRows } from './transaction-info.js';
import { transactionSummariesByAccountRows } from './transaction-summaries-by-account.js';
import { versionDataRows } from './version-data.js';
import { writeSetRows } from './write-set.js';

/** Every column family that a ledger database has. */
export const COLUMN_FAMILIES: readonly AnyColumnFamily[] = [
  dbMetadataRows,
  ledgerInfoRows,
  epochByVersionRows,
  versionDataRows,
  blockInfoRows,
  blockByVersionRows,
  eventRows,
  eventByKeyRows,
  eventByVersionRows,
  eventAccumulatorRows,
  persistedAuxiliaryInfoRows,
  transactionAccumulatorRows,
  transactionAccumulatorRootHashRows,
  transactionAuxiliaryDataRows,
  transactionRows,
  transactionByAccountRows,
  transactionSummariesByAccountRows,
  transactionByHashRows,
  transactionInfoRows,
  writeSetRows,
  stateValueRows,
  staleStateValueRows,
  stateValueIndexRows,
  treeNodeRows,
  staleNodeIndexRows,
  staleNodeIndexCrossEpochRows,
  hotStateValueRows,
];

/** The column families of one kind of database, `db_metadata` first. */
export function columnFamiliesOf(kind: InstanceKind): readonly AnyColumnFamily[] {
  return COLUMN_FAMILIES.filter((family) => family.kinds.includes(kind));
}
