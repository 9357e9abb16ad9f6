import { equalBytes, type HashValue, toHex } from '../../hashing/hash-value.js';
import { hashTransactionInfo } from '../../types/hashes.js';
import type { LedgerInstanceKind } from '../driver/instances.js';
import { frozenNodeCount, frozenSubtreePositions, postOrderIndex } from '../schema/accumulator-position.js';
import type { ColumnFamily } from '../schema/column-family.js';
import { persistedAuxiliaryInfoRows } from '../schema/persisted-auxiliary-info.js';
import { getRow, getRowBytes, getRows, iterateKeys } from '../schema/rows.js';
import { transactionRows } from '../schema/transaction.js';
import { transactionAccumulatorRows } from '../schema/transaction-accumulator.js';
import { transactionInfoRows } from '../schema/transaction-info.js';
import { writeSetRows } from '../schema/write-set.js';
import { type CheckContext, type ConditionResult, Problems } from './condition.js';
import { versionRuns } from './version-runs.js';

const PER_VERSION: readonly (readonly [LedgerInstanceKind, ColumnFamily<bigint, unknown>])[] = [
  ['ledger_db/transaction_db', transactionRows],
  ['ledger_db/transaction_info_db', transactionInfoRows],
  ['ledger_db/write_set_db', writeSetRows],
];

/** Spec: aptosdb-schema.md, 11.6, point 3. What stands above the synced version is cut off by a node. */
export async function checkTransactions(context: CheckContext): Promise<ConditionResult> {
  const { database, syncedVersion, signal } = context;
  const problems = new Problems();
  const firsts = new Set<bigint>();
  for (const [kind, family] of PER_VERSION) {
    const runs = await versionRuns(database.ledger(kind), family, syncedVersion, signal);
    if (runs.last !== syncedVersion) problems.add(`${family.name} has no row of version ${syncedVersion}`);
    if (runs.gapCount > 0) problems.add(`${family.name} has a gap before version ${runs.lastRunStart}`);
    if (runs.first !== undefined) firsts.add(runs.first);
  }
  const auxiliary = database.ledger('ledger_db/persisted_auxiliary_info_db');
  const runs = await versionRuns(auxiliary, persistedAuxiliaryInfoRows, syncedVersion, signal);
  if (runs.first !== undefined && runs.last !== syncedVersion) {
    problems.add(`persisted_auxiliary_info ends at version ${runs.last}`);
  }
  if (runs.gapCount > 0)
    problems.add(`persisted_auxiliary_info has a gap before version ${runs.lastRunStart}`);
  return problems.result('transactions', `versions ${[...firsts].join(' or ')} to ${syncedVersion}`);
}

/** The first version whose transaction info, and all after it, are there. */
async function firstSavedVersion({ database, syncedVersion, signal }: CheckContext): Promise<bigint> {
  const store = database.ledger('ledger_db/transaction_info_db');
  return (await versionRuns(store, transactionInfoRows, syncedVersion, signal)).lastRunStart ?? 0n;
}

/** Spec: aptosdb-schema.md, 11.2, point 2, and 11.6, point 4. */
export async function checkAccumulator(context: CheckContext): Promise<ConditionResult> {
  const { database, syncedVersion, signal, hashers } = context;
  const store = database.ledger('ledger_db/transaction_accumulator_db');
  const problems = new Problems();
  const first = await firstSavedVersion(context);
  const roots = frozenSubtreePositions(first).map(postOrderIndex);
  (await getRows(store, transactionAccumulatorRows, roots)).forEach((hash, index) => {
    if (!hash) problems.add(`the frozen subtree root ${roots[index]} before version ${first} is missing`);
  });
  const cut = frozenNodeCount(syncedVersion + 1n);
  let expected = frozenNodeCount(first);
  const range = { gte: expected };
  for await (const index of iterateKeys(store, transactionAccumulatorRows, range, {
    signal,
    readAhead: 1024,
  })) {
    if (index !== expected) problems.add(`frozen nodes ${expected} to ${index - 1n} are missing`);
    expected = index + 1n;
  }
  if (expected < cut) problems.add(`frozen nodes ${expected} to ${cut - 1n} are missing`);
  const info = await getRowBytes(
    database.ledger('ledger_db/transaction_info_db'),
    transactionInfoRows,
    syncedVersion,
  );
  const leaf = await getRow(
    store,
    transactionAccumulatorRows,
    postOrderIndex({ level: 0, index: syncedVersion }),
  );
  if (info && leaf && !equalBytes(leaf, hashTransactionInfo(hashers, info))) {
    problems.add(`the leaf of version ${syncedVersion} is ${toHex(leaf)}, not its transaction info's hash`);
  }
  const ahead = expected > cut ? `; ${expected - cut} nodes will be cut off` : '';
  return problems.result('accumulator', `${cut} frozen nodes for ${syncedVersion + 1n} leaves${ahead}`);
}

/** Roots of the frozen subtrees of the first `leafCount` leaves; undefined where one is missing. */
export async function frozenRootsOf(
  { database }: CheckContext,
  leafCount: bigint,
): Promise<HashValue[] | undefined> {
  const store = database.ledger('ledger_db/transaction_accumulator_db');
  const keys = frozenSubtreePositions(leafCount).map(postOrderIndex);
  const found = (await getRows(store, transactionAccumulatorRows, keys)).filter((hash) => hash !== undefined);
  return found.length === keys.length ? found : undefined;
}
