import { ArchiveError } from '../archive/archive-error.js';
import {
  attestationFileHandle,
  type AttestationSideFile,
  loadAttestationFile,
} from '../archive/attestation-side-file.js';
import {
  attestationsIn,
  attestationText,
  type FileAttestation,
  sameAttestation,
} from '../archive/attestation.js';
import type { JsonExtras } from '../archive/json-reader.js';
import type { FileHandle } from '../storage/backup-storage.js';
import { StorageError } from '../storage/storage-error.js';
import type { VerifyContext } from './context.js';
import { findingOf } from './findings.js';

/** A metadata entry as far as it attests its manifest. */
interface Witness {
  readonly handle: FileHandle;
  readonly entry: { readonly manifest: FileHandle; readonly extras?: JsonExtras };
}

/** Who attests a manifest. */
interface Testimony {
  readonly file: FileHandle;
  readonly attestation: FileAttestation;
}

/**
 * Compares a manifest with what its metadata entries and its side file attest, and counts it as unattested
 * where none does.
 * @returns the side file, if there is a readable one
 */
export async function checkManifestAttestation(
  context: VerifyContext,
  entries: readonly Witness[],
  manifest: FileHandle,
  actual: FileAttestation,
): Promise<AttestationSideFile | undefined> {
  const byEntries = entries.flatMap((entry) => testimonyOf(context, entry));
  const side = await sideFileOf(context, manifest);
  const sideHandle = attestationFileHandle(context.storage, manifest);
  findMissing(context, entries, byEntries, side, sideHandle);
  const testimonies = [...byEntries];
  if (side && sideHandle) testimonies.push({ file: sideHandle, attestation: side.attestation });
  if (testimonies.length === 0) context.tally.unattestedFiles++;
  compare(context, manifest, actual, testimonies);
  const attested = testimonies.length > 0;
  context.attestations.report({ file: manifest, manifest, attestation: actual, attested });
  return side;
}

/** Attestations that a function reads, or a finding. */
export function attestationsOrFind<Result>(context: VerifyContext, read: () => Result): Result | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    context.findings.add(findingOf(error, { file: String(error.facts.handle) }));
    return undefined;
  }
}

function testimonyOf(context: VerifyContext, { handle, entry }: Witness): Testimony[] {
  const attestations = attestationsOrFind(context, () => attestationsIn(entry.extras, handle));
  const attestation = attestations?.get('manifest');
  return attestation === undefined ? [] : [{ file: handle, attestation }];
}

async function sideFileOf(
  { storage, signal, findings }: VerifyContext,
  manifest: FileHandle,
): Promise<AttestationSideFile | undefined> {
  try {
    return await loadAttestationFile(storage, manifest, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof ArchiveError || error instanceof StorageError)) throw error;
    const file = attestationFileHandle(storage, manifest) ?? manifest;
    findings.add(findingOf(error, { file, otherFiles: [manifest] }));
    return undefined;
  }
}

/** An entry that was written with an attestation has lost it otherwise than by a compaction. */
function findMissing(
  { findings }: VerifyContext,
  entries: readonly Witness[],
  byEntries: readonly Testimony[],
  side: AttestationSideFile | undefined,
  sideHandle: FileHandle | undefined,
): void {
  const lost = entries.find(({ handle }) => handle === side?.entry);
  if (!lost || byEntries.some(({ file }) => file === lost.handle)) return;
  findings.add({
    code: 'ATTESTATION_MISSING',
    message: 'the entry was written with the size and digest of its manifest, and has them no more',
    file: lost.handle,
    ...(sideHandle === undefined ? {} : { otherFiles: [sideHandle] }),
    hint: 'The entry was altered: restore the file from a copy.',
  });
}

/** A witness that another one contradicts lies alone; where all agree, the manifest is the altered one. */
function compare(
  { findings }: VerifyContext,
  manifest: FileHandle,
  actual: FileAttestation,
  testimonies: readonly Testimony[],
): void {
  const against = testimonies.filter(({ attestation }) => !sameAttestation(attestation, actual));
  const [first] = against;
  if (!first) return;
  const witnessLies = against.length < testimonies.length;
  const disagreeing = against.map(({ file }) => file);
  findings.add({
    code: 'ATTESTATION_MISMATCH',
    message: witnessLies
      ? 'the size and digest that it attests are not those of the manifest, which others attest rightly'
      : 'the manifest is not the one that was written: its size or digest is another',
    ...(witnessLies
      ? { file: first.file, otherFiles: [...disagreeing.slice(1), manifest] }
      : { file: manifest, otherFiles: disagreeing }),
    expected: attestationText(first.attestation),
    actual: attestationText(actual),
    hint: 'Restore the file from a copy.',
  });
}
