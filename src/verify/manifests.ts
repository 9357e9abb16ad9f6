import {
  AttestationHasher,
  type Attestations,
  epochEndingAttestations,
  stateSnapshotAttestations,
  transactionAttestations,
} from '../archive/attestation.js';
import { checkEpochEndingManifest, type EpochEndingManifest } from '../archive/epoch-ending-manifest.js';
import type { JsonExtras } from '../archive/json-reader.js';
import {
  type LoadManifestOptions,
  loadEpochEndingManifest,
  loadStateSnapshotManifest,
  loadTransactionManifest,
} from '../archive/load-manifest.js';
import type { ManifestProblem } from '../archive/manifest-check.js';
import type {
  EpochEndingEntry,
  LocatedEntry,
  StateSnapshotEntry,
  TransactionEntry,
} from '../archive/metadata-entry.js';
import { parseMetadataFileName } from '../archive/names.js';
import {
  checkStateSnapshotManifest,
  type StateSnapshotManifest,
} from '../archive/state-snapshot-manifest.js';
import { checkTransactionManifest, type TransactionManifest } from '../archive/transaction-manifest.js';
import type { BackupStorage, FileHandle } from '../storage/backup-storage.js';
import type { VerifyContext } from './context.js';
import { findingOf } from './findings.js';
import { attestationsOrFind, checkManifestAttestation } from './manifest-attestations.js';

/** A manifest and the handle that it stands under. */
export interface LoadedManifest<Manifest> {
  readonly handle: FileHandle;
  readonly manifest: Manifest;
}

/** How manifests of one kind are loaded, judged and compared with their metadata entry. */
interface ManifestKind<Entry, Manifest> {
  load(storage: BackupStorage, handle: FileHandle, options: LoadManifestOptions): Promise<Manifest>;
  check(manifest: Manifest): ManifestProblem[];
  files(manifest: Manifest): FileHandle[];
  /** What the manifest attests of its files. */
  attestations(manifest: Manifest, handle: FileHandle): Attestations;
  /** What entry and manifest must say alike, in words. */
  entryText(entry: Entry): string;
  manifestText(manifest: Manifest): string;
}

const versionOf = (waypoint: string | undefined): string => waypoint?.split(':')[0] ?? 'none';

export const EPOCH_ENDING_KIND: ManifestKind<EpochEndingEntry, EpochEndingManifest> = {
  load: loadEpochEndingManifest,
  check: checkEpochEndingManifest,
  files: ({ chunks }) => chunks.map((chunk) => chunk.ledgerInfos),
  attestations: epochEndingAttestations,
  entryText: ({ firstEpoch, lastEpoch, firstVersion, lastVersion }) =>
    `epochs ${firstEpoch} to ${lastEpoch}, versions ${firstVersion} to ${lastVersion}`,
  manifestText: ({ firstEpoch, lastEpoch, waypoints }) =>
    `epochs ${firstEpoch} to ${lastEpoch}, versions ${versionOf(waypoints[0])} to ${versionOf(waypoints.at(-1))}`,
};

export const STATE_SNAPSHOT_KIND: ManifestKind<StateSnapshotEntry, StateSnapshotManifest> = {
  load: loadStateSnapshotManifest,
  check: checkStateSnapshotManifest,
  files: ({ chunks, proof }) => [...chunks.flatMap((chunk) => [chunk.blobs, chunk.proof]), proof],
  attestations: stateSnapshotAttestations,
  entryText: ({ epoch, version }) => `epoch ${epoch}, version ${version}`,
  manifestText: ({ epoch, version }) => `epoch ${epoch}, version ${version}`,
};

export const TRANSACTION_KIND: ManifestKind<TransactionEntry, TransactionManifest> = {
  load: loadTransactionManifest,
  check: checkTransactionManifest,
  files: ({ chunks }) => chunks.flatMap((chunk) => [chunk.transactions, chunk.proof]),
  attestations: transactionAttestations,
  entryText: ({ firstVersion, lastVersion }) => `versions ${firstVersion} to ${lastVersion}`,
  manifestText: ({ firstVersion, lastVersion }) => `versions ${firstVersion} to ${lastVersion}`,
};

