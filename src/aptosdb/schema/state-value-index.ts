import { opaqueBytes } from './byte-codec.js';
import { columnFamily } from './column-family.js';

/** Left from an older layout: it must exist, and it is empty. */
export const stateValueIndexRows = columnFamily({
  name: 'state_value_index',
  kinds: ['state_kv_db'],
  key: opaqueBytes,
  value: opaqueBytes,
});
