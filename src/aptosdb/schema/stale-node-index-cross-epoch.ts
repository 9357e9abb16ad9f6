import { noBytes } from './byte-codec.js';
import { columnFamily } from './column-family.js';
import { staleNodeKeyBytes } from './stale-node-key.js';

/** Stale nodes that belong to the tree at the end of an earlier epoch, and are kept longer for it. */
export const staleNodeIndexCrossEpochRows = columnFamily({
  name: 'stale_node_index_cross_epoch',
  kinds: ['state_merkle_db', 'hot_state_merkle_db'],
  key: staleNodeKeyBytes,
  value: noBytes,
});
