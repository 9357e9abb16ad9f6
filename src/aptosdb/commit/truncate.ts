import type { LedgerHashers } from '../../types/ledger-family.js';
import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { WriteBatch } from '../driver/write-batch.js';
import { lastTreeVersion } from '../read/tree-versions.js';
import { putMarker } from '../schema/progress-markers.js';
import { getRow } from '../schema/rows.js';
import { transactionInfoRows } from '../schema/transaction-info.js';
import { versionDataRows } from '../schema/version-data.js';
import { CommitError } from './commit-error.js';
import { lastCommittedVersion } from './committed-state.js';
import { cutBack } from './cut-back.js';

/**
 * Takes a database back to an earlier version, durably. The state tree goes back to its newest version at
 * or before it. Cut off in between, the database is at the earlier version already, and what is left above
 * is taken away when it is opened for writing.
 * @throws CommitError COMMIT_TARGET_INVALID, and nothing has changed
 */
export async function truncateDatabase(
  database: AptosDatabaseFiles,
  hashers: LedgerHashers,
  target: bigint,
): Promise<void> {
  const last = await lastCommittedVersion(database);
  if (last === undefined || target > last) {
    invalid(`the database has versions up to ${last ?? 'none'}, so it cannot end at ${target}`, target);
  }
  const infos = database.ledger('ledger_db/transaction_info_db');
  if ((await getRow(infos, transactionInfoRows, target)) === undefined) {
    invalid(`there is no transaction info of version ${target}: it was pruned, or never there`, target);
  }
  const tree = await lastTreeVersion(database, target);
  if (tree === undefined) invalid(`no state tree at or before version ${target}`, target);
  if ((await getRow(database.ledgerMetadata, versionDataRows, tree)) === undefined) {
    invalid(`no state usage at version ${tree}, where the state tree would end`, target);
  }
  if (target < last) {
    await database.barrier();
    const batch = new WriteBatch();
    putMarker(batch, { variant: 'OverallCommitProgress' }, target);
    await database.ledgerMetadata.write(batch);
    await database.ledgerMetadata.barrier();
  }
  await cutBack(database, hashers, target);
  await database.barrier();
}

function invalid(message: string, target: bigint): never {
  throw new CommitError('COMMIT_TARGET_INVALID', message, { facts: { target } });
}
