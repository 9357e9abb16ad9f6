import { type ByteCodec, refuseBytes } from './byte-codec.js';
import { type NodeKey, nodeKeyBytes } from './node-key.js';

/** A node that no tree from a version on refers to. */
export interface StaleNodeKey {
  readonly staleSinceVersion: bigint;
  readonly nodeKey: NodeKey;
}

const VERSION_BYTES = 8;

export const staleNodeKeyBytes: ByteCodec<StaleNodeKey> = {
  encode({ staleSinceVersion, nodeKey }) {
    const node = nodeKeyBytes.encode(nodeKey);
    const bytes = new Uint8Array(VERSION_BYTES + node.length);
    new DataView(bytes.buffer).setBigUint64(0, staleSinceVersion);
    bytes.set(node, VERSION_BYTES);
    return bytes;
  },
  decode(bytes) {
    if (bytes.length < VERSION_BYTES) return refuseBytes('too short for a stale node key', bytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return {
      staleSinceVersion: view.getBigUint64(0),
      nodeKey: nodeKeyBytes.decode(bytes.subarray(VERSION_BYTES)),
    };
  },
};
