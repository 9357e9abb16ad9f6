import { equalBytes, type HashValue, toHex } from '../hashing/hash-value.js';
import type { FileHandle } from '../storage/backup-storage.js';
import { type JsonExtras, type JsonReader, readJson } from './json-reader.js';
import { jsonList, jsonStruct, jsonText } from './json-writer.js';
import { checkContinuity, type ManifestProblem } from './manifest-check.js';

/** The whole state at one version (spec: backup-format.md, section 4). */
export interface StateSnapshotManifest {
  readonly version: bigint;
  readonly epoch: bigint;
  /** Root of the sparse Merkle tree over all items. */
  readonly rootHash: HashValue;
  readonly chunks: readonly StateSnapshotChunk[];
  /** `state.proof`: the transaction info with its proof, and the ledger info with signatures. */
  readonly proof: FileHandle;
  readonly extras?: JsonExtras;
}

export interface StateSnapshotChunk {
  /** 0-based over the whole snapshot. */
  readonly firstIdx: bigint;
  /** Inclusive. */
  readonly lastIdx: bigint;
  /** Hash of the first item's state key. */
  readonly firstKey: HashValue;
  readonly lastKey: HashValue;
  /** The record file: state key and value of each item. */
  readonly blobs: FileHandle;
  /** The bare range proof of the chunk's last key. */
  readonly proof: FileHandle;
  readonly extras?: JsonExtras;
}

/**
 * Reads `state.manifest`; what it says is not judged beyond its types.
 * @throws JsonError
 */
export function parseStateSnapshotManifest(bytes: Uint8Array): StateSnapshotManifest {
  return readJson(bytes, (reader) => {
    const { fields, extras } = reader.struct({
      version: (field) => field.u64(),
      epoch: (field) => field.u64(),
      root_hash: (field) => field.hash(),
      chunks: (field) => field.list(readChunk),
      proof: (field) => field.text(),
    });
    const { version, epoch, chunks, proof } = fields;
    return { version, epoch, rootHash: fields.root_hash, chunks, proof, ...(extras && { extras }) };
  });
}

function readChunk(reader: JsonReader): StateSnapshotChunk {
  const { fields, extras } = reader.struct({
    first_idx: (field) => field.u64(),
    last_idx: (field) => field.u64(),
    first_key: (field) => field.hash(),
    last_key: (field) => field.hash(),
    blobs: (field) => field.text(),
    proof: (field) => field.text(),
  });
  return {
    firstIdx: fields.first_idx,
    lastIdx: fields.last_idx,
    firstKey: fields.first_key,
    lastKey: fields.last_key,
    blobs: fields.blobs,
    proof: fields.proof,
    ...(extras && { extras }),
  };
}

/** The manifest as the reference writes it, without a line feed at its end. */
export function serializeStateSnapshotManifest(manifest: StateSnapshotManifest): string {
  const chunk = (each: StateSnapshotChunk): string =>
    jsonStruct(
      [
        ['first_idx', `${each.firstIdx}`],
        ['last_idx', `${each.lastIdx}`],
        ['first_key', jsonText(toHex(each.firstKey))],
        ['last_key', jsonText(toHex(each.lastKey))],
        ['blobs', jsonText(each.blobs)],
        ['proof', jsonText(each.proof)],
      ],
      each.extras,
    );
  return jsonStruct(
    [
      ['version', `${manifest.version}`],
      ['epoch', `${manifest.epoch}`],
      ['root_hash', jsonText(toHex(manifest.rootHash))],
      ['chunks', jsonList(manifest.chunks, chunk)],
      ['proof', jsonText(manifest.proof)],
    ],
    manifest.extras,
  );
}

/**
 * Everything that the manifest says against itself: indices that do not run on from 0, keys out of
 * order. The reference checks none of it. A manifest that lost its last chunks cannot be told by this.
 */
export function checkStateSnapshotManifest(manifest: StateSnapshotManifest): ManifestProblem[] {
  const { chunks } = manifest;
  const problems = checkContinuity(
    'item index',
    'idx',
    0n,
    chunks.map((chunk) => ({ first: chunk.firstIdx, last: chunk.lastIdx })),
  );
  for (const [index, chunk] of chunks.entries()) {
    const firstKey = toHex(chunk.firstKey);
    const lastKey = toHex(chunk.lastKey);
    const isOneItem = chunk.firstIdx === chunk.lastIdx;
    if (firstKey > lastKey || equalBytes(chunk.firstKey, chunk.lastKey) !== isOneItem) {
      problems.push({
        rule: 'CHUNK_KEYS',
        message: `chunk of items ${chunk.firstIdx} to ${chunk.lastIdx} has keys ${firstKey} to ${lastKey}`,
        path: `chunks[${index}].last_key`,
        expected: isOneItem ? firstKey : `above ${firstKey}`,
        actual: lastKey,
      });
    }
    const before = chunks[index - 1];
    if (before !== undefined && toHex(before.lastKey) >= firstKey) {
      problems.push({
        rule: 'KEYS_NOT_ASCENDING',
        message: `first key ${firstKey} does not come after the last key of the chunk before`,
        path: `chunks[${index}].first_key`,
        expected: `above ${toHex(before.lastKey)}`,
        actual: firstKey,
      });
    }
  }
  return problems;
}
