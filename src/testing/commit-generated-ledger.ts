import { LedgerWriter } from '../aptosdb/commit/ledger-writer.js';
import type { AptosDatabaseFiles } from '../aptosdb/driver/aptos-database-files.js';
import { ignoreProgress, type ProgressListener } from '../telemetry/progress.js';
import type { GeneratedEpoch, GeneratedLedger } from './generated-ledger.js';

/** Transactions that are written at once, and those that a durable commit may cover. */
const CHUNK_VERSIONS = 2000n;
const COMMIT_VERSIONS = 20_000n;

export interface CommitLedgerOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ProgressListener | undefined;
}

/**
 * Commits a generated ledger to an empty database, with a state tree where each epoch ends. When it
 * returns, all of it is durable.
 * @throws CommitError COMMIT_VERSION_UNEXPECTED when the database has versions already
 */
export async function commitGeneratedLedger(
  ledger: GeneratedLedger,
  database: AptosDatabaseFiles,
  { signal, onProgress = ignoreProgress }: CommitLedgerOptions = {},
): Promise<void> {
  const writer = await LedgerWriter.open(database, ledger.hashers);
  const total = ledger.transactionCount;
  let uncommitted = 0n;
  for (const epoch of ledger.epochs) {
    for (const [first, last] of chunksOf(epoch)) {
      signal?.throwIfAborted();
      await writer.append({
        firstVersion: first,
        records: recordsOf(ledger, first, last),
        ledgerInfo: last === epoch.lastVersion ? epoch.ledgerInfo : undefined,
      });
      uncommitted += last - first + 1n;
      onProgress({ stage: 'committing', done: Number(last) + 1, total, unit: 'transactions' });
    }
    if (uncommitted < COMMIT_VERSIONS) continue;
    await writer.commit();
    uncommitted = 0n;
  }
  await writer.commit();
}

function* chunksOf({ firstVersion, lastVersion }: GeneratedEpoch): Generator<readonly [bigint, bigint]> {
  for (let first = firstVersion; first <= lastVersion; first += CHUNK_VERSIONS) {
    const last = first + CHUNK_VERSIONS - 1n;
    yield [first, last < lastVersion ? last : lastVersion];
  }
}

function recordsOf(ledger: GeneratedLedger, first: bigint, last: bigint): Uint8Array[] {
  return Array.from({ length: Number(last - first) + 1 }, (_, index) =>
    ledger.record(Number(first) + index, 'V1'),
  );
}
