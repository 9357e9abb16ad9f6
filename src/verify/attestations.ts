import {
  AttestationHasher,
  type Attestations,
  attestationText,
  type FileAttestation,
  sameAttestation,
} from '../archive/attestation.js';
import type { FileHandle } from '../storage/backup-storage.js';
import type { Tally } from './context.js';
import type { Findings } from './findings.js';

/** What a file was found to hold; `attested` is whether the archive said so before. */
export interface FileDigest {
  readonly file: FileHandle;
  /** The manifest that names the file, or the file itself if it is one. */
  readonly manifest: FileHandle;
  readonly attestation: FileAttestation;
  readonly attested: boolean;
}

/** The digest of one file while it is read. */
export interface FileCheck {
  /** For the reader of the file; undefined where nobody wants the digest. */
  readonly onContent: ((piece: Uint8Array) => void) | undefined;
  /** After the whole file was read: counts it and compares it with what is attested. */
  finish(): void;
}

/**
 * Compares sizes and digests of files with what their manifests attest, while the files are read for their
 * proofs anyway.
 */
export class AttestationChecker {
  readonly #findings: Findings;
  readonly #tally: Tally;
  readonly #onDigest: ((digest: FileDigest) => void) | undefined;
  readonly #expected: Map<FileHandle, FileAttestation>;

  constructor(
    findings: Findings,
    tally: Tally,
    onDigest: ((digest: FileDigest) => void) | undefined,
    expected = new Map<FileHandle, FileAttestation>(),
  ) {
    this.#findings = findings;
    this.#tally = tally;
    this.#onDigest = onDigest;
    this.#expected = expected;
  }

  /** With the same expectations; what is found goes elsewhere. */
  findingTo(findings: Findings): AttestationChecker {
    return new AttestationChecker(findings, this.#tally, this.#onDigest, this.#expected);
  }

  /** True when somebody wants digests of files that are not attested. */
  get wantsAll(): boolean {
    return this.#onDigest !== undefined;
  }

  /** What a manifest, or its side file, says of files that will be read. */
  expect(attestations: Attestations): void {
    for (const [file, attestation] of attestations) this.#expected.set(file, attestation);
  }

  begin(file: FileHandle, manifest: FileHandle): FileCheck {
    const expected = this.#expected.get(file);
    this.#expected.delete(file);
    const hasher = expected || this.wantsAll ? new AttestationHasher() : undefined;
    return {
      onContent: hasher && ((piece) => hasher.update(piece)),
      finish: () => {
        this.#tally.files++;
        if (!expected) this.#tally.unattestedFiles++;
        if (!hasher) return;
        const actual = hasher.finish();
        if (expected) this.#compare(file, manifest, expected, actual);
        this.report({ file, manifest, attestation: actual, attested: expected !== undefined });
      },
    };
  }

  report(digest: FileDigest): void {
    this.#onDigest?.(digest);
  }

  #compare(file: FileHandle, manifest: FileHandle, expected: FileAttestation, actual: FileAttestation): void {
    if (sameAttestation(expected, actual)) return;
    this.#findings.add({
      code: 'ATTESTATION_MISMATCH',
      message: 'the file is not the one that was written: its size or digest is another',
      file,
      otherFiles: [manifest],
      expected: attestationText(expected),
      actual: attestationText(actual),
      hint: 'Restore the file from a copy, or back the range up again.',
    });
  }
}
