// Where things lie in the work memory of `transactions`: records in rows, their events, digests.
import { HASH } from './layout';

/** Records, and events of all of them, that are hashed at once: their digests stay in cache. */
export const ROWS: u32 = 512;
export const EVENTS: u32 = 2048;

// What the caller writes to the beginning of the work memory, once: see src/hashing/kernel-transactions.ts.
export const SEED_TRANSACTION: usize = 0;
export const SEED_WRITE_SET: usize = 32;
export const SEED_AUXILIARY: usize = 64;
export const SEED_INFO: usize = 96;
export const SEED_EVENT: usize = 128;
export const SEED_EVENT_NODE: usize = 160;
export const PLACEHOLDER: usize = 192;
export const ENTRY_TRANSACTION: usize = 224;
export const ENTRY_AUXILIARY: usize = 228;
export const ENTRY_STATUS: usize = 232;
export const ENTRY_EVENT: usize = 236;
export const ENTRY_WRITE_SET: usize = 240;
export const ENTRY_ENCRYPTED_PAYLOAD: usize = 244;
export const ENTRY_ENCRYPTED_INNER: usize = 248;
export const PROGRAM: usize = 256;
export const PROGRAM_BYTES: usize = 32 * 1024;

/** What is open in the value that is stepped over: a few words a level, and types allow some 30 levels. */
export const SKIP_STACK: usize = PROGRAM + PROGRAM_BYTES;
export const SKIP_STACK_BYTES: usize = 4096;

// One u32 a row each.
export const ROW_WORDS: usize = 4 * <usize>ROWS;
export const TRANSACTION_START: usize = SKIP_STACK + SKIP_STACK_BYTES;
export const TRANSACTION_END: usize = TRANSACTION_START + ROW_WORDS;
export const AUXILIARY_START: usize = TRANSACTION_END + ROW_WORDS;
export const AUXILIARY_END: usize = AUXILIARY_START + ROW_WORDS;
export const INFO_START: usize = AUXILIARY_END + ROW_WORDS;
export const INFO_END: usize = INFO_START + ROW_WORDS;
export const WRITE_SET_START: usize = INFO_END + ROW_WORDS;
export const WRITE_SET_END: usize = WRITE_SET_START + ROW_WORDS;
/** Address of the hash of the transaction; those of the event root and of the write set follow it. */
export const HASHES_AT: usize = WRITE_SET_END + ROW_WORDS;
/** Address of the hash of the auxiliary info, or 0. */
export const AUXILIARY_HASH_AT: usize = HASHES_AT + ROW_WORDS;
/** Nodes of the level of the row's event accumulator, 0 once it has its root. */
export const WIDTH: usize = AUXILIARY_HASH_AT + ROW_WORDS;
/** 1 if the row is not plain. */
export const DOUBT: usize = WIDTH + ROW_WORDS;
export const DIGESTS: usize = DOUBT + ROW_WORDS;
export const EVENT_START: usize = DIGESTS + HASH * <usize>ROWS;
export const EVENT_END: usize = EVENT_START + 4 * <usize>EVENTS;
/** Levels of event accumulators, one behind the other; room for a placeholder behind each. */
export const LEVEL_BYTES: usize = HASH * <usize>(EVENTS + ROWS);
export const LEVEL: usize = EVENT_END + 4 * <usize>EVENTS;
export const PAIRS: usize = LEVEL + LEVEL_BYTES;
/** Transactions whose hash is over other bytes than those that lie there, as they are hashed. */
export const COMMITTED: usize = PAIRS + LEVEL_BYTES;
export const COMMITTED_BYTES: usize = 256 * 1024;
/** Behind all, since hashing reads a little further than its messages. */
export const WORK_BYTES: usize = COMMITTED + COMMITTED_BYTES + 256;

// @ts-ignore: decorator
@inline
export function setRow(work: usize, list: usize, row: u32, value: usize): void {
  store<u32>(work + list + 4 * <usize>row, <u32>value);
}

// @ts-ignore: decorator
@inline
export function ofRow(work: usize, list: usize, row: u32): usize {
  return <usize>load<u32>(work + list + 4 * <usize>row);
}
