import { type NodeKey, ROOT_PATH } from '../schema/node-key.js';
import type { TreeNode } from '../schema/tree-node.js';
import { JellyfishError } from './jellyfish-error.js';

/** Where the nodes of a tree are read from. */
export interface NodeReader {
  /** One answer a key, in order; undefined where there is no such node. */
  getNodes(keys: readonly NodeKey[]): Promise<(TreeNode | undefined)[]>;
}

/** Most nodes that follow each other are of the same version, whose digits take longer than all the rest. */
const newest = { version: -1n, text: '-1' };

function versionText(version: bigint): string {
  if (version !== newest.version) {
    newest.version = version;
    newest.text = String(version);
  }
  return newest.text;
}

/** A node key as one string, for maps: the version, and a character a nibble. */
export function nodeKeyText({ version, path }: NodeKey): string {
  return `${versionText(version)}/${String.fromCharCode(...path)}`;
}

/** The nibbles of a path as hex digits, for people. */
export function pathText(path: NodeKey['path']): string {
  return Array.from(path, (nibble) => nibble.toString(16)).join('');
}

/**
 * The nodes of keys that stored nodes name.
 * @throws JellyfishError JELLYFISH_NODE_MISSING
 */
export async function requireNodes(reader: NodeReader, keys: readonly NodeKey[]): Promise<TreeNode[]> {
  const nodes = await reader.getNodes(keys);
  return keys.map((key, index) => nodes[index] ?? missingNode(key));
}

export function missingNode({ version, path }: NodeKey): never {
  throw new JellyfishError(
    'JELLYFISH_NODE_MISSING',
    `the state tree lacks the node at path '${pathText(path)}' of version ${version}`,
    { facts: { version, path: pathText(path) } },
  );
}

/**
 * The root of the tree that was written at exactly this version.
 * @throws JellyfishError JELLYFISH_ROOT_MISSING
 */
export async function requireRootNode(reader: NodeReader, version: bigint): Promise<TreeNode> {
  const [root] = await reader.getNodes([{ version, path: ROOT_PATH }]);
  if (root) return root;
  throw new JellyfishError('JELLYFISH_ROOT_MISSING', `Root node not found for version ${version}.`, {
    facts: { version },
  });
}

/**
 * Nodes in memory on top of a stored tree: those of versions that are not (yet) written, and a bounded
 * number of stored ones that were read before.
 */
export class NodeOverlay implements NodeReader {
  readonly #below: NodeReader;
  readonly #pending = new Map<string, TreeNode>();
  readonly #cache = new Map<string, TreeNode>();
  readonly #cachedNodesMax: number;

  constructor(below: NodeReader, cachedNodesMax = 100_000) {
    this.#below = below;
    this.#cachedNodesMax = cachedNodesMax;
  }

  async getNodes(keys: readonly NodeKey[]): Promise<(TreeNode | undefined)[]> {
    const texts = keys.map(nodeKeyText);
    const found = texts.map((text) => this.#pending.get(text) ?? this.#cache.get(text));
    const missing = keys.filter((_, index) => found[index] === undefined);
    if (missing.length === 0) return found;
    const read = await this.#below.getNodes(missing);
    let next = 0;
    return found.map((node, index) => {
      if (node) return node;
      const fetched = read[next++];
      if (fetched) this.#remember(texts[index] ?? '', fetched);
      return fetched;
    });
  }

  /** Makes nodes of an unwritten version readable, and drops those that it replaces. */
  replace(added: Iterable<readonly [NodeKey, TreeNode]>, stale: Iterable<NodeKey>): void {
    for (const key of stale) {
      const text = nodeKeyText(key);
      this.#pending.delete(text);
      this.#cache.delete(text);
    }
    for (const [key, node] of added) this.#pending.set(nodeKeyText(key), node);
  }

  /** Forgets unwritten versions; `written` nodes are stored by now and stay at hand. */
  settle(written: Iterable<readonly [NodeKey, TreeNode]>, stale: Iterable<NodeKey>): void {
    this.#pending.clear();
    for (const key of stale) this.#cache.delete(nodeKeyText(key));
    for (const [key, node] of written) this.#remember(nodeKeyText(key), node);
  }

  #remember(text: string, node: TreeNode): void {
    // The oldest goes first: Map keeps the order of insertion.
    if (this.#cache.size >= this.#cachedNodesMax) {
      for (const oldest of this.#cache.keys()) {
        this.#cache.delete(oldest);
        break;
      }
    }
    this.#cache.set(text, node);
  }
}
