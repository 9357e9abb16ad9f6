import { equalBytes, toHex } from '../../hashing/hash-value.js';
import type { LedgerHashers } from '../../types/ledger-family.js';
import type { LedgerInfoWithSignatures } from '../../types/ledger-info.js';
import { AccumulatorWriter } from '../commit/accumulator-writer.js';
import { CommitError } from '../commit/commit-error.js';
import { lastCommittedVersion } from '../commit/committed-state.js';
import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { WriteBatch } from '../driver/write-batch.js';
import { epochByVersionRows } from '../schema/epoch-by-version.js';
import { ledgerInfoRows } from '../schema/ledger-info.js';
import { putRow } from '../schema/rows.js';

function putLedgerInfo(batch: WriteBatch, ledgerInfo: LedgerInfoWithSignatures): void {
  const { epoch, version, next_epoch_state } = ledgerInfo.value.ledger_info.commit_info;
  putRow(batch, ledgerInfoRows, epoch, ledgerInfo);
  if (next_epoch_state) putRow(batch, epochByVersionRows, version, epoch);
}

/**
 * Saves proven ledger infos, durably (spec: aptosdb-schema.md, 10.2).
 * @param target those of later versions are left out
 */
export async function saveLedgerInfos(
  database: AptosDatabaseFiles,
  ledgerInfos: Iterable<LedgerInfoWithSignatures>,
  target?: bigint,
): Promise<void> {
  const batch = new WriteBatch();
  for (const ledgerInfo of ledgerInfos) {
    const { version } = ledgerInfo.value.ledger_info.commit_info;
    if (target === undefined || version <= target) putLedgerInfo(batch, ledgerInfo);
  }
  await database.ledgerMetadata.write(batch);
  await database.ledgerMetadata.barrier();
}

/**
 * Saves the ledger info that a range proof carries if it stands at the last version: without it a node's
 * executor would not start from there. Durable when this returns.
 * @returns whether it was saved
 * @throws CommitError COMMIT_LEDGER_INFO_MISMATCH where it stands there for something else
 */
export async function saveLastLedgerInfo(
  database: AptosDatabaseFiles,
  hashers: LedgerHashers,
  ledgerInfo: LedgerInfoWithSignatures,
): Promise<boolean> {
  const { version, executed_state_id } = ledgerInfo.value.ledger_info.commit_info;
  if (version !== (await lastCommittedVersion(database))) return false;
  const store = database.ledger('ledger_db/transaction_accumulator_db');
  const { root } = await AccumulatorWriter.open(hashers.transactionAccumulator, store, version + 1n);
  if (!equalBytes(root, executed_state_id)) {
    const facts = { expected: toHex(root), actual: toHex(executed_state_id) };
    const message = `the ledger info says root ${facts.actual}, the transactions ${facts.expected}`;
    throw new CommitError('COMMIT_LEDGER_INFO_MISMATCH', message, { facts });
  }
  await saveLedgerInfos(database, [ledgerInfo]);
  return true;
}
