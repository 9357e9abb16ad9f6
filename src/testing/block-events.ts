import { encode } from '../bcs/codec.js';
import type { BlockMetadata } from '../types/block-transactions.js';
import type { ContractEvent } from '../types/contract-event.js';
import { NewBlockEvent } from '../types/new-block-event.js';
import type { Transaction } from '../types/transaction.js';
import { FRAMEWORK_ADDRESS } from './move-samples.js';

/** The block that a transaction begins, if it begins one. */
function metadataOf(transaction: Transaction): BlockMetadata | undefined {
  if (transaction.variant === 'BlockMetadata') return transaction.value;
  return transaction.variant === 'BlockMetadataExt' ? transaction.value.value : undefined;
}

/** The event of a transaction that begins a block; none for others. */
export function newBlockEvents(transaction: Transaction, height: bigint): ContractEvent[] {
  const metadata = metadataOf(transaction);
  if (!metadata) return [];
  const { id, epoch, round, proposer, previous_block_votes_bitvec, timestamp_usecs } = metadata;
  const data = encode(NewBlockEvent, {
    hash: id,
    epoch,
    round,
    height,
    previous_block_votes_bitvec,
    proposer,
    failed_proposer_indices: metadata.failed_proposer_indices.map(BigInt),
    time_microseconds: timestamp_usecs,
  });
  return [blockEvent(height, data)];
}

/** The event of genesis, which is block 0 and holds nothing but zeros. */
export function genesisBlockEvent(): ContractEvent {
  const zero = new Uint8Array(32);
  const data = encode(NewBlockEvent, {
    hash: zero,
    epoch: 0n,
    round: 0n,
    height: 0n,
    previous_block_votes_bitvec: new Uint8Array(),
    proposer: zero,
    failed_proposer_indices: [],
    time_microseconds: 0n,
  });
  return blockEvent(0n, data);
}

function blockEvent(sequence_number: bigint, event_data: Uint8Array): ContractEvent {
  return {
    variant: 'V1',
    value: {
      key: { creation_number: 3n, account_address: FRAMEWORK_ADDRESS },
      sequence_number,
      type_tag: {
        variant: 'struct',
        value: { address: FRAMEWORK_ADDRESS, module: 'block', name: 'NewBlockEvent', type_args: [] },
      },
      event_data,
    },
  };
}
