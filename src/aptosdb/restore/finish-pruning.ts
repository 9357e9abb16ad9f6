import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import type { LedgerInstanceKind } from '../driver/instances.js';
import type { KeyValueStore } from '../driver/key-value-store.js';
import { WriteBatch } from '../driver/write-batch.js';
import { putMarker, type VersionMarker } from '../schema/progress-markers.js';

/** The first versions that a restored database can answer for. */
export interface FirstVersions {
  /** From here on every transaction is there, with info, events, write set and accumulator. */
  readonly transactions: bigint;
  /** From here on every state value is there. */
  readonly values: bigint;
  /** The first state tree. */
  readonly trees: bigint;
}

const SUB_PRUNERS: readonly (readonly [LedgerInstanceKind, VersionMarker])[] = [
  ['ledger_db/event_db', { variant: 'EventPrunerProgress' }],
  ['ledger_db/transaction_accumulator_db', { variant: 'TransactionAccumulatorPrunerProgress' }],
  ['ledger_db/transaction_info_db', { variant: 'TransactionInfoPrunerProgress' }],
  ['ledger_db/transaction_db', { variant: 'TransactionPrunerProgress' }],
  ['ledger_db/write_set_db', { variant: 'WriteSetPrunerProgress' }],
  ['ledger_db/transaction_auxiliary_data_db', { variant: 'TransactionAuxiliaryDataPrunerProgress' }],
  ['ledger_db/persisted_auxiliary_info_db', { variant: 'PersistedAuxiliaryInfoPrunerProgress' }],
];

/**
 * Notes where a database begins as if it had been pruned up to there (spec: aptosdb-schema.md, 10.8, 11.4
 * and 14): else a node would prune from version 0 on, and hide history that is there or promise what is
 * not. Durable when this returns.
 */
export async function writePrunerProgress(
  database: AptosDatabaseFiles,
  { transactions, values, trees }: FirstVersions,
): Promise<void> {
  const write = async (
    store: KeyValueStore,
    version: bigint,
    ...markers: readonly VersionMarker[]
  ): Promise<void> => {
    const batch = new WriteBatch();
    for (const marker of markers) putMarker(batch, marker, version);
    await store.write(batch);
    await store.barrier();
  };
  await Promise.all(SUB_PRUNERS.map(([kind, marker]) => write(database.ledger(kind), transactions, marker)));
  await write(database.stateKvMetadata, values, { variant: 'StateKvPrunerProgress' });
  await write(
    database.stateMerkleMetadata,
    trees,
    { variant: 'StateMerklePrunerProgress' },
    { variant: 'EpochEndingStateMerklePrunerProgress' },
  );
  await write(database.ledgerMetadata, transactions, { variant: 'LedgerPrunerProgress' });
}
