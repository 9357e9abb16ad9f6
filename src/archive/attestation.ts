import { createHash, type Hash } from 'node:crypto';
import { type HashValue, toHex } from '../hashing/hash-value.js';
import type { FileHandle } from '../storage/backup-storage.js';
import { ArchiveError } from './archive-error.js';
import type { EpochEndingManifest } from './epoch-ending-manifest.js';
import { JsonError } from './json-error.js';
import { type JsonExtras, type JsonReader, readJson } from './json-reader.js';
import { type JsonField, jsonStruct, jsonText } from './json-writer.js';
import type { StateSnapshotManifest } from './state-snapshot-manifest.js';
import type { TransactionManifest } from './transaction-manifest.js';

// Size and SHA-256 of a file, written down where the file is referred to (docs/attestation.md).

/** The field that holds them, in chunks, manifests and metadata entries; the reference passes it over. */
export const ATTESTATION_FIELD = 'holdfast';

/** What a file's content must be: after unpacking, so that it holds however the file is stored. */
export interface FileAttestation {
  /** Bytes. */
  readonly size: bigint;
  /** SHA-256, 32 bytes. */
  readonly sha256: HashValue;
}

/** Attestations by file. */
export type Attestations = ReadonlyMap<FileHandle, FileAttestation>;

/** Takes a file's content in pieces; what it returns at the end is the attestation of what it saw. */
export class AttestationHasher {
  readonly #hash: Hash = createHash('sha256');
  #size = 0;

  update(piece: Uint8Array): void {
    this.#hash.update(piece);
    this.#size += piece.length;
  }

  /** To be called once. */
  finish(): FileAttestation {
    return { size: BigInt(this.#size), sha256: new Uint8Array(this.#hash.digest()) };
  }
}

/** The attestation of content that is at hand. */
export function attest(content: Uint8Array): FileAttestation {
  const hasher = new AttestationHasher();
  hasher.update(content);
  return hasher.finish();
}

export function sameAttestation(left: FileAttestation, right: FileAttestation): boolean {
  return left.size === right.size && Buffer.compare(left.sha256, right.sha256) === 0;
}

/** For people: `1234 bytes, SHA-256 ab...`. */
export function attestationText({ size, sha256 }: FileAttestation): string {
  return `${size} bytes, SHA-256 ${toHex(sha256)}`;
}

/**
 * The extra field for a struct that names files: what each of its fields refers to. For a state chunk the
 * names are `blobs` and `proof`.
 */
export function attestationExtras(byField: Readonly<Record<string, FileAttestation>>): JsonExtras {
  return new Map([[ATTESTATION_FIELD, Buffer.from(attestationsJson(Object.entries(byField)))]]);
}

/** `{"size":N,"sha256":"hex"}`. */
export function attestationJson({ size, sha256 }: FileAttestation): string {
  return jsonStruct([
    ['size', `${size}`],
    ['sha256', jsonText(toHex(sha256))],
  ]);
}

/** An object of attestations under names, in the order given. */
export function attestationsJson(named: Iterable<readonly [name: string, FileAttestation]>): string {
  return jsonStruct([...named].map(([name, each]): JsonField => [name, attestationJson(each)]));
}

/** @throws JsonError; fields that are not known are passed over, so that later versions may add some */
export function readAttestation(reader: JsonReader): FileAttestation {
  const { fields } = reader.struct({ size: (field) => field.u64(), sha256: (field) => field.hash() });
  return fields;
}

/**
 * What a struct attests, by the name of the field that refers to the file; empty without attestations.
 * @param file where the struct stands, for the error
 * @throws ArchiveError ATTESTATION_UNREADABLE
 */
export function attestationsIn(
  extras: JsonExtras | undefined,
  file: FileHandle,
): ReadonlyMap<string, FileAttestation> {
  const json = extras?.get(ATTESTATION_FIELD);
  if (json === undefined) return new Map();
  try {
    return readJson(json, (reader) => reader.map(readAttestation));
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw unreadableAttestation(file, error);
  }
}

export function unreadableAttestation(file: FileHandle, error: JsonError): ArchiveError {
  return new ArchiveError(
    'ATTESTATION_UNREADABLE',
    `the sizes and digests in ${file} cannot be read: ${error.message}`,
    {
      cause: error,
      hint: 'The file is damaged: restore it from a copy.',
      facts: { handle: file, path: error.path },
    },
  );
}

/** Collects what the structs of one manifest attest. */
class Collector {
  readonly #manifest: FileHandle;
  readonly attestations = new Map<FileHandle, FileAttestation>();

  constructor(manifest: FileHandle) {
    this.#manifest = manifest;
  }

  add(extras: JsonExtras | undefined, files: Readonly<Record<string, FileHandle>>): void {
    if (extras === undefined) return;
    const byField = attestationsIn(extras, this.#manifest);
    for (const [field, file] of Object.entries(files)) {
      const attestation = byField.get(field);
      if (attestation !== undefined) this.attestations.set(file, attestation);
    }
  }
}

/**
 * What a manifest says about the files that it names; files that it attests nothing of are missing.
 * @throws ArchiveError ATTESTATION_UNREADABLE
 */
export function epochEndingAttestations({ chunks }: EpochEndingManifest, manifest: FileHandle): Attestations {
  const collector = new Collector(manifest);
  for (const { extras, ledgerInfos } of chunks) collector.add(extras, { ledger_infos: ledgerInfos });
  return collector.attestations;
}

/** @throws ArchiveError ATTESTATION_UNREADABLE */
export function stateSnapshotAttestations(
  { chunks, proof, extras }: StateSnapshotManifest,
  manifest: FileHandle,
): Attestations {
  const collector = new Collector(manifest);
  for (const chunk of chunks) collector.add(chunk.extras, { blobs: chunk.blobs, proof: chunk.proof });
  collector.add(extras, { proof });
  return collector.attestations;
}

/** @throws ArchiveError ATTESTATION_UNREADABLE */
export function transactionAttestations({ chunks }: TransactionManifest, manifest: FileHandle): Attestations {
  const collector = new Collector(manifest);
  for (const { extras, transactions, proof } of chunks) collector.add(extras, { transactions, proof });
  return collector.attestations;
}
