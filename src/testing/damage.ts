import assert from 'node:assert';
import { readFile, truncate, unlink, writeFile } from 'node:fs/promises';
import { RECORD_PREFIX_SIZE } from '../archive/record-framing.js';

// Ways to spoil a copy of an archive, each of which a verifier must notice. Files are changed as they
// are on disk: record files must not be compressed where their records are meant.

/** What was altered, for messages of tests. */
export interface Alteration {
  readonly kind:
    | 'flip-bit'
    | 'truncate'
    | 'swap-files'
    | 'drop-record'
    | 'duplicate-record'
    | 'exchange-proofs'
    | 'delete-file';
  /** Paths of the files that are not what they were. */
  readonly files: readonly string[];
  readonly detail: string;
}

/**
 * Inverts one bit of a file.
 * @param bit counted from the most significant bit of the first byte
 */
export async function flipBit(file: string, bit: number): Promise<Alteration> {
  const bytes = await readFile(file);
  const index = Math.floor(bit / 8);
  const before = bytes[index];
  assert(before !== undefined, `${file} has no bit ${bit}`);
  bytes[index] = before ^ (0x80 >> (bit % 8));
  await writeFile(file, bytes);
  return { kind: 'flip-bit', files: [file], detail: `bit ${bit % 8} of byte ${index}` };
}

/**
 * Cuts a file off.
 * @param length what is left, in bytes
 */
export async function truncateFile(file: string, length: number): Promise<Alteration> {
  await truncate(file, length);
  return { kind: 'truncate', files: [file], detail: `cut after ${length} bytes` };
}

/** Gives each of two files the content of the other; their contents must differ. */
export async function swapFiles(left: string, right: string): Promise<Alteration> {
  await exchange(left, right);
  return { kind: 'swap-files', files: [left, right], detail: 'each has the other\u2019s content' };
}

/** Swaps two proof files. */
export async function exchangeProofs(left: string, right: string): Promise<Alteration> {
  assert(left.endsWith('.proof') && right.endsWith('.proof'), 'proofs are exchanged for proofs');
  await exchange(left, right);
  return { kind: 'exchange-proofs', files: [left, right], detail: 'each has the other\u2019s proof' };
}

/** Takes record `index` out of a record file. */
export async function dropRecord(file: string, index: number): Promise<Alteration> {
  const records = await readFramedRecords(file);
  assert(index < records.length, `${file} has ${records.length} records`);
  await writeFile(file, Buffer.concat(records.toSpliced(index, 1)));
  return { kind: 'drop-record', files: [file], detail: `record ${index} of ${records.length}` };
}

/** Puts record `index` into a record file twice. */
export async function duplicateRecord(file: string, index: number): Promise<Alteration> {
  const records = await readFramedRecords(file);
  const record = records[index];
  assert(record, `${file} has ${records.length} records`);
  await writeFile(file, Buffer.concat(records.toSpliced(index, 0, record)));
  return { kind: 'duplicate-record', files: [file], detail: `record ${index} of ${records.length}` };
}

/** Removes a file. */
export async function deleteFile(file: string): Promise<Alteration> {
  await unlink(file);
  return { kind: 'delete-file', files: [file], detail: 'gone' };
}

/** How many records a record file has. */
export async function countRecords(file: string): Promise<number> {
  return (await readFramedRecords(file)).length;
}

async function exchange(left: string, right: string): Promise<void> {
  const [leftBytes, rightBytes] = [await readFile(left), await readFile(right)];
  assert(!leftBytes.equals(rightBytes), `${left} and ${right} are equal: exchanging them alters nothing`);
  await writeFile(left, rightBytes);
  await writeFile(right, leftBytes);
}

/** The records with their lengths. */
async function readFramedRecords(file: string): Promise<Buffer[]> {
  const bytes = await readFile(file);
  const records: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = start + RECORD_PREFIX_SIZE + bytes.readUInt32BE(start);
    assert(end <= bytes.length, `${file} is no record file`);
    records.push(bytes.subarray(start, end));
    start = end;
  }
  return records;
}
