import type { RecordBatch } from '../archive/record-file.js';
import { mustCutChunk, RECORD_PREFIX_SIZE } from '../archive/record-framing.js';

/** Records of a batch that go into one chunk. */
export interface ChunkPart {
  /** Positions in the batch, `to` exclusive. */
  readonly from: number;
  readonly to: number;
  /** The records with their lengths; a view of the batch. */
  readonly bytes: Uint8Array;
  /** Whether a new chunk begins with them. */
  readonly startsChunk: boolean;
}

/** Cuts a stream of records into chunks (spec: backup-format.md, section 3). */
export class ChunkCutter {
  readonly #chunkBytesMax: number;
  #chunkBytes = 0;

  constructor(chunkBytesMax: number) {
    this.#chunkBytesMax = chunkBytesMax;
  }

  *cut({ bytes, starts, ends, count }: RecordBatch): Generator<ChunkPart> {
    let from = 0;
    let startsChunk = this.#chunkBytes === 0;
    const part = (to: number): ChunkPart => {
      const begin = (starts[from] ?? 0) - RECORD_PREFIX_SIZE;
      return { from, to, bytes: bytes.subarray(begin, ends[to - 1]), startsChunk };
    };
    for (let index = 0; index < count; index++) {
      const recordBytes = (ends[index] ?? 0) - (starts[index] ?? 0);
      if (mustCutChunk(this.#chunkBytes, recordBytes, this.#chunkBytesMax)) {
        if (index > from) yield part(index);
        from = index;
        startsChunk = true;
        this.#chunkBytes = 0;
      }
      this.#chunkBytes += RECORD_PREFIX_SIZE + recordBytes;
    }
    if (count > from) yield part(count);
  }
}
