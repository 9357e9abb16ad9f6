import type { LedgerHashers } from '../../types/ledger-family.js';
import { nextBlockEpoch } from '../../types/ledger-info.js';
import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { lastTreeVersion } from '../read/tree-versions.js';
import { epochByVersionRows } from '../schema/epoch-by-version.js';
import { ledgerInfoRows } from '../schema/ledger-info.js';
import { getMarker } from '../schema/progress-markers.js';
import { getRow, iterateRowBytes, iterateRows, lastRow } from '../schema/rows.js';
import { transactionInfoRows } from '../schema/transaction-info.js';
import { type StateUsage, versionDataRows } from '../schema/version-data.js';
import { writeSetBytes, writeSetRows } from '../schema/write-set.js';
import { AccumulatorWriter } from './accumulator-writer.js';
import { CommitError } from './commit-error.js';
import { LedgerBatches } from './ledger-batches.js';
import { StateTreeWriter } from './state-tree-writer.js';
import { StateValueWriter } from './state-values.js';
import { StateWrites } from './state-writes.js';

/** What the next commit builds on, as of the last version that counts. */
export interface CommittedState {
  /** Undefined in an empty database. */
  readonly lastVersion: bigint | undefined;
  /** The epoch of the next transaction. */
  readonly epoch: bigint;
  /** The last version that ended an epoch. */
  readonly lastEpochEnd: bigint | undefined;
  /** The last version with a state checkpoint, where it is known. */
  readonly lastCheckpoint: bigint | undefined;
  readonly accumulator: AccumulatorWriter;
  readonly values: StateValueWriter;
  readonly tree: StateTreeWriter;
}

/** The last version that counts: everything above it is as if it were not there. */
export function lastCommittedVersion(database: AptosDatabaseFiles): Promise<bigint | undefined> {
  return getMarker(database.ledgerMetadata, { variant: 'OverallCommitProgress' });
}

/** What is known of the values in a database, which saves looking them up. */
export interface KnownValues {
  /** What wrote the values of the last version. */
  readonly values?: StateValueWriter | undefined;
  /** A version of which all values are, except for those that were written for later ones. */
  readonly snapshotVersion?: bigint | undefined;
}

/**
 * Reads what commits build on. The state between the newest tree on disk and the last version comes from
 * the write sets in between, as when a node starts (spec: aptosdb-schema.md, 11.3).
 * @throws CommitError COMMIT_DATABASE_INCOMPLETE, COMMIT_STATE_ROOT_MISMATCH
 */
export async function loadCommittedState(
  database: AptosDatabaseFiles,
  hashers: LedgerHashers,
  known: KnownValues = {},
): Promise<CommittedState> {
  const { ledgerMetadata } = database;
  const lastVersion = await lastCommittedVersion(database);
  const latest = await lastRow(ledgerMetadata, ledgerInfoRows);
  // A restore writes the endings of later epochs first.
  const lastEpochEnd =
    lastVersion === undefined
      ? undefined
      : await lastRow(ledgerMetadata, epochByVersionRows, { lte: lastVersion });
  const base = lastVersion === undefined ? undefined : await lastTreeVersion(database, lastVersion);
  const usageRow =
    lastVersion === undefined
      ? undefined
      : await lastRow(ledgerMetadata, versionDataRows, { lte: lastVersion });
  const lastCheckpoint =
    lastVersion === undefined || base === undefined
      ? undefined
      : ((await lastCheckpointIn(database, base, lastVersion)) ?? base);
  const state: CommittedState = {
    lastVersion,
    lastCheckpoint,
    epoch: latest ? nextBlockEpoch(latest.value.value.ledger_info) : 0n,
    lastEpochEnd: lastEpochEnd?.key,
    accumulator: await AccumulatorWriter.open(
      hashers.transactionAccumulator,
      database.ledger('ledger_db/transaction_accumulator_db'),
      lastVersion === undefined ? 0n : lastVersion + 1n,
    ),
    values: valuesUpon(database, usageRow, lastVersion, known),
    tree: await StateTreeWriter.open(database, hashers, base),
  };
  if (lastVersion === undefined) return state;
  if (base === undefined) incomplete(`no state tree at or before version ${lastVersion}`);
  if (usageRow === undefined || usageRow.key < base) incomplete(`no state usage at version ${base}`);
  await replayWrites(database, hashers, state, { base, usageVersion: usageRow.key, lastVersion });
  return state;
}

