import assert from 'node:assert/strict';
import { generatedBlocks, killedLedger, ledgerInfoAt } from '../../test-support/killed-ledger.js';
import { checkDatabase } from '../check/check-database.js';
import { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { LedgerWriter, type TransactionChunk } from './ledger-writer.js';

export const ledger = killedLedger('writer');
const { hashers } = ledger;
export const blocks = generatedBlocks(ledger);

export function open(folder: string): Promise<AptosDatabaseFiles> {
  return AptosDatabaseFiles.open(folder, { mode: 'create' });
}

/** Appends blocks and commits the last of them. */
export async function commitBlocks(
  database: AptosDatabaseFiles,
  some: readonly TransactionChunk[],
): Promise<void> {
  const writer = await LedgerWriter.open(database, hashers);
  for (const [index, block] of some.entries()) {
    const last = Number(block.firstVersion) + block.records.length - 1;
    const isLast = index === some.length - 1;
    const ledgerInfo = block.ledgerInfo ?? (isLast ? ledgerInfoAt(ledger, last) : undefined);
    await writer.append({ ...block, ledgerInfo });
  }
  await writer.commit();
}

export async function assertFit(folder: string, lastVersion: bigint): Promise<void> {
  const report = await checkDatabase(folder, { hashers });
  assert.deepEqual(
    report.results.filter(({ status }) => status === 'failed'),
    [],
  );
  assert.equal(report.syncedVersion, lastVersion);
}
