import { equalBytes } from '../../hashing/hash-value.js';
import type { SparseMerkleHashers } from '../../merkle/sparse-merkle-hashers.js';
import type { KeyValueStore } from '../driver/key-value-store.js';
import { nodeHash } from '../jellyfish/node-hash.js';
import { treeNodeRows } from '../schema/jellyfish-merkle-node.js';
import { childPath, type NodeKey, nibbleAt } from '../schema/node-key.js';
import { getRows } from '../schema/rows.js';
import {
  type InternalNode,
  type LeafNode,
  leafCountOf,
  type TreeChild,
  type TreeNode,
} from '../schema/tree-node.js';
import type { Problems } from './condition.js';

/** Nodes that are read at once. */
const NODES_AT_ONCE = 256;

/** A node that its parent names. */
export interface NamedNode {
  readonly key: NodeKey;
  readonly child: TreeChild;
}

/** What is still to come: a node to be read, or a leaf that was. */
type Ahead = NamedNode | LeafNode;

export function namedChildren(parent: NodeKey, node: InternalNode): NamedNode[] {
  return node.children.map((child) => {
    return { key: { version: child.version, path: childPath(parent.path, child.nibble) }, child };
  });
}

export interface LeavesContext {
  readonly store: KeyValueStore;
  readonly hashers: SparseMerkleHashers;
  readonly problems: Problems;
  readonly signal: AbortSignal | undefined;
}

/**
 * The leaves below a node by rising key hash. Every node on the way is held against what its parent says
 * of it; what does not fit is told, and left out where it cannot be followed. Memory depends on the depth.
 */
export async function* checkedLeaves(
  context: LeavesContext,
  top: NamedNode,
): AsyncGenerator<LeafNode, void, undefined> {
  // The next one is the last of the list.
  const ahead: Ahead[] = [top];
  for (;;) {
    context.signal?.throwIfAborted();
    for (let next = ahead.at(-1); next !== undefined && 'kind' in next; next = ahead.at(-1)) {
      ahead.pop();
      yield next;
    }
    if (ahead.length === 0) return;
    const window = ahead.splice(-NODES_AT_ONCE).reverse();
    ahead.push(...(await followed(context, window)).reverse());
  }
}

/** The same list with every named node replaced by its children, or by itself when it is a leaf. */
async function followed(context: LeavesContext, window: readonly Ahead[]): Promise<Ahead[]> {
  const named = window.filter((entry): entry is NamedNode => !('kind' in entry));
  const nodes = await getRows(
    context.store,
    treeNodeRows,
    named.map(({ key }) => key),
  );
  let next = 0;
  return window.flatMap((entry): Ahead[] => {
    if ('kind' in entry) return [entry];
    const node = nodes[next++];
    const fault = faultOf(context.hashers, entry, node);
    if (fault) context.problems.add(`node ${describe(entry.key)} ${fault}`);
    if (node === undefined || node.kind === 'null') return [];
    return node.kind === 'leaf' ? [node] : namedChildren(entry.key, node);
  });
}

function describe({ version, path }: NodeKey): string {
  return `${Array.from(path, (nibble) => nibble.toString(16)).join('')}@${version}`;
}

function faultOf(
  hashers: SparseMerkleHashers,
  { key, child }: NamedNode,
  node: TreeNode | undefined,
): string | undefined {
  if (node === undefined) return 'is missing';
  if ((node.kind === 'leaf') !== child.isLeaf) return `is of kind ${node.kind}`;
  if (!equalBytes(nodeHash(hashers, node), child.hash)) return 'has another hash than its parent says';
  if (leafCountOf(node) !== child.leafCount) return 'has another number of leaves than its parent says';
  if (node.kind !== 'leaf') return undefined;
  const strays = key.path.some((nibble, index) => nibbleAt(node.keyHash, index) !== nibble);
  return strays ? 'holds a leaf of another path' : undefined;
}