function valuesUpon(
  database: AptosDatabaseFiles,
  usageRow: { readonly key: bigint; readonly value: StateUsage } | undefined,
  lastVersion: bigint | undefined,
  { values, snapshotVersion }: KnownValues,
): StateValueWriter {
  const version = usageRow?.key;
  const isLast = version !== undefined && version === lastVersion && (values?.version ?? -1n) <= version;
  if (values !== undefined && isLast && sameUsage(values.usage, usageRow?.value)) return values;
  const usage = usageRow?.value ?? { items: 0n, bytes: 0n };
  return new StateValueWriter(database, usage, version, version !== undefined && version === snapshotVersion);
}

function sameUsage(left: StateUsage, right: StateUsage | undefined): boolean {
  return left.items === right?.items && left.bytes === right.bytes;
}

/** The last version of `after + 1 ..= last` with a state checkpoint. */
async function lastCheckpointIn(
  database: AptosDatabaseFiles,
  after: bigint,
  last: bigint,
): Promise<bigint | undefined> {
  const store = database.ledger('ledger_db/transaction_info_db');
  const range = { gt: after, lte: last };
  for await (const { key, value } of iterateRows(store, transactionInfoRows, range, { reverse: true })) {
    if (value.value.state_checkpoint_hash) return key;
  }
  return undefined;
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
  { tree, values, lastCheckpoint }: CommittedState,
  { base, usageVersion, lastVersion }: Replay,
): Promise<void> {
  const writes = new StateWrites(hashers);
  for await (const { version, writeSet } of storedWriteSets(database, base + 1n, lastVersion)) {
    writes.begin(writeSet.length);
    writes.add(version, writeSet, 0, writeSet.length);
    writes.finish({ withValues: true });
    tree.add(writes, 0, writes.count);
    if (version > usageVersion) await countOnly(values, writes);
    if (version !== lastCheckpoint) continue;
    // One step to the last of them is what all steps lead to.
    const infos = database.ledger('ledger_db/transaction_info_db');
    const root = (await getRow(infos, transactionInfoRows, version))?.value.state_checkpoint_hash;
    if (root === undefined) incomplete(`no transaction info of version ${version}`);
    tree.checkpoint(version, root);
  }
  await tree.settle();
}

/**
 * Counts what was written from a version on, the rows of which are there, to bring the usage up to another.
 * @throws CommitError COMMIT_DATABASE_INCOMPLETE
 */
export async function countStoredWrites(
  database: AptosDatabaseFiles,
  hashers: LedgerHashers,
  values: StateValueWriter,
  { first, last }: { readonly first: bigint; readonly last: bigint },
): Promise<void> {
  const writes = new StateWrites(hashers);
  for await (const { version, writeSet } of storedWriteSets(database, first, last)) {
    writes.begin(writeSet.length);
    writes.add(version, writeSet, 0, writeSet.length);
    writes.finish({ withValues: false });
    await countOnly(values, writes);
  }
}

/** The rows are there already: only the count is wanted. */
async function countOnly(values: StateValueWriter, writes: StateWrites): Promise<void> {
  await values.prepare(writes);
  values.apply(new LedgerBatches(), writes, 0, writes.count);
}

/** The write sets of all versions `first..=last`. */
async function* storedWriteSets(
  database: AptosDatabaseFiles,
  first: bigint,
  last: bigint,
): AsyncGenerator<{ readonly version: bigint; readonly writeSet: Uint8Array }, void, undefined> {
  const store = database.ledger('ledger_db/write_set_db');
  let next = first;
  for await (const { key, value } of iterateRowBytes(store, writeSetRows, { gte: first, lte: last })) {
    if (key !== next) break;
    next++;
    yield { version: key, writeSet: writeSetBytes(value) };
  }
  if (next <= last) incomplete(`no write set of version ${next}`);
}

function incomplete(what: string): never {
  throw new CommitError('COMMIT_DATABASE_INCOMPLETE', `cannot commit to this database: ${what}`);
}
