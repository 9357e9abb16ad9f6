import { attestationExtras } from '../archive/attestation.js';
import { TRANSACTION_MANIFEST_NAME, transactionBackupName } from '../archive/names.js';
import { serializeTransactionManifest, type TransactionChunk } from '../archive/transaction-manifest.js';
import { HASH_SIZE } from '../hashing/hash-value.js';
import type { TransactionBatch } from '../service/transaction-batch.js';
import type { VerifiedLedgerSource } from '../service/verified-ledger-source.js';
import type { TransactionRecordFormat } from '../types/transaction-record.js';
import { type BackupContext, progressOf } from './backup-context.js';
import { BackupError } from './backup-error.js';
import { attestationOf, BackupFolder } from './backup-folder.js';
import type { BackupReport } from './backup-report.js';
import type { BackupFile, CommittedChunk } from './chunk-note.js';
import { alreadyThere, committedReport, orFromTheStart } from './finish-backup.js';
import { keepChunks } from './keep-chunks.js';
import { type ChunkProver, type EndedChunk, writeChunks } from './write-chunks.js';

const U64_MAX = 2n ** 64n - 1n;

/** The versions from `startVersion` on, so many. */
export interface TransactionRange {
  readonly startVersion: bigint;
  readonly count: bigint;
}

/**
 * Backs up some versions: each record is held against its transaction info, and each chunk's infos against
 * the signed ledger, before the chunk is committed.
 * @throws BackupError, ServiceError, StorageError, DurableFsError
 */
export async function backUpTransactions(
  context: BackupContext,
  range: TransactionRange,
): Promise<BackupReport> {
  const { startVersion, count } = range;
  const lastVersion = startVersion + count - 1n;
  if (count < 1n || lastVersion >= U64_MAX) {
    throw new BackupError('RANGE_INVALID', `${count} versions from ${startVersion} on are no range`, {
      facts: { first: startVersion, count },
    });
  }
  const holders = context.committed.holdersOf('versions', startVersion, lastVersion);
  if (holders.length > 0) return alreadyThere(holders);
  const { chain, signal } = context;
  await chain.requireSameChain({ signal });
  await chain.reachVersion(lastVersion, await committedEpoch(context, lastVersion), { signal });
  return await orFromTheStart(context, (each) => backUp(each, startVersion, lastVersion));
}

/** The newest epoch of the node, which must have committed the version. */
async function committedEpoch({ chain, signal }: BackupContext, lastVersion: bigint): Promise<bigint> {
  const state = await chain.source.client.dbState({ signal });
  if (!state) {
    throw new BackupError('NODE_NOT_BOOTSTRAPPED', 'the database of the node is not bootstrapped', {
      retryable: true,
      hint: 'Wait until the node has committed its first versions.',
    });
  }
  if (state.committed_version >= lastVersion) return state.epoch;
  throw new BackupError(
    'RANGE_NOT_COMMITTED',
    `the node has committed versions up to ${state.committed_version}, ${lastVersion} is asked for`,
    {
      hint: 'Ask for fewer transactions, or wait until the node has them.',
      facts: { expected: lastVersion, actual: state.committed_version },
    },
  );
}

async function backUp(
  context: BackupContext,
  firstVersion: bigint,
  lastVersion: bigint,
): Promise<BackupReport> {
  const startedAt = performance.now();
  const format = await context.recordFormat();
  const folder = await BackupFolder.begin(context, {
    baseName: transactionBackupName(firstVersion),
    subject: `versions ${firstVersion} to ${lastVersion}, chunks of ${context.chunkBytesMax}, ${format}`,
  });
  const kept = await keepChunks(context, folder, firstVersion);
  const next = (kept.at(-1)?.last ?? firstVersion - 1n) + 1n;
  const prover = new TransactionProver(context, firstVersion, next, lastVersion);
  const written = await writeChunks(
    context,
    folder,
    next,
    (signal) => transactions(context, format, next, lastVersion, signal),
    prover,
  );
  const chunks = [...kept, ...written];
  const saved = await folder.commit(
    TRANSACTION_MANIFEST_NAME,
    serializeTransactionManifest({
      firstVersion,
      lastVersion,
      chunks: chunks.map((chunk) => manifestChunk(chunk, format)),
    }),
    { kind: 'transaction', compacted: false, first: firstVersion, last: lastVersion },
    (manifest) => ({ kind: 'TransactionBackup', firstVersion, lastVersion, manifest }),
  );
  return committedReport(context, startedAt, saved, kept, chunks);
}

async function* transactions(
  { chain, rate, metrics }: BackupContext,
  format: TransactionRecordFormat,
  firstVersion: bigint,
  lastVersion: bigint,
  signal: AbortSignal,
): AsyncGenerator<TransactionBatch> {
  if (firstVersion > lastVersion) return;
  const count = lastVersion - firstVersion + 1n;
  let waitingSince = performance.now();
  for await (const batch of chain.source.transactions(firstVersion, count, { signal, format })) {
    metrics.received('transactions', batch.bytes.length);
    metrics.timed('read_record_bytes', performance.now() - waitingSince);
    yield batch;
    await rate.spend(batch.bytes.length, signal);
    waitingSince = performance.now();
  }
}

/** Collects the hashes of a chunk's transaction infos: all that its proof is about. */
class TransactionProver implements ChunkProver<TransactionBatch> {
  readonly #context: BackupContext;
  readonly #source: VerifiedLedgerSource;
  readonly #total: number;
  #done: number;
  #infoHashes: Uint8Array[] = [];

  constructor(context: BackupContext, firstVersion: bigint, next: bigint, lastVersion: bigint) {
    this.#context = context;
    this.#source = context.chain.source;
    this.#total = Number(lastVersion - firstVersion) + 1;
    this.#done = Number(next - firstVersion);
  }

  take({ infoHashes }: TransactionBatch, from: number, to: number): void {
    this.#infoHashes.push(infoHashes.slice(from * HASH_SIZE, to * HASH_SIZE));
    this.#done += to - from;
    progressOf(this.#context)({
      stage: 'transactions',
      done: this.#done,
      total: this.#total,
      unit: 'transactions',
    });
  }

  endChunk(first: bigint, _last: bigint, signal: AbortSignal): EndedChunk {
    const infoHashes = Buffer.concat(this.#infoHashes);
    this.#infoHashes = [];
    const proof = this.#source.proveTransactions(first, infoHashes, { signal }).then(({ bytes }) => {
      this.#context.metrics.received('transaction_range_proof', bytes.length);
      return bytes;
    });
    return { proof };
  }
}

function manifestChunk(
  { first, last, records, proof }: CommittedChunk,
  format: TransactionRecordFormat,
): TransactionChunk {
  const proofFile = requireProofFile(proof, first);
  return {
    firstVersion: first,
    lastVersion: last,
    transactions: records.handle,
    proof: proofFile.handle,
    format,
    // Writers of that format did not know that there would be another one.
    ...(format === 'V0' && { formatOmitted: true }),
    extras: attestationExtras({
      transactions: attestationOf(records),
      proof: attestationOf(proofFile),
    }),
  };
}

export function requireProofFile(proof: BackupFile | undefined, first: bigint): BackupFile {
  if (!proof) throw new RangeError(`the chunk from ${first} on has no proof file`);
  return proof;
}
