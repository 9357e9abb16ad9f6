import type { Infer } from '../../bcs/codec.js';
import { enumeration, struct } from '../../bcs/containers.js';
import { u64 } from '../../bcs/primitives.js';
import { AccountAddress, HashValue } from '../../types/basic.js';
import { bcs } from './byte-codec.js';
import { columnFamily } from './column-family.js';
import { single, u64be } from './key-fields.js';

/** What a database keeps of a block; not the `BlockInfo` that ledger infos hold. */
export const StoredBlockInfo = enumeration('BlockInfo', [
  'V0',
  struct('BlockInfoV0', {
    id: HashValue,
    epoch: u64,
    round: u64,
    proposer: AccountAddress,
    first_version: u64,
    timestamp_usecs: u64,
  }),
]);
export type StoredBlockInfo = Infer<typeof StoredBlockInfo>;

/** By block height. */
export const blockInfoRows = columnFamily({
  name: 'block_info',
  kinds: ['ledger_db/metadata'],
  key: single(u64be),
  value: bcs(StoredBlockInfo),
});
