import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { attest, attestationExtras, type FileAttestation } from '../../archive/attestation.js';
import {
  parseEpochEndingManifest,
  serializeEpochEndingManifest,
} from '../../archive/epoch-ending-manifest.js';
import {
  type MetadataEntry,
  parseMetadataLine,
  serializeMetadataEntry,
} from '../../archive/metadata-entry.js';
import { METADATA_FOLDER } from '../../archive/names.js';
import {
  parseStateSnapshotManifest,
  serializeStateSnapshotManifest,
} from '../../archive/state-snapshot-manifest.js';
import {
  parseTransactionManifest,
  serializeTransactionManifest,
} from '../../archive/transaction-manifest.js';
import { writeReferenceArchive } from '../../testing/archive-writer.js';
import { generateLedger } from '../../testing/ledger-generator.js';

/** A backup as it will stand in an archive; the folder's name is only known when it is written. */
export interface PlannedBackup {
  /** The folder's name without its salt. */
  readonly name: string;
  /** All files but the manifest, by name. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly manifestName: string;
  /** The name in `metadata/`. */
  readonly metadataName: string;
  /** What the metadata file says; its manifest is that of the source. */
  readonly entry: BackupEntry;
  /** The manifest's text if the backup stands in this folder. */
  manifest(folder: string): string;
  /** The one line of the metadata file, without a line feed. */
  metadataLine(folder: string): string;
}

const SOURCE = 'source-archive';

/** Writes the archive that the plan is read from: many small backups of few small files. */
export async function preparePlan(inputFolder: string, seed: number): Promise<string> {
  const source = path.join(inputFolder, SOURCE);
  if (existsSync(source)) return source;
  const ledger = generateLedger({ seed, epochs: 4, transactions: 400, stateItems: 60, profile: 'transfers' });
  await writeReferenceArchive(ledger, source, {
    seed,
    maxChunkSize: 6_000,
    transactionBatch: 5,
    epochEndingBatch: 1,
  });
  return source;
}

const plans = new Map<string, Promise<readonly PlannedBackup[]>>();

/** The backups in the order in which they are to be made: epoch endings, then by version. */
export function loadPlan(inputFolder: string): Promise<readonly PlannedBackup[]> {
  const plan = plans.get(inputFolder) ?? readPlan(inputFolder);
  plans.set(inputFolder, plan);
  return plan;
}

async function readPlan(inputFolder: string): Promise<PlannedBackup[]> {
  const source = path.join(inputFolder, SOURCE);
  const planned: { readonly order: readonly [number, bigint]; readonly backup: PlannedBackup }[] = [];
  for (const metadataName of await readdir(path.join(source, METADATA_FOLDER))) {
    const line = (await readFile(path.join(source, METADATA_FOLDER, metadataName), 'utf8')).trimEnd();
    const entry = parseMetadataLine(Buffer.from(line));
    if (!('manifest' in entry)) continue;
    planned.push({ order: orderOf(entry), backup: await planBackup(source, metadataName, entry) });
  }
  planned.sort(({ order: left }, { order: right }) => left[0] - right[0] || Number(left[1] - right[1]));
  return planned.map(({ backup }) => backup);
}

/** The entry of a backup. */
export type BackupEntry = Extract<MetadataEntry, { readonly manifest: string }>;

function orderOf(entry: BackupEntry): [number, bigint] {
  if (entry.kind === 'EpochEndingBackup') return [0, entry.firstEpoch];
  return [1, entry.kind === 'TransactionBackup' ? entry.lastVersion : entry.version];
}

async function planBackup(source: string, metadataName: string, entry: BackupEntry): Promise<PlannedBackup> {
  const [sourceFolder = '', manifestName = ''] = entry.manifest.split('/');
  const files = new Map<string, Uint8Array>();
  for (const name of (await readdir(path.join(source, sourceFolder))).sort()) {
    files.set(name, await readFile(path.join(source, sourceFolder, name)));
  }
  const unattested = files.get(manifestName) ?? new Uint8Array(0);
  files.delete(manifestName);
  const attestationOf = (handle: string): FileAttestation => {
    return attest(files.get(handle.slice(handle.indexOf('/') + 1)) ?? new Uint8Array(0));
  };
  const attested = ATTESTED_MANIFEST[entry.kind](unattested, attestationOf);
  // Folder names are unlike anything else in a manifest, so that replacing them is enough.
  const manifest = (folder: string): string => attested.replaceAll(`${sourceFolder}/`, `${folder}/`);
  return {
    name: sourceFolder.slice(0, sourceFolder.lastIndexOf('.')),
    files,
    manifestName,
    manifest,
    metadataName,
    entry,
    metadataLine(folder) {
      const extras = attestationExtras({ manifest: attest(Buffer.from(manifest(folder))) });
      return serializeMetadataEntry({ ...entry, manifest: `${folder}/${manifestName}`, extras });
    },
  };
}

/** The same manifest, with the size and digest of each of its files. */
const ATTESTED_MANIFEST: Readonly<
  Record<BackupEntry['kind'], (bytes: Uint8Array, of: (handle: string) => FileAttestation) => string>
> = {
  EpochEndingBackup(bytes, of) {
    const manifest = parseEpochEndingManifest(bytes);
    const chunks = manifest.chunks.map((chunk) => ({
      ...chunk,
      extras: attestationExtras({ ledger_infos: of(chunk.ledgerInfos) }),
    }));
    return serializeEpochEndingManifest({ ...manifest, chunks });
  },
  StateSnapshotBackup(bytes, of) {
    const manifest = parseStateSnapshotManifest(bytes);
    const chunks = manifest.chunks.map((chunk) => ({
      ...chunk,
      extras: attestationExtras({ blobs: of(chunk.blobs), proof: of(chunk.proof) }),
    }));
    const extras = attestationExtras({ proof: of(manifest.proof) });
    return serializeStateSnapshotManifest({ ...manifest, chunks, extras });
  },
  TransactionBackup(bytes, of) {
    const manifest = parseTransactionManifest(bytes);
    const chunks = manifest.chunks.map((chunk) => ({
      ...chunk,
      extras: attestationExtras({ transactions: of(chunk.transactions), proof: of(chunk.proof) }),
    }));
    return serializeTransactionManifest({ ...manifest, chunks });
  },
};
