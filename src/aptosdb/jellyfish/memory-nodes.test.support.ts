import { type NodeKey, childPath, ROOT_PATH } from '../schema/node-key.js';
import type { TreeNode } from '../schema/tree-node.js';
import { nodeKeyText, type NodeReader } from './node-store.js';
import { staleNodes, type TreeUpdate, writtenNodes } from './update-tree.test.support.js';

/** Every node ever written, and the texts of those that are stale. */
export class MemoryNodes implements NodeReader {
  readonly stored = new Map<string, TreeNode>();
  readonly stale = new Set<string>();

  getNodes(keys: readonly NodeKey[]): Promise<(TreeNode | undefined)[]> {
    return Promise.resolve(keys.map((key) => this.stored.get(nodeKeyText(key))));
  }

  apply(update: TreeUpdate): void {
    for (const [key, node] of writtenNodes(update)) this.stored.set(nodeKeyText(key), node);
    for (const key of staleNodes(update)) this.stale.add(nodeKeyText(key));
  }

  /** What no stale index names, sorted. */
  fresh(): string[] {
    return [...this.stored.keys()].filter((text) => !this.stale.has(text)).sort();
  }

  /** What the tree of a version consists of, sorted. */
  reachable(version: bigint): string[] {
    const found: string[] = [];
    const visit = (key: NodeKey): void => {
      const node = this.stored.get(nodeKeyText(key));
      found.push(nodeKeyText(key));
      if (node?.kind !== 'internal') return;
      for (const child of node.children) {
        visit({ version: child.version, path: childPath(key.path, child.nibble) });
      }
    };
    visit({ version, path: ROOT_PATH });
    return found.sort();
  }
}
