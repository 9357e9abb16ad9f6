import { BcsWriter } from '../../bcs/bcs-writer.js';
import { HASH_SIZE } from '../../hashing/hash-value.js';
import type { DeferredNodes } from '../../merkle/deferred-nodes.js';
import { writeNodeVarint } from '../schema/node-varint.js';
import { TREE_FANOUT } from '../schema/tree-node.js';
import { copyBytes, type PackedRows } from './snapshot-rows.js';
import type { OpenLevels } from './tree-builder-levels.js';

/** Leaves in key order, and where the BCS of each one's state key lies: `base[starts[i]..ends[i]]`. */
export interface TreeLeaves {
  /** Packed, 32 bytes each, as are the value hashes. */
  readonly keyHashes: Uint8Array;
  readonly valueHashes: Uint8Array;
  readonly count: number;
  readonly stateKeys: {
    readonly base: Uint8Array;
    readonly starts: ArrayLike<number>;
    readonly ends: ArrayLike<number>;
  };
}

const LEAF_TAG = 1;
const INTERNAL_TAG = 2;
/** Version and number of nibbles; the nibbles follow. */
const KEY_HEAD_BYTES = 9;
/** Tag and the two bitmaps. */
const INTERNAL_HEAD_BYTES = 5;
const U64_BYTES = 8;
const VARINT_BYTES_MAX = 9;

/**
 * Rows of tree nodes of one version, written as bytes (spec: aptosdb-schema.md, 8.1 and 8.2). Hashes of
 * children may be computed later than the row is added: `fillHashes` puts them in.
 */
export class TreeNodeRows {
  readonly #versionKey = new Uint8Array(U64_BYTES);
  readonly #versionValue = new Uint8Array(U64_BYTES);
  readonly #versionVarint: Uint8Array;
  // Where hashes are missing in the rows, and the numbers of those.
  #holes = 0;
  #holeOffsets = new Int32Array(1 << 13);
  #holeNumbers = new Int32Array(1 << 13);

  constructor(version: bigint) {
    new DataView(this.#versionKey.buffer).setBigUint64(0, version);
    new DataView(this.#versionValue.buffer).setBigUint64(0, version, true);
    const varint = new BcsWriter({ initialSize: VARINT_BYTES_MAX });
    writeNodeVarint(varint, version);
    this.#versionVarint = varint.toBytes();
  }

  /** The row of leaf `index` on a path of `depth` nibbles. */
  leaf(out: PackedRows, leaves: TreeLeaves, index: number, depth: number): void {
    const { keyHashes, valueHashes, stateKeys } = leaves;
    const start = index * HASH_SIZE;
    const keyStart = stateKeys.starts[index] ?? 0;
    const keyEnd = stateKeys.ends[index] ?? 0;
    const stateKeyBytes = keyEnd - keyStart;
    let at = this.#addKey(out, keyHashes, start, depth, 1 + 2 * HASH_SIZE + stateKeyBytes + U64_BYTES);
    const { bytes } = out;
    bytes[at++] = LEAF_TAG;
    copyBytes(keyHashes, start, start + HASH_SIZE, bytes, at);
    copyBytes(valueHashes, start, start + HASH_SIZE, bytes, at + HASH_SIZE);
    at += 2 * HASH_SIZE;
    copyBytes(stateKeys.base, keyStart, keyEnd, bytes, at);
    copyBytes(this.#versionValue, 0, U64_BYTES, bytes, at + stateKeyBytes);
  }

  /** The row of the internal node that `levels` has at a depth, on the path of the key at `keys[start]`. */
  internal(out: PackedRows, keys: Uint8Array, start: number, depth: number, levels: OpenLevels): void {
    const existing = levels.existing[depth] ?? 0;
    const leafBits = levels.leafBits[depth] ?? 0;
    const firstSlot = depth * TREE_FANOUT;
    const varint = this.#versionVarint;
    let size = INTERNAL_HEAD_BYTES;
    for (let nibble = 0; nibble < TREE_FANOUT; nibble++) {
      const bit = 1 << nibble;
      if (existing & bit) size += varint.length + HASH_SIZE;
      if (existing & ~leafBits & bit) size += countBytes(levels.leafCounts[firstSlot + nibble] ?? 0);
    }
    let at = this.#addKey(out, keys, start, depth, size);
    const { bytes } = out;
    bytes[at] = INTERNAL_TAG;
    bytes[at + 1] = existing;
    bytes[at + 2] = existing >> 8;
    bytes[at + 3] = leafBits;
    bytes[at + 4] = leafBits >> 8;
    at += INTERNAL_HEAD_BYTES;
    for (let nibble = 0; nibble < TREE_FANOUT; nibble++) {
      const bit = 1 << nibble;
      if ((existing & bit) === 0) continue;
      copyBytes(varint, 0, varint.length, bytes, at);
      at += varint.length;
      this.#addHole(at, levels.numbers[firstSlot + nibble] ?? 0);
      at += HASH_SIZE;
      if ((leafBits & bit) === 0) at = writeCount(levels.leafCounts[firstSlot + nibble] ?? 0, bytes, at);
    }
  }

  /** Puts the hashes in, which must be computed by now; before `out` is cleared. */
  fillHashes(out: PackedRows, nodes: DeferredNodes): void {
    for (let hole = 0; hole < this.#holes; hole++) {
      out.bytes.set(nodes.hashOf(this.#holeNumbers[hole] ?? 0), this.#holeOffsets[hole] ?? 0);
    }
    this.#holes = 0;
  }

  /** Adds a row with its key and returns where its value begins. */
  #addKey(out: PackedRows, keys: Uint8Array, start: number, depth: number, valueBytes: number): number {
    const pathBytes = (depth + 1) >> 1;
    const shard = (keys[start] ?? 0) >> 4;
    const at = out.add(shard, KEY_HEAD_BYTES + pathBytes, valueBytes);
    const { bytes } = out;
    copyBytes(this.#versionKey, 0, U64_BYTES, bytes, at);
    bytes[at + U64_BYTES] = depth;
    const pathStart = at + KEY_HEAD_BYTES;
    const end = pathStart + pathBytes;
    copyBytes(keys, start, start + pathBytes, bytes, pathStart);
    if (depth & 1) bytes[end - 1] = (bytes[end - 1] ?? 0) & 0xf0;
    return end;
  }

  #addHole(offset: number, number: number): void {
    if (this.#holes === this.#holeOffsets.length) {
      const offsets = new Int32Array(2 * this.#holes);
      offsets.set(this.#holeOffsets);
      this.#holeOffsets = offsets;
      const numbers = new Int32Array(2 * this.#holes);
      numbers.set(this.#holeNumbers);
      this.#holeNumbers = numbers;
    }
    this.#holeOffsets[this.#holes] = offset;
    this.#holeNumbers[this.#holes++] = number;
  }
}

/** Bytes of a node's varint for a count, which has less than 56 bits. */
function countBytes(count: number): number {
  let size = 1;
  for (let rest = count; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

/** Writes it and returns where it ends. */
function writeCount(count: number, bytes: Uint8Array, start: number): number {
  let at = start;
  let rest = count;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes[at++] = (rest % 0x80) | 0x80;
  bytes[at++] = rest;
  return at;
}
