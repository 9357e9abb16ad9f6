import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import type { KeyValueStore } from '../driver/key-value-store.js';
import type { NodeReader } from '../jellyfish/node-store.js';
import { treeNodeRows } from '../schema/jellyfish-merkle-node.js';
import type { NodeKey } from '../schema/node-key.js';
import { getRows } from '../schema/rows.js';
import type { TreeNode } from '../schema/tree-node.js';

/** The instance that holds a node of the state tree: roots lie apart from the shards. */
export function storeOfNode(database: AptosDatabaseFiles, { path }: NodeKey): KeyValueStore {
  const [shard] = path;
  return shard === undefined ? database.stateMerkleMetadata : database.stateMerkleShard(shard);
}

/** The nodes of the state tree on disk. */
export class DatabaseNodes implements NodeReader {
  readonly #database: AptosDatabaseFiles;

  constructor(database: AptosDatabaseFiles) {
    this.#database = database;
  }

  async getNodes(keys: readonly NodeKey[]): Promise<(TreeNode | undefined)[]> {
    const byStore = new Map<KeyValueStore, number[]>();
    keys.forEach((key, index) => {
      const store = storeOfNode(this.#database, key);
      const indexes = byStore.get(store);
      if (indexes) indexes.push(index);
      else byStore.set(store, [index]);
    });
    const found: (TreeNode | undefined)[] = new Array(keys.length).fill(undefined);
    const read = async ([store, indexes]: readonly [KeyValueStore, number[]]): Promise<void> => {
      const wanted = indexes.flatMap((index) => keys[index] ?? []);
      const nodes = await getRows(store, treeNodeRows, wanted);
      indexes.forEach((index, place) => {
        found[index] = nodes[place];
      });
    };
    await Promise.all([...byStore].map(read));
    return found;
  }
}
