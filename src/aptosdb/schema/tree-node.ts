import { BcsError } from '../../bcs/bcs-error.js';
import { BcsReader } from '../../bcs/bcs-reader.js';
import { BcsWriter } from '../../bcs/bcs-writer.js';
import { HASH_SIZE } from '../../hashing/hash-value.js';
import { HashValue } from '../../types/basic.js';
import { StateKey } from '../../types/state-key.js';
import { type ByteCodec, refuseBytes } from './byte-codec.js';
import { readNodeVarint, writeNodeVarint } from './node-varint.js';

/** Children of an internal node, one a nibble. */
export const TREE_FANOUT = 16;

export interface TreeChild {
  readonly nibble: number;
  /** The version in the child's node key. */
  readonly version: bigint;
  readonly hash: HashValue;
  readonly isLeaf: boolean;
  /** Leaves below it: 1 for a leaf. */
  readonly leafCount: number;
}

export interface InternalNode {
  readonly kind: 'internal';
  /** At least one, by rising nibble. */
  readonly children: readonly TreeChild[];
}

export interface LeafNode {
  readonly kind: 'leaf';
  readonly keyHash: HashValue;
  readonly valueHash: HashValue;
  /** BCS of a `StateKey`. */
  readonly stateKey: Uint8Array;
  /** The version of the tree that wrote the leaf: the item's value is its newest one at or before it. */
  readonly valueVersion: bigint;
}

/** The root of an empty tree. */
export interface NullNode {
  readonly kind: 'null';
}

export type TreeNode = InternalNode | LeafNode | NullNode;

const LEAF_TAG = 1;
const INTERNAL_TAG = 2;
const NULL_TAG = 3;

export function leafCountOf(node: TreeNode): number {
  switch (node.kind) {
    case 'null':
      return 0;
    case 'leaf':
      return 1;
    case 'internal':
      return node.children.reduce((sum, child) => sum + child.leafCount, 0);
  }
}

function writeInternal(writer: BcsWriter, { children }: InternalNode): void {
  let existing = 0;
  let leaves = 0;
  let previous = -1;
  for (const { nibble, isLeaf } of children) {
    if (nibble <= previous || nibble >= TREE_FANOUT) throw new RangeError('nibbles of children must rise');
    previous = nibble;
    existing |= 1 << nibble;
    if (isLeaf) leaves |= 1 << nibble;
  }
  if (existing === 0) throw new RangeError('an internal node has children');
  writer.u8(INTERNAL_TAG);
  writer.u16(existing);
  writer.u16(leaves);
  for (const { version, hash, isLeaf, leafCount } of children) {
    writeNodeVarint(writer, version);
    HashValue.write(writer, hash);
    if (!isLeaf) writeNodeVarint(writer, BigInt(leafCount));
  }
}

function readInternal(reader: BcsReader): InternalNode {
  const start = reader.offset;
  const existing = reader.u16();
  const leaves = reader.u16();
  if (existing === 0) reader.fail('BCS_INVALID_VALUE', 'internal node without children', start);
  if (leaves & ~existing) reader.fail('BCS_INVALID_VALUE', 'leaf that is no child', start);
  const children: TreeChild[] = [];
  for (let nibble = 0; nibble < TREE_FANOUT; nibble++) {
    if (!(existing & (1 << nibble))) continue;
    const version = readNodeVarint(reader);
    const hash = reader.fixed(HASH_SIZE);
    const isLeaf = (leaves & (1 << nibble)) !== 0;
    children.push({ nibble, version, hash, isLeaf, leafCount: isLeaf ? 1 : readLeafCount(reader) });
  }
  return { kind: 'internal', children };
}

function readLeafCount(reader: BcsReader): number {
  const start = reader.offset;
  const count = Number(readNodeVarint(reader));
  if (!Number.isSafeInteger(count) || count === 0) {
    reader.fail('BCS_INVALID_VALUE', `child with ${count} leaves`, start);
  }
  return count;
}

function readLeaf(reader: BcsReader): LeafNode {
  const keyHash = reader.fixed(HASH_SIZE);
  const valueHash = reader.fixed(HASH_SIZE);
  const start = reader.offset;
  StateKey.skip(reader);
  const stateKey = reader.bytes.subarray(start, reader.offset);
  return { kind: 'leaf', keyHash, valueHash, stateKey, valueVersion: reader.u64() };
}

function writeLeaf(writer: BcsWriter, leaf: LeafNode): void {
  writer.u8(LEAF_TAG);
  HashValue.write(writer, leaf.keyHash);
  HashValue.write(writer, leaf.valueHash);
  writer.raw(leaf.stateKey);
  writer.u64(leaf.valueVersion);
}

function readNode(reader: BcsReader): TreeNode {
  const tag = reader.u8();
  switch (tag) {
    case LEAF_TAG:
      return readLeaf(reader);
    case INTERNAL_TAG:
      return readInternal(reader);
    case NULL_TAG:
      return { kind: 'null' };
    default:
      return reader.fail('BCS_UNKNOWN_VARIANT', `unknown kind of node ${tag}`, reader.offset - 1);
  }
}

/** Used again for each node: trees are written millions of nodes at a time. */
const scratch = new BcsWriter({ initialSize: 1024 });

/** A node as it is stored (spec: aptosdb-schema.md, 8.2). Hashes and keys of a decoded node are views. */
export const treeNodeBytes: ByteCodec<TreeNode> = {
  encode(node) {
    scratch.truncate(0);
    if (node.kind === 'leaf') writeLeaf(scratch, node);
    else if (node.kind === 'internal') writeInternal(scratch, node);
    else scratch.u8(NULL_TAG);
    return scratch.toBytes();
  },
  decode(bytes) {
    const reader = new BcsReader(bytes);
    try {
      const node = readNode(reader);
      reader.finish();
      return node;
    } catch (error) {
      if (!(error instanceof BcsError)) throw error;
      return refuseBytes(`no tree node: ${error.message}`, bytes, error);
    }
  },
};