/** Loads the manifests that entries name, in order and one at a time; each fault becomes a finding. */
export async function* loadManifests<Entry extends NamesManifest, Manifest>(
  context: VerifyContext,
  kind: ManifestKind<Entry, Manifest>,
  entries: readonly LocatedEntryOf<Entry>[],
): AsyncGenerator<LoadedManifest<Manifest>> {
  const { storage, signal, findings, tally } = context;
  for (const located of entries) {
    const handle = located.entry.manifest;
    const hasher = new AttestationHasher();
    let manifest: Manifest;
    try {
      manifest = await kind.load(storage, handle, { signal, onContent: (piece) => hasher.update(piece) });
    } catch (error) {
      signal?.throwIfAborted();
      // Either the manifest is gone or damaged, or the entry misnames it.
      findings.add(findingOf(error, { file: handle, otherFiles: [located.handle] }));
      continue;
    }
    tally.manifests++;
    const entries = [located, ...(located.repeated ?? [])];
    const side = await checkManifestAttestation(context, entries, handle, hasher.finish());
    const attested = attestationsOrFind(context, () => kind.attestations(manifest, handle));
    // What a manifest says of its own files counts before what stands beside it.
    context.attestations.expect(new Map([...(side?.files ?? []), ...(attested ?? [])]));
    for (const { message, path, expected, actual } of kind.check(manifest)) {
      findings.add({
        code: 'MANIFEST_INVALID',
        message: `${path}: ${message}`,
        file: handle,
        ...(expected === undefined ? {} : { expected: String(expected) }),
        ...(actual === undefined ? {} : { actual: String(actual) }),
      });
    }
    findRepeatedFile(context, handle, kind.files(manifest));
    compareWithEntry(context, kind, located, { handle, manifest });
    yield { handle, manifest };
  }
}

/** An entry as far as it leads to a manifest. */
interface NamesManifest {
  readonly manifest: FileHandle;
  readonly extras?: JsonExtras;
}

type LocatedEntryOf<Entry> = Omit<LocatedEntry, 'entry'> & {
  readonly entry: Entry;
  readonly repeated?: readonly { readonly handle: FileHandle; readonly entry: Entry }[];
};

/** No file has two meanings, so a handle that stands twice is wrong in one of the places. */
function findRepeatedFile(
  { findings }: VerifyContext,
  handle: FileHandle,
  files: readonly FileHandle[],
): void {
  const seen = new Set<FileHandle>();
  for (const file of files) {
    if (seen.has(file)) {
      findings.add({ code: 'MANIFEST_INVALID', message: `it names ${file} twice`, file: handle });
    }
    seen.add(file);
  }
}

/** The metadata file's name, where it is a single entry's, is a third witness. */
function compareWithEntry<Entry, Manifest>(
  { findings }: VerifyContext,
  kind: ManifestKind<Entry, Manifest>,
  located: LocatedEntryOf<Entry>,
  { handle, manifest }: LoadedManifest<Manifest>,
): void {
  const expected = kind.entryText(located.entry);
  const actual = kind.manifestText(manifest);
  if (expected === actual) return;
  const named = rangeInName(located.handle);
  const nameIsEntrys = named !== undefined && expected.startsWith(named);
  const nameIsManifests = named !== undefined && actual.startsWith(named);
  const place =
    nameIsEntrys === nameIsManifests
      ? { file: located.handle, otherFiles: [handle] }
      : { file: nameIsManifests ? located.handle : handle };
  findings.add({
    ...place,
    code: 'METADATA_MANIFEST_DISAGREE',
    message: `the metadata entry says ${expected}, its manifest ${actual}`,
    expected,
    actual,
  });
}

/** How the name of an uncompacted metadata file says the range, in the words of the texts above. */
function rangeInName(handle: FileHandle): string | undefined {
  const name = parseMetadataFileName(handle);
  if (name?.kind === 'epochEnding' && !name.compacted) return `epochs ${name.first} to ${name.last},`;
  if (name?.kind === 'transaction' && !name.compacted) return `versions ${name.first} to ${name.last}`;
  return undefined;
}
