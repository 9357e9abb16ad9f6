import { AttestationHasher, attestationText, sameAttestation } from '../archive/attestation.js';
import type { FileHandle } from '../storage/backup-storage.js';
import { readDecompressed } from '../storage/decompress.js';
import type { BackupFileWriter, BackupHandle, WrittenFile } from '../storage/writable-backup-storage.js';
import { BackupError } from './backup-error.js';
import type { ResumableStorage } from './resumable-storage.js';

/**
 * In the place of a file that an earlier run has committed already: what is written is only compared with
 * it. `commit` takes the file over, or says that it is another one.
 */
export class MatchingFile implements BackupFileWriter {
  readonly handle: FileHandle;
  readonly #storage: ResumableStorage;
  readonly #backup: BackupHandle;
  readonly #hasher = new AttestationHasher();

  constructor(storage: ResumableStorage, backup: BackupHandle, handle: FileHandle) {
    this.#storage = storage;
    this.#backup = backup;
    this.handle = handle;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#hasher.update(bytes);
  }

  /** @throws BackupError UNFINISHED_BACKUP_SPOILED */
  async commit(): Promise<WrittenFile> {
    const expected = this.#hasher.finish();
    const found = new AttestationHasher();
    for await (const piece of readDecompressed(this.#storage, this.handle, { compression: 'none' })) {
      found.update(piece);
    }
    const actual = found.finish();
    if (!sameAttestation(expected, actual)) {
      throw spoiled(this.handle, attestationText(expected), attestationText(actual));
    }
    await this.#storage.adopt(this.#backup, this.handle);
    return { handle: this.handle, size: Number(expected.size), sha256: expected.sha256 };
  }

  async discard(): Promise<void> {
    // The file is somebody else's work, and stays.
  }
}

export function spoiled(handle: FileHandle, expected: string, actual: string): BackupError {
  return new BackupError(
    'UNFINISHED_BACKUP_SPOILED',
    `${handle}, which an interrupted backup left, does not hold what it should`,
    { hint: 'Run the command again with --no-resume.', facts: { handle, expected, actual } },
  );
}
