/** Bytes of the big-endian length before every record (spec: backup-format.md, section 3). */
export const RECORD_PREFIX_SIZE = 4;
const RECORD_SIZE_MAX = 2 ** 32 - 1;

/** A record as it stands in a record file: its length, then its bytes; a buffer of its own. */
export function frameRecord(record: Uint8Array): Uint8Array {
  const framed = new Uint8Array(RECORD_PREFIX_SIZE + record.length);
  writeRecord(framed, 0, record);
  return framed;
}

/** Puts a framed record into `target` at `offset` and returns where the next one goes. */
export function writeRecord(target: Uint8Array, offset: number, record: Uint8Array): number {
  if (record.length > RECORD_SIZE_MAX) throw new RangeError(`a record of ${record.length} bytes`);
  new DataView(target.buffer, target.byteOffset, target.byteLength).setUint32(offset, record.length);
  target.set(record, offset + RECORD_PREFIX_SIZE);
  return offset + RECORD_PREFIX_SIZE + record.length;
}

/**
 * Whether a chunk must be cut before a record: only when it holds something already, so that a chunk
 * above the maximum holds a single record (spec: backup-format.md, section 3).
 * @param chunkBytes bytes of the chunk so far, with all lengths
 */
export function mustCutChunk(chunkBytes: number, recordBytes: number, chunkBytesMax: number): boolean {
  return chunkBytes > 0 && chunkBytes + RECORD_PREFIX_SIZE + recordBytes > chunkBytesMax;
}
