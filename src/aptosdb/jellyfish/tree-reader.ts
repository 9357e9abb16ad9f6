import assert from 'node:assert/strict';
import { equalBytes, type HashValue, toHex } from '../../hashing/hash-value.js';
import { keyBit } from '../../merkle/key-bits.js';
import type { SparseMerkleHashers } from '../../merkle/sparse-merkle-hashers.js';
import type { SparseMerkleProof, SparseMerkleRangeProof } from '../../types/proofs.js';
import { childPath, nibbleAt, type NodeKey, ROOT_PATH } from '../schema/node-key.js';
import { type LeafNode, leafCountOf, TREE_FANOUT, type TreeChild } from '../schema/tree-node.js';
import { JellyfishError } from './jellyfish-error.js';
import { type Children, nodeHash, runOf, slotsHash } from './node-hash.js';
import { type NodeReader, requireNodes, requireRootNode } from './node-store.js';

/** What a tree says of a key, with the proof of it. */
export interface LeafAnswer {
  /** Undefined when the tree does not have the key. */
  readonly leaf: LeafNode | undefined;
  readonly proof: SparseMerkleProof;
}

/**
 * Reads trees by the version that wrote them (spec: aptosdb-schema.md, 8.6). Every method throws
 * JellyfishError JELLYFISH_ROOT_MISSING for a version without a tree, and JELLYFISH_NODE_MISSING where
 * the tree is damaged.
 */
export class TreeReader {
  readonly #hashers: SparseMerkleHashers;
  readonly #nodes: NodeReader;

  constructor(hashers: SparseMerkleHashers, nodes: NodeReader) {
    this.#hashers = hashers;
    this.#nodes = nodes;
  }

  async rootHash(version: bigint): Promise<HashValue> {
    return nodeHash(this.#hashers, await requireRootNode(this.#nodes, version));
  }

  async leafCount(version: bigint): Promise<number> {
    return leafCountOf(await requireRootNode(this.#nodes, version));
  }

  /** The leaf of a key hash, or that there is none. */
  async get(version: bigint, keyHash: HashValue): Promise<LeafAnswer> {
    const siblings: HashValue[] = [];
    let node = await requireRootNode(this.#nodes, version);
    let key: NodeKey = { version, path: ROOT_PATH };
    while (node.kind === 'internal') {
      const child = this.#descend(node.children, nibbleAt(keyHash, key.path.length), siblings);
      if (child === undefined) return { leaf: undefined, proof: { leaf: undefined, siblings } };
      key = { version: child.version, path: childPath(key.path, child.nibble) };
      const [below] = await requireNodes(this.#nodes, [key]);
      assert(below);
      node = below;
    }
    if (node.kind === 'null') return { leaf: undefined, proof: { leaf: undefined, siblings } };
    const leaf = equalBytes(node.keyHash, keyHash) ? node : undefined;
    return { leaf, proof: { leaf: { key: node.keyHash, value_hash: node.valueHash }, siblings } };
  }

  /**
   * Proves that all keys up to this one are the complete left part of the tree.
   * @throws JellyfishError JELLYFISH_KEY_MISSING
   */
  async rangeProof(version: bigint, lastKey: HashValue): Promise<SparseMerkleRangeProof> {
    const { leaf, proof } = await this.get(version, lastKey);
    if (leaf === undefined) {
      throw new JellyfishError('JELLYFISH_KEY_MISSING', `rightmost_key_to_prove must exist.`, {
        facts: { version, key: toHex(lastKey) },
      });
    }
    const onTheRight = proof.siblings.filter((_, depth) => keyBit(lastKey, 0, depth) === 0);
    return { right_siblings: onTheRight.reverse() };
  }

  /**
   * Halves the slots towards `nibble`, adding each other half's hash, and gives the child to go on with:
   * a lone leaf early, undefined where nothing is.
   */
  #descend(children: Children, nibble: number, siblings: HashValue[]): TreeChild | undefined {
    let start = 0;
    for (let width = TREE_FANOUT; ; ) {
      const run = runOf(children, start, width);
      if (run === 'empty') return undefined;
      if (run !== 'subtree') return run;
      width >>= 1;
      const isRight = nibble >= start + width;
      siblings.push(slotsHash(this.#hashers, children, isRight ? start : start + width, width));
      if (isRight) start += width;
    }
  }
}
