import type { Infer } from '../../bcs/codec.js';
import { enumeration, struct } from '../../bcs/containers.js';
import { u64 } from '../../bcs/primitives.js';
import { HashValue } from '../../types/basic.js';
import { bcs } from './byte-codec.js';
import { columnFamily } from './column-family.js';
import { StateUsage } from './version-data.js';

const shard = u64;
const version = u64;

/** Progress markers, by their index (spec: aptosdb-schema.md, section 6). */
export const DbMetadataKey = enumeration(
  'DbMetadataKey',
  ['LedgerPrunerProgress', null],
  ['StateMerklePrunerProgress', null],
  ['EpochEndingStateMerklePrunerProgress', null],
  ['StateKvPrunerProgress', null],
  ['StateSnapshotKvRestoreProgress', version],
  ['LedgerCommitProgress', null],
  ['StateKvCommitProgress', null],
  ['OverallCommitProgress', null],
  ['StateKvShardCommitProgress', shard],
  ['StateMerkleCommitProgress', null],
  ['StateMerkleShardCommitProgress', shard],
  ['EventPrunerProgress', null],
  ['TransactionAccumulatorPrunerProgress', null],
  ['TransactionInfoPrunerProgress', null],
  ['TransactionPrunerProgress', null],
  ['WriteSetPrunerProgress', null],
  ['StateMerkleShardPrunerProgress', shard],
  ['EpochEndingStateMerkleShardPrunerProgress', shard],
  ['StateKvShardPrunerProgress', shard],
  [
    'StateMerkleShardRestoreProgress',
    struct('StateMerkleShardRestoreProgress', { shard_id: shard, version }),
  ],
  ['TransactionAuxiliaryDataPrunerProgress', null],
  ['PersistedAuxiliaryInfoPrunerProgress', null],
  ['StaleNodeCleanupDone', null],
  ['StaleNodeCleanupRegularProgress', null],
  ['StaleNodeCleanupEpochProgress', null],
);
export type DbMetadataKey = Infer<typeof DbMetadataKey>;

/** Usage while a snapshot is restored; untracked where it is not known. */
export const SnapshotUsage = enumeration('StateStorageUsage', ['Tracked', StateUsage], ['Untracked', null]);
export type SnapshotUsage = Infer<typeof SnapshotUsage>;

export const DbMetadataValue = enumeration(
  'DbMetadataValue',
  ['Version', version],
  ['StateSnapshotProgress', struct('StateSnapshotProgress', { key_hash: HashValue, usage: SnapshotUsage })],
);
export type DbMetadataValue = Infer<typeof DbMetadataValue>;

/** Every instance has it. */
export const dbMetadataRows = columnFamily({
  name: 'db_metadata',
  kinds: [
    'ledger_db/metadata',
    'ledger_db/event_db',
    'ledger_db/persisted_auxiliary_info_db',
    'ledger_db/transaction_accumulator_db',
    'ledger_db/transaction_auxiliary_data_db',
    'ledger_db/transaction_db',
    'ledger_db/transaction_info_db',
    'ledger_db/write_set_db',
    'state_kv_db',
    'state_merkle_db',
    'hot_state_kv_db',
    'hot_state_merkle_db',
  ],
  key: bcs(DbMetadataKey),
  value: bcs(DbMetadataValue),
});
