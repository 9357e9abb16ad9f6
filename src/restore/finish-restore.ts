import { checkOpenDatabase } from '../aptosdb/check/check-database.js';
import type { AptosDatabaseFiles } from '../aptosdb/driver/aptos-database-files.js';
import { lastTreeVersion } from '../aptosdb/read/tree-versions.js';
import { writePrunerProgress } from '../aptosdb/restore/finish-pruning.js';
import { saveLastLedgerInfo } from '../aptosdb/restore/ledger-info-rows.js';
import { getRow } from '../aptosdb/schema/rows.js';
import { transactionInfoRows } from '../aptosdb/schema/transaction-info.js';
import { type HashValue, toHex } from '../hashing/hash-value.js';
import type { EpochHistory } from '../trust/epoch-history.js';
import type { LedgerInfoWithSignatures } from '../types/ledger-info.js';
import type { RestoreSteps } from './plan.js';
import { provenTransactionChunks } from './proven-transactions.js';
import { RestoreError } from './restore-error.js';
import type { RestoreRun } from './restore-run.js';

/** What a finished database has at its end. */
export interface RestoredEnd {
  /** The newest version with a state tree. */
  readonly treeVersion: bigint;
  /** Of the state at that version. */
  readonly rootHash: HashValue;
  /** Whether the ledger info of the last version is there. */
  readonly hasLastLedgerInfo: boolean;
}

/**
 * Writes what a node needs beyond the rows of the ledger, and tests what its start-up would (spec:
 * aptosdb-schema.md, 11). Everything is durable when this returns. May be called again.
 * @param ledgerInfo of the proof of the chunk with the last version, where this run has proven that
 * @throws RestoreError RESTORE_UNFIT; RestoreFindingError, CommitError, DatabaseError
 */
export async function finishRestore(
  run: RestoreRun,
  database: AptosDatabaseFiles,
  steps: RestoreSteps,
  history: EpochHistory | undefined,
  ledgerInfo: LedgerInfoWithSignatures | undefined,
): Promise<RestoredEnd> {
  const hasLastLedgerInfo = ledgerInfo
    ? await saveLastLedgerInfo(database, run.hashers, ledgerInfo)
    : await saveLedgerInfoOfEnd(run, database, steps, history);
  const { kvSnapshot, treeSnapshot, saved, replayed, tail, version } = steps;
  await writePrunerProgress(database, {
    transactions: saved?.first ?? replayed?.first ?? tail?.first ?? version,
    values: replayed ? (kvSnapshot?.version ?? 0n) : (treeSnapshot?.version ?? 0n),
    trees: treeSnapshot?.version ?? 0n,
  });
  await database.barrier();
  await requireFit(run, database, history !== undefined);
  const treeVersion = await lastTreeVersion(database, version);
  const infos = database.ledger('ledger_db/transaction_info_db');
  const info = treeVersion === undefined ? undefined : await getRow(infos, transactionInfoRows, treeVersion);
  const rootHash = info?.value.state_checkpoint_hash;
  if (treeVersion === undefined || !rootHash) throw unfit(['tree-root: there is no state tree']);
  return { treeVersion, rootHash, hasLastLedgerInfo };
}

/** The proof of the last version carries the ledger info that a node's executor starts from. */
async function saveLedgerInfoOfEnd(
  run: RestoreRun,
  database: AptosDatabaseFiles,
  { transactions, version }: RestoreSteps,
  history: EpochHistory | undefined,
): Promise<boolean> {
  const range = { first: version, last: version };
  for await (const { ledgerInfo } of provenTransactionChunks(run, history, transactions, range)) {
    return await saveLastLedgerInfo(database, run.hashers, ledgerInfo);
  }
  return false;
}

/** @param hasEpochs whether epoch endings were restored; by flag they are left out */
async function requireFit(
  { hashers, signal }: RestoreRun,
  database: AptosDatabaseFiles,
  hasEpochs: boolean,
): Promise<void> {
  const { results } = await checkOpenDatabase(database, { hashers, signal, depth: 'start-up' });
  const failed = results.filter(
    ({ status, name }) => status === 'failed' && (hasEpochs || name !== 'ledger-infos'),
  );
  if (failed.length > 0) throw unfit(failed.map(({ name, detail }) => `${name}: ${detail}`));
}

function unfit(conditions: readonly string[]): RestoreError {
  return new RestoreError(
    'RESTORE_UNFIT',
    `a node would not open what was restored: ${conditions.join('; ')}`,
    {
      hint: 'This is a fault of Holdfast or of the disk. Remove the target and restore anew.',
      facts: { conditions },
    },
  );
}

/** Lower-case hex. */
export function rootText({ rootHash }: RestoredEnd): string {
  return toHex(rootHash);
}
