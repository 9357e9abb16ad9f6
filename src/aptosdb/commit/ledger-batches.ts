import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { SHARD_COUNT } from '../driver/instances.js';
import type { KeyValueStore } from '../driver/key-value-store.js';
import { WriteBatch } from '../driver/write-batch.js';
import { putMarker } from '../schema/progress-markers.js';
import { RowKeys } from './row-keys.js';

/** Rows of some transactions: one batch for each instance that they go to. May be used again and again. */
export class LedgerBatches {
  /** What the rows' keys, and their short values, lie in: until `clear`. */
  readonly keys = new RowKeys();
  readonly transactions = new WriteBatch();
  readonly infos = new WriteBatch();
  readonly writeSets = new WriteBatch();
  readonly events = new WriteBatch();
  readonly auxiliaryInfos = new WriteBatch();
  readonly accumulator = new WriteBatch();
  readonly ledgerMetadata = new WriteBatch();
  readonly stateShards: readonly WriteBatch[] = Array.from({ length: SHARD_COUNT }, () => new WriteBatch());

  /** Takes all rows out, once they are written. */
  clear(): void {
    for (const batch of this.#all) batch.clear();
    this.keys.reset();
  }

  get #all(): readonly WriteBatch[] {
    const { transactions, infos, writeSets, events, auxiliaryInfos, accumulator, ledgerMetadata } = this;
    const ofLedger = [transactions, infos, writeSets, events, auxiliaryInfos, accumulator, ledgerMetadata];
    return [...ofLedger, ...this.stateShards];
  }

  /** Writes everything but the ledger's metadata, in no order. */
  async writeData(database: AptosDatabaseFiles): Promise<void> {
    const writes: readonly (readonly [KeyValueStore, WriteBatch])[] = [
      [database.ledger('ledger_db/event_db'), this.events],
      [database.ledger('ledger_db/write_set_db'), this.writeSets],
      [database.ledger('ledger_db/transaction_db'), this.transactions],
      [database.ledger('ledger_db/persisted_auxiliary_info_db'), this.auxiliaryInfos],
      [database.ledger('ledger_db/transaction_info_db'), this.infos],
      [database.ledger('ledger_db/transaction_accumulator_db'), this.accumulator],
      ...this.stateShards.map((batch, shard) => [database.stateKvShard(shard), batch] as const),
    ];
    await Promise.all(writes.map(([store, batch]) => store.write(batch)));
  }
}

/** Adds, to one batch a shard, how far the state values have come. */
export function putShardMarkers(stateShards: readonly WriteBatch[], version: bigint): void {
  stateShards.forEach((batch, shard) => {
    putMarker(batch, { variant: 'StateKvShardCommitProgress', value: BigInt(shard) }, version);
  });
}

/** Writes how far the state values have come as a whole. */
export async function writeStateKvMarker(database: AptosDatabaseFiles, version: bigint): Promise<void> {
  const batch = new WriteBatch();
  putMarker(batch, { variant: 'StateKvCommitProgress' }, version);
  await database.stateKvMetadata.write(batch);
}
