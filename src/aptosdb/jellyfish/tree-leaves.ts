import assert from 'node:assert/strict';
import { childPath, type NodeKey, ROOT_PATH } from '../schema/node-key.js';
import { type InternalNode, type LeafNode, leafCountOf } from '../schema/tree-node.js';
import { missingNode, type NodeReader, requireNodes, requireRootNode } from './node-store.js';

/** Nodes that are read at once. */
const NODES_AT_ONCE = 512;

export interface LeavesOptions {
  /** Leaves that are left out; the walk goes straight to the one behind them. */
  readonly startIndex?: bigint;
  readonly signal?: AbortSignal | undefined;
}

/** A node that is still to be visited. */
interface Ahead {
  readonly key: NodeKey;
  readonly isLeaf: boolean;
  readonly leafCount: number;
}

/**
 * The leaves of the tree of a version in the order of their key hashes, in batches of any size above 0.
 * Memory depends on the depth of the tree, not on its size.
 * @throws JellyfishError JELLYFISH_ROOT_MISSING, JELLYFISH_NODE_MISSING
 */
export async function* treeLeaves(
  nodes: NodeReader,
  version: bigint,
  options: LeavesOptions = {},
): AsyncGenerator<LeafNode[], void, undefined> {
  const { startIndex = 0n, signal } = options;
  // The next node is the last of the list.
  const ahead = await nodesFrom(nodes, version, startIndex);
  while (ahead.length > 0) {
    signal?.throwIfAborted();
    const window = ahead.splice(-NODES_AT_ONCE).reverse();
    if (window.every(({ isLeaf }) => isLeaf)) yield await leavesAt(nodes, window);
    else ahead.push(...(await expanded(nodes, window)).reverse());
  }
}

async function leavesAt(nodes: NodeReader, window: readonly Ahead[]): Promise<LeafNode[]> {
  const read = await requireNodes(
    nodes,
    window.map(({ key }) => key),
  );
  return read.map((node, index) => {
    if (node.kind === 'leaf') return node;
    const { key } = window[index] ?? {};
    assert(key);
    return missingNode(key);
  });
}

/** The same nodes with the internal ones replaced by their children, in order. */
async function expanded(nodes: NodeReader, window: readonly Ahead[]): Promise<Ahead[]> {
  const internal = window.filter(({ isLeaf }) => !isLeaf).map(({ key }) => key);
  const read = await requireNodes(nodes, internal);
  let next = 0;
  return window.flatMap((entry) => {
    if (entry.isLeaf) return [entry];
    const node = read[next++];
    return node?.kind === 'internal' ? childrenOf(entry.key, node) : missingNode(entry.key);
  });
}

/** What is left to visit for a walk that begins with leaf `startIndex`, last first. */
async function nodesFrom(nodes: NodeReader, version: bigint, startIndex: bigint): Promise<Ahead[]> {
  const root = await requireRootNode(nodes, version);
  const leafCount = leafCountOf(root);
  const ahead: Ahead[] = [];
  if (startIndex >= BigInt(leafCount)) return ahead;
  let skip = Number(startIndex);
  let here: Ahead = { key: { version, path: ROOT_PATH }, isLeaf: root.kind === 'leaf', leafCount };
  while (skip > 0) {
    const [node] = await requireNodes(nodes, [here.key]);
    if (node?.kind !== 'internal') return missingNode(here.key);
    const children = childrenOf(here.key, node);
    const index = children.findIndex((child) => {
      if (child.leafCount > skip) return true;
      skip -= child.leafCount;
      return false;
    });
    const next = children[index];
    if (next === undefined) return missingNode(here.key);
    ahead.push(...children.slice(index + 1).reverse());
    here = next;
  }
  ahead.push(here);
  return ahead;
}

function childrenOf(parent: NodeKey, node: InternalNode): Ahead[] {
  return node.children.map(({ version, nibble, isLeaf, leafCount }) => {
    return { key: { version, path: childPath(parent.path, nibble) }, isLeaf, leafCount };
  });
}
