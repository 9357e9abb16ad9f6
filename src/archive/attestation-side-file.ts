import { createHash } from 'node:crypto';
import type { BackupStorage, FileHandle, StorageOperationOptions } from '../storage/backup-storage.js';
import { readWholeFile } from '../storage/read-file.js';
import { isShellSafeName } from '../storage/shell-safe-name.js';
import { StorageError } from '../storage/storage-error.js';
import {
  type Attestations,
  attestationJson,
  attestationsJson,
  type FileAttestation,
  readAttestation,
  unreadableAttestation,
} from './attestation.js';
import { JsonError } from './json-error.js';
import { type JsonReader, readJson } from './json-reader.js';
import { type JsonField, jsonStruct, jsonText } from './json-writer.js';
import { MANIFEST_BYTES_MAX } from './limits.js';

/** Below the storage's side folder. */
export const ATTESTATION_FOLDER = 'attestations';

const FORMAT = 1n;

/**
 * What stands about one manifest in a file of our own, where no compaction drops it (docs/attestation.md).
 */
export interface AttestationSideFile {
  readonly manifest: FileHandle;
  readonly attestation: FileAttestation;
  /** The metadata file whose entry carries the manifest's attestation, too: it was written so. */
  readonly entry?: FileHandle | undefined;
  /** Files of the manifest that it does not attest itself, as for backups of the reference. */
  readonly files: Attestations;
}

/** The side file's base name: `<backup folder>~<manifest>`, or a digest of a handle of another form. */
export function attestationFileName(manifest: FileHandle): string {
  const parts = manifest.split('/');
  if (parts.length === 2 && parts.every(isShellSafeName)) return parts.join('~');
  return `sha256-${createHash('sha256').update(manifest).digest('hex')}`;
}

/** Where the side file of a manifest stands; undefined where the storage has no place for it. */
export function attestationFileHandle(
  { sideFolder }: Pick<BackupStorage, 'sideFolder'>,
  manifest: FileHandle,
): FileHandle | undefined {
  if (sideFolder === undefined) return undefined;
  return `${sideFolder}/${ATTESTATION_FOLDER}/${attestationFileName(manifest)}`;
}

/** The content with a line feed at its end; the same input gives the same bytes. */
export function serializeAttestationFile(side: AttestationSideFile): Uint8Array {
  const { manifest, attestation, entry, files } = side;
  const sorted = [...files].sort(([left], [right]) => (left < right ? -1 : 1));
  const entryField: JsonField[] = entry === undefined ? [] : [['entry', jsonText(entry)]];
  const text = jsonStruct([
    ['format', `${FORMAT}`],
    ['manifest', jsonText(manifest)],
    ['attestation', attestationJson(attestation)],
    ...entryField,
    ['files', attestationsJson(sorted)],
  ]);
  return Buffer.from(`${text}\n`);
}

/** @throws JsonError */
export function parseAttestationFile(bytes: Uint8Array): AttestationSideFile {
  return readJson(bytes, (reader) => {
    const { fields } = reader.struct(
      {
        format: readFormat,
        manifest: (field) => field.text(),
        attestation: readAttestation,
        entry: (field): string | undefined => field.text(),
        files: (field) => field.map(readAttestation),
      },
      { entry: undefined },
    );
    const { manifest, attestation, entry, files } = fields;
    return { manifest, attestation, files, ...(entry === undefined ? {} : { entry }) };
  });
}

function readFormat(reader: JsonReader): bigint {
  const format = reader.u64();
  if (format !== FORMAT) reader.fail('JSON_SHAPE', `unknown format ${format}`);
  return format;
}

/**
 * Reads what stands beside the archive about a manifest; undefined when nothing does.
 * @throws ArchiveError ATTESTATION_UNREADABLE; StorageError when the file is there and cannot be read
 */
export async function loadAttestationFile(
  storage: BackupStorage,
  manifest: FileHandle,
  { signal }: StorageOperationOptions = {},
): Promise<AttestationSideFile | undefined> {
  const handle = attestationFileHandle(storage, manifest);
  if (handle === undefined) return undefined;
  let bytes: Uint8Array;
  try {
    bytes = await readWholeFile(storage, handle, { bytesMax: MANIFEST_BYTES_MAX, signal });
  } catch (error) {
    if (error instanceof StorageError && error.code === 'FILE_MISSING') return undefined;
    throw error;
  }
  try {
    const side = parseAttestationFile(bytes);
    if (side.manifest !== manifest) throw new JsonError('JSON_SHAPE', `it is about ${side.manifest}`, 0);
    return side;
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw unreadableAttestation(handle, error);
  }
}
