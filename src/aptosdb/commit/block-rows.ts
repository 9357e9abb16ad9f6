import { BcsError } from '../../bcs/bcs-error.js';
import { decode } from '../../bcs/codec.js';
import { ContractEvent } from '../../types/contract-event.js';
import { NewBlockEvent } from '../../types/new-block-event.js';
import type { WriteBatch } from '../driver/write-batch.js';
import { blockByVersionRows } from '../schema/block-by-version.js';
import { blockInfoRows } from '../schema/block-info.js';
import { putRow } from '../schema/rows.js';
import { CommitError } from './commit-error.js';

/** How every event of the stream begins: first variant, creation number 3, address 0x1. */
const BLOCK_STREAM = new Uint8Array(41);
BLOCK_STREAM[1] = 3;
BLOCK_STREAM[40] = 1;

/** Whether the event at `bytes[start..]` is of the stream that announces blocks. */
export function announcesBlock(bytes: Uint8Array, start: number): boolean {
  if (bytes[start + 1] !== BLOCK_STREAM[1]) return false;
  for (let index = 0; index < BLOCK_STREAM.length; index++) {
    if (bytes[start + index] !== BLOCK_STREAM[index]) return false;
  }
  return true;
}

/**
 * Adds the rows of the block that an event announces (spec: aptosdb-schema.md, section 5).
 * @throws CommitError COMMIT_BLOCK_EVENT_INVALID
 */
export function putBlockRows(batch: WriteBatch, version: bigint, event: Uint8Array): void {
  const block = blockOf(event, version);
  putRow(batch, blockInfoRows, block.height, {
    variant: 'V0',
    value: {
      id: block.hash,
      epoch: block.epoch,
      round: block.round,
      proposer: block.proposer,
      first_version: version,
      timestamp_usecs: block.time_microseconds,
    },
  });
  putRow(batch, blockByVersionRows, version, block.height);
}

function blockOf(event: Uint8Array, version: bigint) {
  try {
    return decode(NewBlockEvent, decode(ContractEvent, event).value.event_data);
  } catch (cause) {
    if (!(cause instanceof BcsError)) throw cause;
    const message = `the block event of version ${version} holds no block: ${cause.message}`;
    throw new CommitError('COMMIT_BLOCK_EVENT_INVALID', message, { cause, facts: { version } });
  }
}
