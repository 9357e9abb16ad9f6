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
