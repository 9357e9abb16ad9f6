import type { ByteCodec } from './byte-codec.js';
import { refuseBytes, requireByteLength } from './byte-codec.js';

/** Nibbles of a key hash: no path is longer. */
export const NIBBLES_MAX = 64;

/** The way from the root to a node: one nibble (0 to 15) an array element. */
export type NibblePath = Uint8Array;

export const ROOT_PATH: NibblePath = new Uint8Array(0);

/** A node of the state tree: the version that wrote it, and where it stands. */
export interface NodeKey {
  readonly version: bigint;
  readonly path: NibblePath;
}

/** Nibble `index` of a hash, the high half of each byte first. */
export function nibbleAt(hash: Uint8Array, index: number): number {
  const byte = hash[index >> 1] ?? 0;
  return index & 1 ? byte & 0x0f : byte >> 4;
}

/** The first `count` nibbles of a hash, as a path. */
export function nibblesOf(hash: Uint8Array, count: number): NibblePath {
  const path = new Uint8Array(count);
  for (let index = 0; index < count; index++) path[index] = nibbleAt(hash, index);
  return path;
}

export function childPath(path: NibblePath, nibble: number): NibblePath {
  const child = new Uint8Array(path.length + 1);
  child.set(path);
  child[path.length] = nibble;
  return child;
}

/** The shard that holds a state item or a node below the root: the first nibble. */
export function shardOfKeyHash(keyHash: Uint8Array): number {
  return nibbleAt(keyHash, 0);
}

const VERSION_BYTES = 8;
const HEAD_BYTES = VERSION_BYTES + 1;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Version, number of nibbles, nibbles in pairs with the last low half zero
 * (spec: aptosdb-schema.md, 8.1): keys sort by version, then by depth.
 */
export const nodeKeyBytes: ByteCodec<NodeKey> = {
  encode({ version, path }) {
    if (path.length > NIBBLES_MAX) throw new RangeError(`a path of ${path.length} nibbles`);
    const bytes = new Uint8Array(HEAD_BYTES + ((path.length + 1) >> 1));
    viewOf(bytes).setBigUint64(0, version);
    bytes[VERSION_BYTES] = path.length;
    for (let index = 0; index < path.length; index++) {
      const nibble = path[index] ?? 0;
      const at = HEAD_BYTES + (index >> 1);
      bytes[at] = (bytes[at] ?? 0) | (index & 1 ? nibble : nibble << 4);
    }
    return bytes;
  },
  decode(bytes) {
    const count = bytes[VERSION_BYTES];
    if (count === undefined) return refuseBytes('too short for a node key', bytes);
    if (count > NIBBLES_MAX) refuseBytes(`a path of ${count} nibbles`, bytes);
    requireByteLength(bytes, HEAD_BYTES + ((count + 1) >> 1));
    const packed = bytes.subarray(HEAD_BYTES);
    if (count & 1 && nibbleAt(packed, count) !== 0) refuseBytes('padding of an odd path is not zero', bytes);
    const path = new Uint8Array(count);
    for (let index = 0; index < count; index++) path[index] = nibbleAt(packed, index);
    return { version: viewOf(bytes).getBigUint64(0), path };
  },
};
