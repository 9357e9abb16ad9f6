import type { LedgerHashers } from '../../types/ledger-family.js';
import { nextBlockEpoch } from '../../types/ledger-info.js';
import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { SHARD_COUNT } from '../driver/instances.js';
import { WriteBatch } from '../driver/write-batch.js';
import { lastTreeVersion } from '../read/tree-versions.js';
import { epochByVersionRows } from '../schema/epoch-by-version.js';
import { ledgerInfoRows } from '../schema/ledger-info.js';
import { getMarker } from '../schema/progress-markers.js';
import { getRow, iterateRowBytes, lastRow } from '../schema/rows.js';
import { transactionInfoRows } from '../schema/transaction-info.js';
import { versionDataRows } from '../schema/version-data.js';
import { writeSetBytes, writeSetRows } from '../schema/write-set.js';
import { AccumulatorWriter } from './accumulator-writer.js';
import { CommitError } from './commit-error.js';
import { StateTreeWriter } from './state-tree-writer.js';
import { StateValueWriter } from './state-values.js';
import { writeSetEntries } from './write-set-entries.js';

/** What the next commit builds on, as of the last version that counts. */
export interface CommittedState {
  /** Undefined in an empty database. */
  readonly lastVersion: bigint | undefined;
  /** The epoch of the next transaction. */
  readonly epoch: bigint;
  /** The last version that ended an epoch. */
  readonly lastEpochEnd: bigint | undefined;
  readonly accumulator: AccumulatorWriter;
  readonly values: StateValueWriter;
  readonly tree: StateTreeWriter;
}

/** The last version that counts: everything above it is as if it were not there. */
export function lastCommittedVersion(database: AptosDatabaseFiles): Promise<bigint | undefined> {
  return getMarker(database.ledgerMetadata, { variant: 'OverallCommitProgress' });
}

/**
 * Reads what commits build on. The state between the newest tree on disk and the last version comes from
 * the write sets in between, as when a node starts (spec: aptosdb-schema.md, 11.3).
 * @throws CommitError COMMIT_DATABASE_INCOMPLETE, COMMIT_STATE_ROOT_MISMATCH
 */
export async function loadCommittedState(
  database: AptosDatabaseFiles,
  hashers: LedgerHashers,
): Promise<CommittedState> {
  const { ledgerMetadata } = database;
  const lastVersion = await lastCommittedVersion(database);
  const latest = await lastRow(ledgerMetadata, ledgerInfoRows);
  const lastEpochEnd = await lastRow(ledgerMetadata, epochByVersionRows);
  const base = lastVersion === undefined ? undefined : await lastTreeVersion(database, lastVersion);
  const usageRow =
    lastVersion === undefined
      ? undefined
      : await lastRow(ledgerMetadata, versionDataRows, { lte: lastVersion });
  const state: CommittedState = {
    lastVersion,
    epoch: latest ? nextBlockEpoch(latest.value.value.ledger_info) : 0n,
    lastEpochEnd: lastEpochEnd?.key,
    accumulator: await AccumulatorWriter.open(
      hashers.transactionAccumulator,
      database.ledger('ledger_db/transaction_accumulator_db'),
      lastVersion === undefined ? 0n : lastVersion + 1n,
    ),
    values: new StateValueWriter(database, usageRow?.value ?? { items: 0n, bytes: 0n }, usageRow?.key),
    tree: await StateTreeWriter.open(database, hashers, base),
  };
  if (lastVersion === undefined) return state;
  if (base === undefined) incomplete(`no state tree at or before version ${lastVersion}`);
  if (usageRow === undefined || usageRow.key < base) incomplete(`no state usage at version ${base}`);
  await replayWrites(database, hashers, state, { base, usageVersion: usageRow.key, lastVersion });
  return state;
}

interface Replay {
  readonly base: bigint;
  readonly usageVersion: bigint;
  readonly lastVersion: bigint;
}

/** Takes note of what was written after the newest tree, and after the last row of usage. */
async function replayWrites(
  database: AptosDatabaseFiles,
  hashers: LedgerHashers,
  { tree, values }: CommittedState,
  { base, usageVersion, lastVersion }: Replay,
): Promise<void> {
  const store = database.ledger('ledger_db/write_set_db');
  const infos = database.ledger('ledger_db/transaction_info_db');
  // The rows are there already: only the count is wanted.
  const discarded = Array.from({ length: SHARD_COUNT }, () => new WriteBatch());
  let next = base + 1n;
  for await (const { key: version, value } of iterateRowBytes(store, writeSetRows, {
    gte: next,
    lte: lastVersion,
  })) {
    if (version !== next) break;
    next++;
    const entries = writeSetEntries(hashers, writeSetBytes(value));
    tree.add(entries);
    if (version > usageVersion) {
      await values.prepare(entries);
      values.apply(discarded, version, entries);
    }
    const info = await getRow(infos, transactionInfoRows, version);
    if (info === undefined) incomplete(`no transaction info of version ${version}`);
    const root = info.value.state_checkpoint_hash;
    if (root) await tree.checkpoint(version, root);
  }
  if (next <= lastVersion) incomplete(`no write set of version ${next}`);
}

function incomplete(what: string): never {
  throw new CommitError('COMMIT_DATABASE_INCOMPLETE', `cannot commit to this database: ${what}`);
}
