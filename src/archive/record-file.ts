import type { BackupStorage, FileHandle } from '../storage/backup-storage.js';
import { openContent } from '../storage/content-reader.js';
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

/** Memory for one batch. */
export interface BatchBuffer {
  readonly bytes: Uint8Array;
  /** As many entries as a batch may have records; both of the same length. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

/** Gives the memory that batches lie in. */
export interface BatchBuffers {
  /**
   * The buffer of the next batch, at least 4 bytes; the one before belongs to whoever got its batch. It is
   * the same again where the reader used other memory for its last batch: see `larger`.
   */
  next(): Promise<BatchBuffer>;
  /** Memory of this many bytes for a single record that fits into no buffer. */
  larger(bytes: number): Uint8Array;
}

export interface ReadRecordOptions {
  readonly signal?: AbortSignal | undefined;
  /** Bytes of a batch; a larger record makes a larger batch. */
  readonly batchBytes?: number;
  /** Bytes above which a record is refused. */
  readonly recordBytesMax?: number;
  /** Sees the content as it is read, in order; must not keep the pieces. */
  readonly onContent?: ((piece: Uint8Array) => void) | undefined;
  /** Where the bytes go; default: one buffer of `batchBytes`, used again and again. */
  readonly buffers?: BatchBuffers | undefined;
}

const BATCH_BYTES = 1024 * 1024;
/** Records of a batch. */
const BATCH_COUNT_MAX = 16 * 1024;

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
  const buffers = options.buffers ?? new OneBuffer(batchBytes);
  const content = await openContent(storage, handle, { signal, onContent });
  try {
    const gatherer = new RecordGatherer(handle, buffers, await buffers.next(), recordBytesMax);
    try {
      for (;;) {
        const batch = gatherer.isFull ? gatherer.batch() : undefined;
        if (batch !== undefined) {
          const rest = gatherer.takeRest();
          yield batch;
          gatherer.startWith(await buffers.next(), rest);
        } else if (gatherer.isFull) {
          gatherer.makeRoom();
        } else {
          const size = await content.readInto(gatherer.room);
          if (size === 0) break;
          gatherer.take(size);
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
  } finally {
    await content.close();
  }
}

/** The same buffer for every batch. */
class OneBuffer implements BatchBuffers {
  readonly #buffer: BatchBuffer;

  constructor(bytes: number) {
    const countMax = Math.min(BATCH_COUNT_MAX, Math.ceil(bytes / RECORD_PREFIX_SIZE));
    this.#buffer = {
      bytes: new Uint8Array(Math.max(bytes, RECORD_PREFIX_SIZE)),
      starts: new Uint32Array(countMax),
      ends: new Uint32Array(countMax),
    };
  }

  async next(): Promise<BatchBuffer> {
    return this.#buffer;
  }

  larger(bytes: number): Uint8Array {
    return new Uint8Array(bytes);
  }
}

/** Collects bytes until they are whole records. */
class RecordGatherer {
  readonly #handle: FileHandle;
  readonly #buffers: BatchBuffers;
  readonly #recordBytesMax: number;
  #bytes: Uint8Array;
  #view: DataView;
  #starts: Uint32Array;
  #ends: Uint32Array;
  #filled = 0;
  /** Where the first record that is not noted yet begins. */
  #scanned = 0;
  #count = 0;
  #firstRecord = 0;
  #fileOffset = 0;

  constructor(handle: FileHandle, buffers: BatchBuffers, buffer: BatchBuffer, recordBytesMax: number) {
    this.#handle = handle;
    this.#buffers = buffers;
    this.#recordBytesMax = recordBytesMax;
    this.#bytes = buffer.bytes;
    this.#view = viewOf(buffer.bytes);
    this.#starts = buffer.starts;
    this.#ends = buffer.ends;
  }

  /** Whether nothing more can be taken: there is a batch, or a record that needs more room. */
  get isFull(): boolean {
    return this.#filled === this.#bytes.length || this.#count === this.#starts.length;
  }

  /** Where the next bytes go. */
  get room(): Uint8Array {
    return this.#bytes.subarray(this.#filled);
  }

  /** `size` bytes were written to the room. */
  take(size: number): void {
    this.#filled += size;
    this.#scan();
  }

  batch(): RecordBatch | undefined {
    if (this.#count === 0) return undefined;
    return {
      bytes: this.#bytes.subarray(0, this.#scanned),
      count: this.#count,
      starts: this.#starts.subarray(0, this.#count),
      ends: this.#ends.subarray(0, this.#count),
      firstRecord: this.#firstRecord,
      fileOffset: this.#fileOffset,
    };
  }

  /** Forgets the records of the batch and gives a copy of what follows them. */
  takeRest(): Uint8Array {
    const rest = this.#bytes.slice(this.#scanned, this.#filled);
    this.#fileOffset += this.#scanned;
    this.#firstRecord += this.#count;
    this.#scanned = 0;
    this.#filled = 0;
    this.#count = 0;
    return rest;
  }

  /** Goes on in another buffer, with what followed the last batch. */
  startWith(buffer: BatchBuffer, rest: Uint8Array): void {
    const fits = rest.length <= buffer.bytes.length;
    this.#bytes = fits ? buffer.bytes : this.#buffers.larger(rest.length);
    this.#view = viewOf(this.#bytes);
    this.#starts = buffer.starts;
    this.#ends = buffer.ends;
    this.#bytes.set(rest);
    this.take(rest.length);
  }

  /** Grows for one record that is larger than the buffer, as its bytes arrive. */
  makeRoom(): void {
    const needed = RECORD_PREFIX_SIZE + this.#view.getUint32(0);
    const larger = this.#buffers.larger(Math.min(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#filled));
    this.#bytes = larger;
    this.#view = viewOf(larger);
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
    while (this.#filled - this.#scanned >= RECORD_PREFIX_SIZE && this.#count < this.#starts.length) {
      const size = this.#view.getUint32(this.#scanned);
      if (size > this.#recordBytesMax) throw this.#tooLarge(size);
      const start = this.#scanned + RECORD_PREFIX_SIZE;
      if (start + size > this.#filled) return;
      this.#starts[this.#count] = start;
      this.#ends[this.#count++] = start + size;
      this.#scanned = start + size;
    }
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
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
