import { ArchiveError } from '../archive/archive-error.js';
import type { Attestations } from '../archive/attestation.js';
import type { EpochEndingManifest } from '../archive/epoch-ending-manifest.js';
import type { StateSnapshotManifest } from '../archive/state-snapshot-manifest.js';
import type { TransactionManifest } from '../archive/transaction-manifest.js';
import { NodeFileSystem } from '../durable-fs/node-file-system.js';
import { systemErrorCode } from '../durable-fs/system-error.js';
import type { BackupStorage, FileHandle } from '../storage/backup-storage.js';
import {
  EPOCH_ENDING_KIND,
  type LoadedManifest,
  STATE_SNAPSHOT_KIND,
  TRANSACTION_KIND,
} from '../verify/manifests.js';
import type { FileBytes, PlannedRange, PlanSizes } from './plan.js';

/** The manifests of what is restored, as far as they can be read. */
export interface PlannedManifests {
  readonly epochEndings: readonly LoadedManifest<EpochEndingManifest>[];
  readonly snapshots: readonly LoadedManifest<StateSnapshotManifest>[];
  readonly transactions: readonly LoadedManifest<TransactionManifest>[];
}

/** What is known of one file. */
interface SizedFile {
  readonly file: FileHandle;
  /** As it is stored. */
  readonly stored: bigint | undefined;
  /** Of its content, as its writer recorded it. */
  readonly recorded: bigint | undefined;
}

export interface MeasuredFiles {
  readonly sizes: PlanSizes;
  /** Content of the snapshots' chunks by manifest, where all of them are known. */
  readonly snapshotContent: ReadonlyMap<FileHandle, bigint>;
  /** Content of the transaction chunks in the range; undefined where any is not known. */
  readonly transactionContent: bigint | undefined;
  readonly missing: readonly FileHandle[];
}

const LOOKED_AT_ONCE = 64;

/**
 * How many bytes a restore reads: by the files' sizes where the archive is a local folder, else by those that
 * its writer recorded. Only chunks that hold a version of the range count.
 */
export async function measureFiles(
  storage: BackupStorage,
  manifests: PlannedManifests,
  range: PlannedRange,
  signal?: AbortSignal,
): Promise<MeasuredFiles> {
  const sizer = new FileSizer(storage, signal);
  const epochEndings = await sizer.all(
    manifests.epochEndings.flatMap(({ manifest, handle }) =>
      withRecorded(EPOCH_ENDING_KIND.files(manifest), () => EPOCH_ENDING_KIND.attestations(manifest, handle)),
    ),
  );
  const snapshots: SizedFile[] = [];
  const snapshotContent = new Map<FileHandle, bigint>();
  for (const { manifest, handle } of manifests.snapshots) {
    const files = withRecorded(STATE_SNAPSHOT_KIND.files(manifest), () =>
      STATE_SNAPSHOT_KIND.attestations(manifest, handle),
    );
    const sized = await sizer.all(files);
    snapshots.push(...sized);
    const blobs = new Set(manifest.chunks.map((chunk) => chunk.blobs));
    const content = contentOf(sized.filter(({ file }) => blobs.has(file)));
    if (content !== undefined) snapshotContent.set(handle, content);
  }
  const transactions: SizedFile[] = [];
  const records = new Set<FileHandle>();
  for (const { manifest, handle } of manifests.transactions) {
    const chunks = manifest.chunks.filter(
      ({ firstVersion, lastVersion }) => firstVersion <= range.last && lastVersion >= range.first,
    );
    for (const chunk of chunks) records.add(chunk.transactions);
    const files = chunks.flatMap((chunk) => [chunk.transactions, chunk.proof]);
    const recorded = () => TRANSACTION_KIND.attestations(manifest, handle);
    transactions.push(...(await sizer.all(withRecorded(files, recorded))));
  }
  const all = [...epochEndings, ...snapshots, ...transactions];
  return {
    sizes: {
      epochEndings: sumOf(epochEndings),
      snapshots: sumOf(snapshots),
      transactions: sumOf(transactions),
      total: sumOf(all),
      basis: basisOf(all),
    },
    snapshotContent,
    transactionContent: contentOf(transactions.filter(({ file }) => records.has(file))),
    missing: sizer.missing,
  };
}

interface FileToSize {
  readonly file: FileHandle;
  readonly recorded: bigint | undefined;
}

/** What cannot be read of what was recorded is a finding elsewhere. */
function withRecorded(files: readonly FileHandle[], read: () => Attestations): FileToSize[] {
  let recorded: Attestations = new Map();
  try {
    recorded = read();
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
  }
  return files.map((file) => ({ file, recorded: recorded.get(file)?.size }));
}

class FileSizer {
  readonly missing: FileHandle[] = [];
  readonly #fileSystem: NodeFileSystem | undefined;
  readonly #signal: AbortSignal | undefined;

  constructor({ localRoot }: BackupStorage, signal: AbortSignal | undefined) {
    this.#fileSystem = localRoot === undefined ? undefined : new NodeFileSystem(localRoot);
    this.#signal = signal;
  }

  async all(files: readonly FileToSize[]): Promise<SizedFile[]> {
    const sized: SizedFile[] = [];
    for (let start = 0; start < files.length; start += LOOKED_AT_ONCE) {
      this.#signal?.throwIfAborted();
      const some = files.slice(start, start + LOOKED_AT_ONCE);
      sized.push(
        ...(await Promise.all(
          some.map(async ({ file, recorded }) => ({ file, recorded, stored: await this.#stored(file) })),
        )),
      );
    }
    return sized;
  }

  async #stored(file: FileHandle): Promise<bigint | undefined> {
    // A handle that is no path inside of the archive is refused when it is read.
    const isPath = file.split('/').every((name) => name !== '' && name !== '.' && name !== '..');
    if (!this.#fileSystem || !isPath || file.includes('\0')) return undefined;
    try {
      const { kind, size } = await this.#fileSystem.stat(file);
      // Behind a link stands a file of another size.
      return kind === 'file' ? BigInt(size) : undefined;
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') this.missing.push(file);
      return undefined;
    }
  }
}

function sumOf(files: readonly SizedFile[]): FileBytes {
  let bytes = 0n;
  let unknown = 0;
  for (const { stored, recorded } of files) {
    const size = stored ?? recorded;
    if (size === undefined) unknown++;
    else bytes += size;
  }
  return { files: files.length, bytes, unknown };
}

function contentOf(files: readonly SizedFile[]): bigint | undefined {
  let bytes = 0n;
  for (const { stored, recorded } of files) {
    const size = recorded ?? stored;
    if (size === undefined) return undefined;
    bytes += size;
  }
  return bytes;
}

function basisOf(files: readonly SizedFile[]): PlanSizes['basis'] {
  const byFile = files.some(({ stored }) => stored !== undefined);
  const byRecord = files.some(({ stored, recorded }) => stored === undefined && recorded !== undefined);
  if (byFile && byRecord) return 'both';
  if (byFile) return 'file sizes';
  return byRecord ? 'recorded sizes' : 'unknown';
}
