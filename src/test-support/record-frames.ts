/** A record in a chunk file: where its BCS lies. */
export interface RecordFrame {
  readonly start: number;
  readonly end: number;
}

/** The records of a whole chunk file: each is its length as a big-endian u32, then its BCS. */
export function recordFrames(chunk: Uint8Array): RecordFrame[] {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const frames: RecordFrame[] = [];
  for (let offset = 0; offset < chunk.length; ) {
    const start = offset + 4;
    const end = start + view.getUint32(offset);
    if (end > chunk.length) throw new RangeError(`record at byte ${offset} ends behind the chunk`);
    frames.push({ start, end });
    offset = end;
  }
  return frames;
}

/** The BCS of each record, as views of the chunk. */
export function recordsOf(chunk: Uint8Array): Uint8Array[] {
  return recordFrames(chunk).map(({ start, end }) => chunk.subarray(start, end));
}
