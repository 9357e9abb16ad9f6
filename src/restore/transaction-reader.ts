import type { TransactionEntry } from '../archive/metadata-entry.js';
import type { ViewEntry } from '../archive/metadata-view.js';
import type { EpochHistory } from '../trust/epoch-history.js';
import { type ArchiveReading, BYTES_HELD_MAX } from './archive-reading.js';
import { BatchMemory } from './batch-memory.js';
import {
  type ProvenTransactionChunk,
  provenTransactionChunks,
  type VersionRange,
} from './proven-transactions.js';

/** Where transactions come from. */
export interface TransactionSource {
  /** In the order of their versions. */
  readonly backups: readonly ViewEntry<TransactionEntry>[];
  /** Undefined where no signature is checked. */
  readonly history: EpochHistory | undefined;
}

/**
 * Reads and proves transactions for several ranges, one behind the other: a chunk in which one range ends and
 * the next begins is read once.
 */
export class TransactionReader implements AsyncDisposable {
  readonly #reading: ArchiveReading;
  readonly #source: TransactionSource;
  readonly #last: bigint;
  #chunks: AsyncGenerator<ProvenTransactionChunk, void, undefined> | undefined;
  /** The chunk that was given last, as long as it may hold what the next range begins with. */
  #current: ProvenTransactionChunk | undefined;
  /** Where the next range may begin without reading anything again. */
  #next: bigint | undefined;

  /** @param last of all ranges together: nothing behind it is read ahead */
  constructor(reading: ArchiveReading, source: TransactionSource, last: bigint) {
    this.#reading = reading;
    this.#source = source;
    this.#last = last;
  }

  /**
   * The chunks that hold any version of a range; the last one may be given again, for the next range.
   * @throws RestoreFindingError at the first chunk that is not proven, in its turn
   */
  async *chunks({ first, last }: VersionRange): AsyncGenerator<ProvenTransactionChunk, void, undefined> {
    if (this.#next !== first) await this.#restart(first);
    for (;;) {
      const chunk = this.#current ?? (await this.#nextChunk());
      this.#current = undefined;
      this.#next = undefined;
      if (chunk === undefined) return;
      const { lastVersion } = chunk.chunk;
      const isLast = last >= this.#last && lastVersion >= last;
      // Nothing more will be asked for: threads and memory are not to wait for the last chunk to be written.
      if (isLast) await this.#end();
      yield chunk;
      if (isLast) return;
      if (lastVersion > last) this.#current = chunk;
      if (lastVersion < last) continue;
      this.#next = last + 1n;
      return;
    }
  }

  async #restart(first: bigint): Promise<void> {
    await this[Symbol.asyncDispose]();
    const { history, backups } = this.#source;
    const range = { first, last: this.#last };
    const memory = new BatchMemory(BYTES_HELD_MAX);
    this.#chunks = provenTransactionChunks(this.#reading, history, backups, range, memory);
  }

  async #nextChunk(): Promise<ProvenTransactionChunk | undefined> {
    const step = await this.#chunks?.next();
    return step === undefined || step.done ? undefined : step.value;
  }

  async #end(): Promise<void> {
    await this[Symbol.asyncDispose]();
    await this.#reading.pool.rest();
  }

  /** Ends what is being read ahead. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#current = undefined;
    this.#next = undefined;
    await this.#chunks?.return();
    this.#chunks = undefined;
  }
}
