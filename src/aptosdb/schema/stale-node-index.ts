import { noBytes } from './byte-codec.js';
import { columnFamily } from './column-family.js';
import { staleNodeKeyBytes } from './stale-node-key.js';

/** Stale nodes that were written after the end of the epoch before. */
export const staleNodeIndexRows = columnFamily({
  name: 'stale_node_index',
  kinds: ['state_merkle_db', 'hot_state_merkle_db'],
  key: staleNodeKeyBytes,
  value: noBytes,
});
