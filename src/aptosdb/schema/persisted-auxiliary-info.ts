import { PersistedAuxiliaryInfo } from '../../types/auxiliary-info.js';
import { bcs } from './byte-codec.js';
import { columnFamily } from './column-family.js';
import { single, u64be } from './key-fields.js';

/** By version; rows may begin later than those of transactions, and what comes before counts as none. */
export const persistedAuxiliaryInfoRows = columnFamily({
  name: 'persisted_auxiliary_info',
  kinds: ['ledger_db/persisted_auxiliary_info_db'],
  key: single(u64be),
  value: bcs(PersistedAuxiliaryInfo),
});
