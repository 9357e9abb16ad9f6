import type { BackupStorage, FileHandle } from '../storage/backup-storage.js';
import { readDecompressed } from '../storage/decompress.js';
import { ArchiveError } from './archive-error.js';
import { RECORD_BYTES_MAX } from './limits.js';
import { RECORD_PREFIX_SIZE } from './record-framing.js';

/** Some consecutive whole records of a file. */
export interface RecordBatch {
  /**
   * Records with the lengths before them. Valid until the iteration goes on: the buffer is used again,
   * so copy what must stay.
   */
  readonly bytes: Uint8Array;
  /** How many records there are; at least one. */
  readonly count: number;
  /** Where each record begins in `bytes`, behind its length; `count` entries, valid as long as `bytes`. */
  readonly starts: Uint32Array;
  /** Where each record ends in `bytes`, exclusive. */
  readonly ends: Uint32Array;
  /** 0-based position of the first record in its file. */
  readonly firstRecord: number;
  /** Where `bytes[0]` stands in the file after unpacking. */
  readonly fileOffset: number;
}

export interface ReadRecordOptions {
  readonly signal?: AbortSignal | undefined;
  /** Bytes of a batch; a larger record makes a larger batch. */
  readonly batchBytes?: number;
  /** Bytes above which a record is refused. */
  readonly recordBytesMax?: number;
  /** Sees the content as it is read, in order; must not keep the pieces. */
  readonly onContent?: ((piece: Uint8Array) => void) | undefined;
}

const BATCH_BYTES = 1024 * 1024;

/**
 * The records of a file in batches (spec: backup-format.md, section 3). The file is read once; memory is
 * a batch, or twice the bytes that really arrived of a record that is larger: a claimed length alone
 * costs nothing. Whole records before a fault are given before the fault is thrown.
 * @throws ArchiveError RECORD_TRUNCATED, RECORD_TOO_LARGE; StorageError
 */
export async function* readRecordBatches(
  storage: BackupStorage,
  handle: FileHandle,
  options: ReadRecordOptions = {},
): AsyncGenerator<RecordBatch> {
  const { signal, onContent, batchBytes = BATCH_BYTES, recordBytesMax = RECORD_BYTES_MAX } = options;
  const gatherer = new RecordGatherer(handle, Math.max(batchBytes, RECORD_PREFIX_SIZE), recordBytesMax);
  try {
    for await (const piece of readDecompressed(storage, handle, { signal, onContent })) {
      let rest = piece;
      while (rest.length > 0) {
        rest = gatherer.take(rest);
        if (!gatherer.isFull) continue;
        const batch = gatherer.batch();
        if (batch === undefined) gatherer.makeRoom();
        else {
          yield batch;
          gatherer.drop();
        }
      }
    }
    gatherer.finish();
  } catch (error) {
    // What was read in good order before the fault is still good.
    const batch = signal?.aborted ? undefined : gatherer.batch();
    if (batch !== undefined) yield batch;
    throw error;
  }
  const batch = gatherer.batch();
  if (batch !== undefined) yield batch;
}

/** Collects bytes until they are whole records. */
class RecordGatherer {
  #handle: FileHandle;
  #batchBytes: number;
  #recordBytesMax: number;
  #buffer: Uint8Array;
  #view: DataView;
  #filled = 0;
  /** Where the first record that is not whole yet begins. */
  #scanned = 0;
  #starts: Uint32Array = new Uint32Array(1024);
  #ends: Uint32Array = new Uint32Array(1024);
  #count = 0;
  #firstRecord = 0;
  #fileOffset = 0;

  constructor(handle: FileHandle, batchBytes: number, recordBytesMax: number) {
    this.#handle = handle;
    this.#batchBytes = batchBytes;
    this.#recordBytesMax = recordBytesMax;
    this.#buffer = new Uint8Array(batchBytes);
    this.#view = new DataView(this.#buffer.buffer);
  }

  get isFull(): boolean {
    return this.#filled === this.#buffer.length;
  }

