import { hashTransaction } from '../../types/hashes.js';
import type { LedgerHashers } from '../../types/ledger-family.js';
import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { SHARD_COUNT } from '../driver/instances.js';
import type { KeyValueStore } from '../driver/key-value-store.js';
import { lastTreeVersion } from '../read/tree-versions.js';
import { frozenNodeCount } from '../schema/accumulator-position.js';
import { blockByVersionRows } from '../schema/block-by-version.js';
import { blockInfoRows } from '../schema/block-info.js';
import type { DbMetadataKey } from '../schema/db-metadata.js';
import { dbMetadataRows } from '../schema/db-metadata.js';
import { epochByVersionRows } from '../schema/epoch-by-version.js';
import { eventAccumulatorRows } from '../schema/event-accumulator.js';
import { eventByKeyRows } from '../schema/event-by-key.js';
import { eventByVersionRows } from '../schema/event-by-version.js';
import { eventRows } from '../schema/event.js';
import { treeNodeRows } from '../schema/jellyfish-merkle-node.js';
import { ledgerInfoRows } from '../schema/ledger-info.js';
import { ROOT_PATH } from '../schema/node-key.js';
import { persistedAuxiliaryInfoRows } from '../schema/persisted-auxiliary-info.js';
import { getMarker, putMarker, type VersionMarker } from '../schema/progress-markers.js';
import { deleteRow, iterateKeys, iterateRowBytes, iterateRows } from '../schema/rows.js';
import { staleNodeIndexCrossEpochRows } from '../schema/stale-node-index-cross-epoch.js';
import { staleNodeIndexRows } from '../schema/stale-node-index.js';
import { staleStateValueRows } from '../schema/stale-state-value-index-by-key-hash.js';
import { stateValueRows } from '../schema/state-value-by-key-hash.js';
import { transactionAccumulatorRootHashRows } from '../schema/transaction-accumulator-root-hash.js';
import { transactionAccumulatorRows } from '../schema/transaction-accumulator.js';
import { transactionByAccountRows } from '../schema/transaction-by-account.js';
import { transactionByHashRows } from '../schema/transaction-by-hash.js';
import { transactionInfoRows } from '../schema/transaction-info.js';
import { transactionSummariesByAccountRows } from '../schema/transaction-summaries-by-account.js';
import { transactionRows } from '../schema/transaction.js';
import { versionDataRows } from '../schema/version-data.js';
import { writeSetRows } from '../schema/write-set.js';
import { DeletionBatches } from './deletion-batches.js';
import { senderOf } from './transaction-rows.js';

const NO_HASH = new Uint8Array(32);

/**
 * Takes back everything above the last version that counts, which commits leave when they are cut off
 * (spec: aptosdb-schema.md, 11.1 and 11.2). Cut off itself, it goes on at the next call; on a database
 * with nothing to take back it writes nothing.
 * @param last the last version to keep; undefined keeps none
 */
export async function cutBack(
  database: AptosDatabaseFiles,
  hashers: LedgerHashers,
  last: bigint | undefined,
): Promise<void> {
  const firstGone = last === undefined ? 0n : last + 1n;
  const treeVersion = last === undefined ? undefined : await lastTreeVersion(database, last);
  await cutTree(database, treeVersion);
  await cutStateValues(database, firstGone, last);
  await cutTransactions(database, hashers, firstGone);
  await cutEvents(database.ledger('ledger_db/event_db'), firstGone);
  await cutByVersion(database, firstGone);
  await cutLedgerMetadata(database.ledgerMetadata, firstGone, last);
}

async function cutTree(database: AptosDatabaseFiles, last: bigint | undefined): Promise<void> {
  const firstGone = last === undefined ? 0n : last + 1n;
  const node = { version: firstGone, path: ROOT_PATH };
  const stale = { staleSinceVersion: firstGone, nodeKey: { version: 0n, path: ROOT_PATH } };
  const cut = async (store: KeyValueStore, marker: VersionMarker): Promise<void> => {
    const batches = new DeletionBatches(store);
    await batches.deleteFrom(treeNodeRows, node);
    await batches.deleteFrom(staleNodeIndexRows, stale);
    await batches.deleteFrom(staleNodeIndexCrossEpochRows, stale);
    await setBack(batches, marker, last);
    await batches.finish();
  };
  // Roots first: none may stand where its nodes are gone.
  await cut(database.stateMerkleMetadata, { variant: 'StateMerkleCommitProgress' });
  await forEachShard((shard) =>
    cut(database.stateMerkleShard(shard), {
      variant: 'StateMerkleShardCommitProgress',
      value: BigInt(shard),
    }),
  );
}

