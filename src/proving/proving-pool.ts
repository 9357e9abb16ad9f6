import type { BatchBuffers, RecordBatch } from '../archive/record-file.js';
import type { StateTreeSegmentData } from '../merkle/state-tree-segment.js';
import type { RecordFault } from '../records/record-fault.js';
import type { TransactionRecordFormat } from '../types/transaction-record.js';

/**
 * Where records come from: something that fills the buffers it is given, as `readRecordBatches` does, so that
 * a file's bytes are read straight to where they are proven. Batches that bring bytes of their own are copied.
 * It runs ahead of whoever takes the batches, so it must end with the signal, which is not only that of the
 * options: it is aborted as well when nobody takes batches any more.
 */
export type RecordSource = (buffers: BatchBuffers, signal: AbortSignal) => AsyncIterable<RecordBatch>;

export interface ProvingOptions {
  /** Proving and waiting end with the signal's reason. The source has to take the signal itself. */
  readonly signal?: AbortSignal | undefined;
}

/** State items whose encoding was checked. Everything in it is valid until the iteration goes on. */
export interface ProvenStateBatch extends RecordBatch {
  /** One for each record that is no state item, in their order; then there is no segment. */
  readonly faults: readonly RecordFault[];
  /** The items as a part of the state tree; a value of its own. Undefined with `faults` or `disorder`. */
  readonly segment: StateTreeSegmentData | undefined;
  /** The first record whose key does not follow the key before it, where there is one. */
  readonly disorder: KeyDisorder | undefined;
  /** 32 bytes a record, as are `valueHashes`; empty if there are faults. */
  readonly keyHashes: Uint8Array;
  readonly valueHashes: Uint8Array;
}

/** Keys of state items are out of order. */
export interface KeyDisorder {
  /** 0-based in its file or stream. */
  readonly record: number;
  readonly message: string;
}

export interface TransactionProvingOptions extends ProvingOptions {
  /** The format of all records, or what tells it from the first batch. */
  readonly format: TransactionRecordFormat | ((first: RecordBatch) => TransactionRecordFormat);
}

/** Transaction records that were held against their infos. All of it is valid until the iteration goes on. */
export interface ProvenTransactionBatch extends RecordBatch {
  readonly format: TransactionRecordFormat;
  /** What is wrong, in no particular order. */
  readonly faults: readonly RecordFault[];
  /** Hashes of the transaction infos, 32 bytes a record; of the readable ones only if not `complete`. */
  readonly infoHashes: Uint8Array;
  /** False when a record is no record: its info hash is missing, so the range cannot be proven. */
  readonly complete: boolean;
}

/**
 * Checks and hashes records on several threads. Reading goes on while batches are proven; batches come out
 * in the order in which they went in. Several files may be proven at once. Memory is a fixed number of
 * buffers of about a MiB, whatever the files; who is slow to take batches makes the reading wait.
 *
 * Leaving an iteration early, an abort and an error of the source all end the work on that source alone,
 * and give its buffers back. Bytes of a batch may lie in shared memory, which few interfaces refuse.
 *
 * Everything may throw ProvingError: PROVING_THREAD_LOST, PROVING_FAILED, PROVING_CLOSED.
 */
export interface ProvingPool extends AsyncDisposable {
  /** Threads that prove; with 1 everything is done in the calling thread. */
  readonly threads: number;
  /** Starts the threads now; otherwise they start with the first work, which then waits for them. */
  start(): void;
  stateItems(source: RecordSource, options?: ProvingOptions): AsyncIterable<ProvenStateBatch>;
  transactions(
    source: RecordSource,
    options: TransactionProvingOptions,
  ): AsyncIterable<ProvenTransactionBatch>;
  /** Where nothing is being proven: ends the threads and lets go of the memory, until there is work again. */
  rest(): Promise<void>;
  /** Ends the threads; what is still being proven fails. May be called more than once. */
  close(): Promise<void>;
}