  /** Copies as much as there is room for; returns the rest as a view. */
  take(piece: Uint8Array): Uint8Array {
    const size = Math.min(piece.length, this.#buffer.length - this.#filled);
    this.#buffer.set(piece.subarray(0, size), this.#filled);
    this.#filled += size;
    this.#scan();
    return piece.subarray(size);
  }

  batch(): RecordBatch | undefined {
    if (this.#count === 0) return undefined;
    return {
      bytes: this.#buffer.subarray(0, this.#scanned),
      count: this.#count,
      starts: this.#starts.subarray(0, this.#count),
      ends: this.#ends.subarray(0, this.#count),
      firstRecord: this.#firstRecord,
      fileOffset: this.#fileOffset,
    };
  }

  /** Forgets the records of the batch and moves the beginning of the next one to the front. */
  drop(): void {
    const rest = this.#buffer.subarray(this.#scanned, this.#filled);
    if (this.#buffer.length > this.#batchBytes && rest.length < this.#batchBytes) {
      this.#replaceBuffer(this.#batchBytes, rest);
    } else {
      this.#buffer.copyWithin(0, this.#scanned, this.#filled);
    }
    this.#filled -= this.#scanned;
    this.#fileOffset += this.#scanned;
    this.#firstRecord += this.#count;
    this.#scanned = 0;
    this.#count = 0;
  }

  /** Grows for one record that is larger than the buffer, as its bytes arrive. */
  makeRoom(): void {
    const needed = RECORD_PREFIX_SIZE + this.#view.getUint32(0);
    this.#replaceBuffer(Math.min(needed, this.#buffer.length * 2), this.#buffer.subarray(0, this.#filled));
  }

  /** @throws ArchiveError RECORD_TRUNCATED when bytes of an unfinished record are left */
  finish(): void {
    const left = this.#filled - this.#scanned;
    if (left === 0) return;
    const inLength = left < RECORD_PREFIX_SIZE;
    const expected = inLength ? RECORD_PREFIX_SIZE : this.#view.getUint32(this.#scanned);
    const actual = inLength ? left : left - RECORD_PREFIX_SIZE;
    const what = inLength ? 'the length of record' : 'record';
    const { facts, place } = this.#where();
    throw new ArchiveError(
      'RECORD_TRUNCATED',
      `${this.#handle} ends inside of ${what} ${place}: ${actual} of ${expected} bytes`,
      {
        hint: 'The file was cut short: restore it from a copy, or back the range up again.',
        facts: { ...facts, expected, actual },
      },
    );
  }

  #scan(): void {
    while (this.#filled - this.#scanned >= RECORD_PREFIX_SIZE) {
      const size = this.#view.getUint32(this.#scanned);
      if (size > this.#recordBytesMax) throw this.#tooLarge(size);
      const start = this.#scanned + RECORD_PREFIX_SIZE;
      if (start + size > this.#filled) return;
      this.#note(start, start + size);
      this.#scanned = start + size;
    }
  }

  #note(start: number, end: number): void {
    if (this.#count === this.#starts.length) {
      this.#starts = doubled(this.#starts);
      this.#ends = doubled(this.#ends);
    }
    this.#starts[this.#count] = start;
    this.#ends[this.#count] = end;
    this.#count++;
  }

  #tooLarge(size: number): ArchiveError {
    const { facts, place } = this.#where();
    return new ArchiveError(
      'RECORD_TOO_LARGE',
      `record ${place} of ${this.#handle} claims ${size} bytes, above ${this.#recordBytesMax}`,
      {
        hint: 'The file is damaged here or before: restore it from a copy, or back the range up again.',
        facts: { ...facts, expected: this.#recordBytesMax, actual: size },
      },
    );
  }

  #where() {
    const recordIndex = this.#firstRecord + this.#count;
    const byteOffset = this.#fileOffset + this.#scanned;
    const facts = { handle: this.#handle, recordIndex, byteOffset };
    return { facts, place: `${recordIndex} at byte ${byteOffset}` };
  }

  #replaceBuffer(size: number, content: Uint8Array): void {
    const buffer = new Uint8Array(size);
    buffer.set(content);
    this.#buffer = buffer;
    this.#view = new DataView(buffer.buffer);
  }
}

function doubled(numbers: Uint32Array): Uint32Array {
  const larger = new Uint32Array(numbers.length * 2);
  larger.set(numbers);
  return larger;
}
