import { columnFamily } from './column-family.js';
import { nodeKeyBytes } from './node-key.js';
import { treeNodeBytes } from './tree-node.js';

/** Nodes of the state tree by version and path: roots in the metadata instance, others in their shards. */
export const treeNodeRows = columnFamily({
  name: 'jellyfish_merkle_node',
  kinds: ['state_merkle_db', 'hot_state_merkle_db'],
  key: nodeKeyBytes,
  value: treeNodeBytes,
});
