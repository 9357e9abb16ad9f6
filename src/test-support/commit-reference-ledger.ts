import { AptosDatabaseFiles } from '../aptosdb/driver/aptos-database-files.js';
import { LedgerWriter } from '../aptosdb/commit/ledger-writer.js';
import { TransactionSplitter } from '../aptosdb/commit/transaction-parts.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../types/ledger-family.js';
import { type ReferenceLedger, readReferenceLedger } from './reference-ledger.js';

const hashers = ledgerHashers(LEDGER_FAMILIES.aptos);

/** The versions at which blocks end: those with a state checkpoint. */
function blockEnds({ records }: ReferenceLedger): number[] {
  const splitter = new TransactionSplitter(hashers);
  const parts = records.map((record, version) => splitter.split(record, BigInt(version)));
  return parts.flatMap(({ stateCheckpointHash }, version) => (stateCheckpointHash ? [version] : []));
}

/** Commits the reference ledger to a new database, block by block, and leaves it open. */
export async function commitReferenceLedger(folder: string): Promise<AptosDatabaseFiles> {
  const ledger = readReferenceLedger();
  const database = await AptosDatabaseFiles.open(folder, { mode: 'create' });
  const writer = await LedgerWriter.open(database, hashers);
  let first = 0;
  for (const end of blockEnds(ledger)) {
    await writer.append({
      firstVersion: BigInt(first),
      records: ledger.records.slice(first, end + 1),
      ledgerInfo: ledger.ledgerInfos.get(BigInt(end)),
    });
    first = end + 1;
  }
  await writer.commit();
  return database;
}