/** Every value has a row in the index under the version that wrote it. */
async function cutStateValues(
  database: AptosDatabaseFiles,
  firstGone: bigint,
  last: bigint | undefined,
): Promise<void> {
  await forEachShard(async (shard) => {
    const store = database.stateKvShard(shard);
    const batches = new DeletionBatches(store);
    const range = { gte: { stale_since_version: firstGone, version: 0n, key_hash: NO_HASH } };
    for await (const key of iterateKeys(store, staleStateValueRows, range)) {
      const value = { key_hash: key.key_hash, version: key.stale_since_version };
      await batches.add((batch) => {
        deleteRow(batch, stateValueRows, value);
        deleteRow(batch, staleStateValueRows, key);
      });
    }
    await setBack(batches, { variant: 'StateKvShardCommitProgress', value: BigInt(shard) }, last);
    await batches.finish();
  });
  const batches = new DeletionBatches(database.stateKvMetadata);
  await setBack(batches, { variant: 'StateKvCommitProgress' }, last);
  await batches.finish();
}

async function cutTransactions(
  database: AptosDatabaseFiles,
  hashers: LedgerHashers,
  firstGone: bigint,
): Promise<void> {
  const store = database.ledger('ledger_db/transaction_db');
  const batches = new DeletionBatches(store);
  const gone = iterateRowBytes(store, transactionRows, { gte: firstGone });
  for await (const { key: version, value: transaction } of gone) {
    const found = senderOf(transaction);
    await batches.add((batch) => {
      deleteRow(batch, transactionRows, version);
      deleteRow(batch, transactionByHashRows, hashTransaction(hashers, transaction));
      if (!found) return;
      const { sender: address, replayProtector } = found;
      deleteRow(batch, transactionSummariesByAccountRows, { address, version });
      if (replayProtector.variant !== 'SequenceNumber') return;
      deleteRow(batch, transactionByAccountRows, { address, sequence_number: replayProtector.value });
    });
  }
  await batches.finish();
}

async function cutEvents(store: KeyValueStore, firstGone: bigint): Promise<void> {
  const batches = new DeletionBatches(store);
  const gone = iterateRows(store, eventRows, { gte: { version: firstGone, index: 0n } });
  for await (const { key, value: event } of gone) {
    await batches.add((batch) => {
      deleteRow(batch, eventRows, key);
      if (event.variant !== 'V1') return;
      const { key: stream, sequence_number } = event.value;
      deleteRow(batch, eventByKeyRows, { key: stream, sequence_number });
      deleteRow(batch, eventByVersionRows, { key: stream, version: key.version, sequence_number });
    });
  }
  await batches.deleteFrom(eventAccumulatorRows, { version: firstGone, in_order_index: 0n });
  await batches.finish();
}

/** What has one row a version, or grows with it. */
async function cutByVersion(database: AptosDatabaseFiles, firstGone: bigint): Promise<void> {
  const infos = new DeletionBatches(database.ledger('ledger_db/transaction_info_db'));
  await infos.deleteFrom(transactionInfoRows, firstGone);
  await infos.finish();
  const writeSets = new DeletionBatches(database.ledger('ledger_db/write_set_db'));
  await writeSets.deleteFrom(writeSetRows, firstGone);
  await writeSets.finish();
  const auxiliary = new DeletionBatches(database.ledger('ledger_db/persisted_auxiliary_info_db'));
  await auxiliary.deleteFrom(persistedAuxiliaryInfoRows, firstGone);
  await auxiliary.finish();
  const accumulator = new DeletionBatches(database.ledger('ledger_db/transaction_accumulator_db'));
  await accumulator.deleteFrom(transactionAccumulatorRows, frozenNodeCount(firstGone));
  await accumulator.deleteFrom(transactionAccumulatorRootHashRows, firstGone);
  await accumulator.finish();
}

async function cutLedgerMetadata(
  store: KeyValueStore,
  firstGone: bigint,
  last: bigint | undefined,
): Promise<void> {
  const batches = new DeletionBatches(store);
  for await (const { key, value } of iterateRows(store, ledgerInfoRows, {}, { reverse: true })) {
    if (value.value.ledger_info.commit_info.version < firstGone) break;
    await batches.add((batch) => deleteRow(batch, ledgerInfoRows, key));
  }
  for await (const { key, value } of iterateRows(store, blockByVersionRows, { gte: firstGone })) {
    await batches.add((batch) => {
      deleteRow(batch, blockByVersionRows, key);
      deleteRow(batch, blockInfoRows, value);
    });
  }
  await batches.deleteFrom(epochByVersionRows, firstGone);
  await batches.deleteFrom(versionDataRows, firstGone);
  await setBack(batches, { variant: 'LedgerCommitProgress' }, last);
  await batches.finish();
}

/** Lowers a marker that is too high; removes it where no version is left. */
async function setBack(
  batches: DeletionBatches,
  marker: VersionMarker,
  last: bigint | undefined,
): Promise<void> {
  const current = await getMarker(batches.store, marker);
  if (current === undefined || current === last) return;
  await batches.add((batch) => {
    if (last === undefined) deleteRow(batch, dbMetadataRows, marker satisfies DbMetadataKey);
    else putMarker(batch, marker, last);
  });
}

async function forEachShard(work: (shard: number) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: SHARD_COUNT }, (_, shard) => work(shard)));
}
