import { attestationExtras } from '../archive/attestation.js';
import { serializeEpochEndingManifest } from '../archive/epoch-ending-manifest.js';
import { EPOCH_ENDING_MANIFEST_NAME, epochEndingBackupName } from '../archive/names.js';
import type { RecordBatch } from '../archive/record-file.js';
import { frameRecord, RECORD_PREFIX_SIZE } from '../archive/record-framing.js';
import { BcsError } from '../bcs/bcs-error.js';
import { decode } from '../bcs/codec.js';
import { LedgerInfoWithSignatures } from '../types/ledger-info.js';
import { epochBoundaryWaypoint, formatWaypoint } from '../types/waypoint.js';
import { type BackupContext, progressOf } from './backup-context.js';
import { BackupError } from './backup-error.js';
import { attestationOf, BackupFolder } from './backup-folder.js';
import type { BackupReport } from './backup-report.js';
import type { CommittedChunk } from './chunk-note.js';
import type { BackupEntry } from './committed-backups.js';
import { alreadyThere, committedReport, orFromTheStart } from './finish-backup.js';
import { keepChunks } from './keep-chunks.js';
import { spoiled } from './matching-file.js';
import { writeChunks } from './write-chunks.js';

/** Epochs [startEpoch, endEpoch). */
export interface EpochEndingRange {
  readonly startEpoch: bigint;
  readonly endEpoch: bigint;
}

/**
 * Backs up the endings of some epochs, each proven by the chain of those before it.
 * @throws BackupError, ServiceError, StorageError, DurableFsError
 */
export async function backUpEpochEndings(
  context: BackupContext,
  range: EpochEndingRange,
): Promise<BackupReport> {
  const { startEpoch, endEpoch } = range;
  if (endEpoch <= startEpoch) {
    throw new BackupError('RANGE_INVALID', `no epoch lies in [${startEpoch}, ${endEpoch})`, {
      hint: 'The end epoch is exclusive.',
      facts: { first: startEpoch, last: endEpoch },
    });
  }
  const holders = context.committed.holdersOf('epochs', startEpoch, endEpoch - 1n);
  if (holders.length > 0) return alreadyThere(holders);
  await context.chain.requireSameChain({ signal: context.signal });
  return await orFromTheStart(context, (each) => backUp(each, range));
}

async function backUp(
  context: BackupContext,
  { startEpoch, endEpoch }: EpochEndingRange,
): Promise<BackupReport> {
  const startedAt = performance.now();
  const { chain, signal, chunkBytesMax } = context;
  await chain.reachEpoch(startEpoch, { signal });
  const folder = await BackupFolder.begin(context, {
    baseName: epochEndingBackupName(startEpoch),
    subject: `endings of epochs ${startEpoch} to ${endEpoch - 1n}, chunks of ${chunkBytesMax}`,
  });
  const kept = await keepEndings(context, folder, startEpoch);
  const next = (kept.at(-1)?.last ?? startEpoch - 1n) + 1n;
  const total = Number(endEpoch - startEpoch);
  let done = Number(next - startEpoch);
  const written = await writeChunks(
    context,
    folder,
    next,
    (inner) => endings(context, next, endEpoch, inner),
    {
      take: (_batch, from, to) => {
        done += to - from;
        progressOf(context)({ stage: 'epoch endings', done, total, unit: 'epochs' });
      },
      endChunk: () => ({}),
    },
  );
  const chunks = [...kept, ...written];
  const saved = await commit(context, folder, startEpoch, endEpoch - 1n, chunks);
  return committedReport(context, startedAt, saved, kept, chunks);
}

/** What an interrupted run left becomes part of the chain when its digest is right. */
async function keepEndings(
  { chain, ...context }: BackupContext,
  folder: BackupFolder,
  startEpoch: bigint,
): Promise<CommittedChunk[]> {
  let endings: LedgerInfoWithSignatures[] = [];
  return await keepChunks({ chain, ...context }, folder, startEpoch, {
    read: ({ bytes, starts, ends, count }) => {
      for (let index = 0; index < count; index++) {
        try {
          endings.push(decode(LedgerInfoWithSignatures, bytes.slice(starts[index], ends[index])));
        } catch (error) {
          if (!(error instanceof BcsError)) throw error;
          throw spoiled(folder.name, 'epoch endings', error.message);
        }
      }
    },
    accept: ({ records }) => {
      chain.takeOwnEndings(endings, records.handle);
      endings = [];
    },
  });
}

async function* endings(
  { chain, rate, metrics }: BackupContext,
  startEpoch: bigint,
  endEpoch: bigint,
  signal: AbortSignal,
): AsyncGenerator<RecordBatch> {
  if (startEpoch >= endEpoch) return;
  let waitingSince = performance.now();
  for await (const { epoch, bytes: record } of chain.takeEndings(startEpoch, endEpoch, { signal })) {
    const bytes = frameRecord(record);
    metrics.received('epoch_ending_ledger_infos', bytes.length);
    metrics.timed('read_record_bytes', performance.now() - waitingSince);
    await rate.spend(bytes.length, signal);
    yield {
      bytes,
      count: 1,
      starts: Uint32Array.of(RECORD_PREFIX_SIZE),
      ends: Uint32Array.of(bytes.length),
      firstRecord: Number(epoch - startEpoch),
      fileOffset: 0,
    };
    waitingSince = performance.now();
  }
}

async function commit(
  { chain, hashers }: BackupContext,
  folder: BackupFolder,
  firstEpoch: bigint,
  lastEpoch: bigint,
  chunks: readonly CommittedChunk[],
): Promise<{ readonly entry: BackupEntry; readonly metadata: string; readonly manifest: string }> {
  const infoOf = (epoch: bigint) => {
    const ending = chain.ending(epoch);
    if (!ending) throw new RangeError(`the chain has not reached epoch ${epoch}`);
    return ending.value.ledger_info;
  };
  const waypoints: string[] = [];
  for (let epoch = firstEpoch; epoch <= lastEpoch; epoch++) {
    waypoints.push(formatWaypoint(epochBoundaryWaypoint(hashers, infoOf(epoch))));
  }
  const text = serializeEpochEndingManifest({
    firstEpoch,
    lastEpoch,
    waypoints,
    chunks: chunks.map(({ first, last, records }) => ({
      firstEpoch: first,
      lastEpoch: last,
      ledgerInfos: records.handle,
      extras: attestationExtras({ ledger_infos: attestationOf(records) }),
    })),
  });
  return await folder.commit(
    EPOCH_ENDING_MANIFEST_NAME,
    text,
    { kind: 'epochEnding', compacted: false, first: firstEpoch, last: lastEpoch },
    (manifest) => ({
      kind: 'EpochEndingBackup',
      firstEpoch,
      lastEpoch,
      firstVersion: infoOf(firstEpoch).commit_info.version,
      lastVersion: infoOf(lastEpoch).commit_info.version,
      manifest,
    }),
  );
}
