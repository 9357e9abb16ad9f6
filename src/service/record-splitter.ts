import type { RecordBatch } from '../archive/record-file.js';
import { RECORD_PREFIX_SIZE } from '../archive/record-framing.js';
import { ServiceError } from './service-error.js';

/**
 * Finds the records in the pieces of a body. Records that lie within a piece are given as views of it;
 * one that reaches over several pieces is collected, as its bytes arrive, in memory of its own.
 */
export class RecordSplitter {
  readonly #path: string;
  readonly #recordBytesMax: number;
  /** The record that is not whole yet, with its length in front. */
  #partial = new Uint8Array(RECORD_PREFIX_SIZE);
  #filled = 0;
  #count = 0;
  #offset = 0;

  constructor(path: string, recordBytesMax: number) {
    this.#path = path;
    this.#recordBytesMax = recordBytesMax;
  }

  /**
   * The records that a piece completes, at most two batches. Their bytes stay valid as long as the piece
   * is not written to.
   * @throws ServiceError SERVICE_BODY_TOO_LARGE
   */
  *split(piece: Uint8Array): Generator<RecordBatch> {
    let rest = piece;
    while (this.#filled > 0 && rest.length > 0) {
      rest = this.#fill(rest);
      const whole = this.#takePartial();
      if (whole) yield whole;
    }
    if (rest.length === 0) return;
    const { starts, ends, end } = this.#scan(rest);
    if (starts.length > 0) yield this.#batch(rest.subarray(0, end), starts, ends);
    this.#fill(rest.subarray(end));
  }

  /** @throws ServiceError SERVICE_RECORD_TRUNCATED when the last record is not whole */
  finish(): void {
    if (this.#filled === 0) return;
    throw new ServiceError(
      'SERVICE_RECORD_TRUNCATED',
      `the answer to ${this.#path} ends inside of record ${this.#count}`,
      {
        hint: 'The service, or something between it and here, cuts answers short.',
        facts: { path: this.#path, record: this.#count, byteOffset: this.#offset },
      },
    );
  }

  #fill(bytes: Uint8Array): Uint8Array {
    let rest = bytes;
    while (rest.length > 0) {
      const wanted = this.#wanted();
      if (this.#filled === wanted) break;
      // Room grows with the bytes that really arrive, not with what a length claims.
      if (this.#filled === this.#partial.length) this.#grow(Math.min(wanted, this.#filled + rest.length));
      const room = Math.min(wanted, this.#partial.length) - this.#filled;
      const taken = rest.subarray(0, room);
      this.#partial.set(taken, this.#filled);
      this.#filled += taken.length;
      rest = rest.subarray(taken.length);
    }
    return rest;
  }

  /** Bytes of the partial record with its length, or of the length while that is not known. */
  #wanted(): number {
    if (this.#filled < RECORD_PREFIX_SIZE) return RECORD_PREFIX_SIZE;
    return RECORD_PREFIX_SIZE + this.#size(this.#partial, 0);
  }

  #grow(needed: number): void {
    const grown = new Uint8Array(Math.max(needed, this.#partial.length * 2));
    grown.set(this.#partial.subarray(0, this.#filled));
    this.#partial = grown;
  }

  #takePartial(): RecordBatch | undefined {
    if (this.#filled < RECORD_PREFIX_SIZE || this.#filled < this.#wanted()) return undefined;
    const bytes = this.#partial.subarray(0, this.#filled);
    this.#partial = new Uint8Array(RECORD_PREFIX_SIZE);
    this.#filled = 0;
    return this.#batch(bytes, [RECORD_PREFIX_SIZE], [bytes.length]);
  }

  #scan(bytes: Uint8Array): { readonly starts: number[]; readonly ends: number[]; readonly end: number } {
    const starts: number[] = [];
    const ends: number[] = [];
    let end = 0;
    while (bytes.length - end >= RECORD_PREFIX_SIZE) {
      const start = end + RECORD_PREFIX_SIZE;
      const next = start + this.#size(bytes, end);
      if (next > bytes.length) break;
      starts.push(start);
      ends.push(next);
      end = next;
    }
    return { starts, ends, end };
  }

  #size(bytes: Uint8Array, offset: number): number {
    const size = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(offset);
    if (size <= this.#recordBytesMax) return size;
    throw new ServiceError(
      'SERVICE_BODY_TOO_LARGE',
      `a record of ${this.#path} claims ${size} bytes, more than the ${this.#recordBytesMax} it may have`,
      { facts: { path: this.#path, record: this.#count, expected: this.#recordBytesMax, actual: size } },
    );
  }

  #batch(bytes: Uint8Array, starts: number[], ends: number[]): RecordBatch {
    const batch = {
      bytes,
      count: starts.length,
      starts: Uint32Array.from(starts),
      ends: Uint32Array.from(ends),
      firstRecord: this.#count,
      fileOffset: this.#offset,
    };
    this.#count += starts.length;
    this.#offset += bytes.length;
    return batch;
  }
}
