import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { type RecordBatch, readRecordBatches } from '../archive/record-file.js';
import { frameRecord } from '../archive/record-framing.js';
import type { RecordFault } from '../records/record-fault.js';
import { LocalFsStorage } from '../storage/local-fs.js';
import type { RecordSource } from './proving-pool.js';

/** Records with their lengths, in memory of their own. */
export function batchOf(records: readonly Uint8Array[], firstRecord = 0, fileOffset = 0): RecordBatch {
  const bytes = Buffer.concat(records.map(frameRecord));
  const ends: number[] = [];
  for (const record of records) ends.push((ends.at(-1) ?? 0) + 4 + record.length);
  const starts = ends.map((end, index) => end - (records[index]?.length ?? 0));
  const places = { starts: Uint32Array.from(starts), ends: Uint32Array.from(ends) };
  return { bytes, count: records.length, ...places, firstRecord, fileOffset };
}

/** A source with memory of its own. */
export function sourceOf(...batches: readonly RecordBatch[]): RecordSource {
  return async function* () {
    yield* batches;
  };
}

/** Writes a file of these records, bare or gzip, and gives it as a source. */
export async function sourceOfFile(
  file: string,
  records: readonly Uint8Array[],
  gzip = false,
): Promise<RecordSource> {
  const content = Buffer.concat(records.map(frameRecord));
  await writeFile(file, gzip ? gzipSync(content) : content);
  const storage = new LocalFsStorage(path.dirname(file));
  return (buffers, signal) => readRecordBatches(storage, path.basename(file), { buffers, signal });
}

/** A fault in a form that can be compared, with its offset in the whole file. */
export function plainFault({ error, offset, ...fault }: RecordFault, fileOffset: number): unknown {
  const refusal = error && [
    error.constructor.name,
    error.code,
    error.path,
    error.facts['offset'] !== undefined,
  ];
  const message = fault.message.replace(/at byte \d+/g, 'at byte');
  return { ...fault, message, offset: fileOffset + offset, refusal };
}
