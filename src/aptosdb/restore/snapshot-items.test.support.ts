import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { BcsWriter } from '../../bcs/bcs-writer.js';
import { HASH_SIZE, type HashValue, hashFromHex } from '../../hashing/hash-value.js';
import { sparseMerkleHashers } from '../../merkle/sparse-merkle-hashers.js';
import { StateTreeFrontier } from '../../merkle/state-tree-frontier.js';
import { StateRecordHasher } from '../../records/state-records.js';
import { fixturePath } from '../../test-support/fixtures.js';
import { recordsOf } from '../../test-support/record-frames.js';
import type { LedgerHashers } from '../../types/ledger-family.js';
import type { VerifiedStateItems } from './state-snapshot-writer.js';

/** The records of each chunk of a snapshot of the reference's archive, and its root. */
export interface ReferenceSnapshot {
  readonly rootHash: HashValue;
  readonly chunks: readonly (readonly Uint8Array[])[];
}

export function readReferenceSnapshot(folder: string): ReferenceSnapshot {
  const archive = fixturePath('reference-ledger', 'archive');
  const [name = ''] = readdirSync(archive).filter((entry) => entry.startsWith(folder));
  const manifest = JSON.parse(readFileSync(path.join(archive, name, 'state.manifest'), 'utf8')) as {
    readonly root_hash: string;
    readonly chunks: readonly { readonly blobs: string }[];
  };
  const chunks = manifest.chunks.map(({ blobs }) =>
    recordsOf(new Uint8Array(readFileSync(path.join(archive, blobs)))),
  );
  return { rootHash: hashFromHex(manifest.root_hash), chunks };
}

/** Records in any order as items by key hash. */
export function itemsOf(hashers: LedgerHashers, records: readonly Uint8Array[]): VerifiedStateItems {
  const first = pack(hashers, records);
  const keyOf = (index: number): Uint8Array =>
    first.keyHashes.subarray(index * HASH_SIZE, (index + 1) * HASH_SIZE);
  const order = records.map((_, index) => index).sort((a, b) => Buffer.compare(keyOf(a), keyOf(b)));
  return pack(
    hashers,
    order.flatMap((index) => records[index] ?? []),
  );
}

function pack(hashers: LedgerHashers, records: readonly Uint8Array[]): VerifiedStateItems {
  const writer = new BcsWriter();
  const starts: number[] = [];
  const ends: number[] = [];
  for (const record of records) {
    writer.raw(Uint8Array.of(0xee)); // something between the records
    starts.push(writer.length);
    writer.raw(record);
    ends.push(writer.length);
  }
  const bytes = writer.toBytes();
  const count = records.length;
  const spans = { starts: Uint32Array.from(starts), ends: Uint32Array.from(ends) };
  const batch = { bytes, ...spans, count, firstRecord: 0, fileOffset: 0 };
  const hashes = new StateRecordHasher(hashers).hash(batch, ({ message }) => {
    throw new Error(message);
  });
  return {
    bytes,
    starts,
    ends,
    count,
    keyHashes: hashes.keyHashes.slice(),
    valueHashes: hashes.valueHashes.slice(),
  };
}

/** Items `from` to `to` of others; shares their bytes. */
export function itemsWithin(items: VerifiedStateItems, from: number, to: number): VerifiedStateItems {
  return {
    bytes: items.bytes,
    starts: Array.from(items.starts).slice(from, to),
    ends: Array.from(items.ends).slice(from, to),
    count: Math.min(to, items.count) - from,
    keyHashes: items.keyHashes.subarray(from * HASH_SIZE, to * HASH_SIZE),
    valueHashes: items.valueHashes.subarray(from * HASH_SIZE, to * HASH_SIZE),
  };
}

/** What a reader knows after the first `count` items. */
export function frontierOf(
  hashers: LedgerHashers,
  items: VerifiedStateItems,
  count = items.count,
): StateTreeFrontier {
  const frontier = new StateTreeFrontier(sparseMerkleHashers(hashers));
  frontier.addMany(items.keyHashes, items.valueHashes, count);
  return frontier;
}

/** A record with a raw key. */
export function rawRecord(key: Uint8Array, data: Uint8Array): Uint8Array {
  const writer = new BcsWriter();
  writer.u8(2);
  writer.byteVector(key);
  writer.u8(0);
  writer.byteVector(data);
  return writer.toBytes();
}
