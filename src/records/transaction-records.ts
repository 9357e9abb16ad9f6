import type { RecordBatch } from '../archive/record-file.js';
import { BcsError } from '../bcs/bcs-error.js';
import { HASH_SIZE } from '../hashing/hash-value.js';
import { AccumulatorRoots } from '../merkle/accumulator-roots.js';
import { ACCUMULATOR_PLACEHOLDER } from '../merkle/placeholders.js';
import { committedTransactionBytes } from '../types/committed-transaction.js';
import type { LedgerHashers } from '../types/ledger-family.js';
import type { TransactionRecordFormat } from '../types/transaction-record.js';
import { TransactionRecordWalk } from '../types/transaction-record-walk.js';
import { hashHexAt, sameHashAt } from './byte-compare.js';
import { PartSpans } from './part-spans.js';
import type { RecordFault, RecordFaultCode } from './record-fault.js';

/** The transaction info hashes of a batch, or undefined when a record could not be read. */
export interface TransactionBatchResult {
  /** 32 bytes a record, in order; valid until the next batch. */
  readonly infoHashes: Uint8Array;
  /** False when a record is no record: its info hash is missing, so the range cannot be proven. */
  readonly complete: boolean;
}

interface HashCheck {
  readonly code: RecordFaultCode;
  readonly part: string;
}

/**
 * Checks the records of a transaction chunk against their own transaction infos, batch by batch: hash of
 * the transaction, root of its events, hash of its write set, hash of its auxiliary info (spec:
 * formats.md, section 8.4; the reference leaves the write set out). Nothing is decoded.
 */
export class TransactionRecordChecker {
  readonly #hashers: LedgerHashers;
  readonly format: TransactionRecordFormat;
  readonly #walk = new TransactionRecordWalk();
  readonly #transactions = new PartSpans();
  readonly #writeSets = new PartSpans();
  readonly #auxiliaryInfos = new PartSpans();
  readonly #infos = new PartSpans();
  readonly #events = new PartSpans();
  readonly #eventRoots: AccumulatorRoots;
  /** Of the records in `events`, how many events each has. */
  #eventCounts = new Uint32Array(1024);
  #recordsWithEvents = 0;
  #digests = new Uint8Array(1024 * HASH_SIZE);
  #infoHashes = new Uint8Array(1024 * HASH_SIZE);
  #faults: RecordFault[] = [];

  constructor(hashers: LedgerHashers, format: TransactionRecordFormat) {
    this.#hashers = hashers;
    this.format = format;
    this.#eventRoots = new AccumulatorRoots(hashers.eventAccumulator);
  }

  /** Checks a batch; `onFault` is called for each fault, in no particular order. */
  check(batch: RecordBatch, onFault: (fault: RecordFault) => void): TransactionBatchResult {
    this.#faults = [];
    const complete = this.#walkRecords(batch);
    this.#checkHashes(this.#transactions, this.#hashers.transaction, {
      code: 'TRANSACTION_HASH_MISMATCH',
      part: 'transaction',
    });
    this.#checkHashes(this.#writeSets, this.#hashers.writeSet, {
      code: 'STATE_CHANGE_HASH_MISMATCH',
      part: 'write set',
    });
    this.#checkHashes(this.#auxiliaryInfos, this.#hashers.auxiliaryInfo, {
      code: 'AUXILIARY_INFO_HASH_MISMATCH',
      part: 'auxiliary info',
    });
    this.#checkEvents();
    this.#infoHashes = grown(this.#infoHashes, this.#infos.count);
    this.#hashers.transactionInfo.records(this.#infos, this.#infoHashes);
    for (const fault of this.#faults) onFault(fault);
    return { infoHashes: this.#infoHashes.subarray(0, this.#infos.count * HASH_SIZE), complete };
  }

  #walkRecords(batch: RecordBatch): boolean {
    const lists = [this.#transactions, this.#writeSets, this.#auxiliaryInfos, this.#infos, this.#events];
    for (const list of lists) list.restart(batch.bytes);
    this.#recordsWithEvents = 0;
    let complete = true;
    for (let index = 0; index < batch.count; index++) {
      const start = batch.starts[index] ?? 0;
      try {
        const { dialect } = this.#hashers.family;
        this.#walk.walk(batch.bytes, start, batch.ends[index] ?? 0, this.format, dialect);
      } catch (error) {
        if (!(error instanceof BcsError)) throw error;
        complete = false;
        const record = batch.firstRecord + index;
        this.#faults.push({
          code: 'RECORD_INVALID',
          message: error.message,
          record,
          offset: error.offset,
          error,
        });
        continue;
      }
      this.#collect(batch.bytes, batch.firstRecord + index);
    }
    return complete;
  }

  #collect(bytes: Uint8Array, record: number): void {
    const walk = this.#walk;
    if (walk.encryptedStart < 0) {
      this.#transactions.push(walk.transactionStart, walk.transactionEnd, record, walk.transactionHash);
    } else {
      this.#checkOpenedTransaction(bytes, record);
    }
    this.#writeSets.push(walk.writeSetStart, walk.writeSetEnd, record, walk.stateChangeHash);
    this.#collectAuxiliaryInfo(record);
    if (walk.eventCount > 0) this.#collectEvents(record);
    else if (!sameHashAt(bytes, walk.eventRootHash, ACCUMULATOR_PLACEHOLDER, 0)) {
      const check = { code: 'EVENT_ROOT_MISMATCH', part: 'empty event list' } as const;
      this.#addMismatch(bytes, walk.eventRootHash, ACCUMULATOR_PLACEHOLDER, 0, record, walk.infoEnd, check);
    }
    this.#infos.push(walk.infoStart, walk.infoEnd, record, -1);
  }

  #collectEvents(record: number): void {
    const { eventCount, eventStarts, eventEnds, eventRootHash } = this.#walk;
    for (let event = 0; event < eventCount; event++) {
      this.#events.push(eventStarts[event] ?? 0, eventEnds[event] ?? 0, record, eventRootHash);
    }
    if (this.#recordsWithEvents === this.#eventCounts.length) {
      const counts = new Uint32Array(2 * this.#recordsWithEvents);
      counts.set(this.#eventCounts);
      this.#eventCounts = counts;
    }
    this.#eventCounts[this.#recordsWithEvents++] = eventCount;
  }

  /** The hash of a transaction whose payload validators tried to open is over its encrypted form. */
  #checkOpenedTransaction(bytes: Uint8Array, record: number): void {
    const { transactionStart, transactionEnd, transactionHash } = this.#walk;
    const received = bytes.subarray(transactionStart, transactionEnd);
    const committed = committedTransactionBytes(received, this.#hashers.family.dialect);
    const hash = this.#hashers.transaction.hash(committed);
    if (sameHashAt(bytes, transactionHash, hash, 0)) return;
    this.#addMismatch(bytes, transactionHash, hash, 0, record, transactionStart, {
      code: 'TRANSACTION_HASH_MISMATCH',
      part: 'transaction',
    });
  }

  /** Only the variant V1 is ever hashed into the info. */
  #collectAuxiliaryInfo(record: number): void {
    const { auxiliaryVariant, auxiliaryInfoHash, auxiliaryStart, auxiliaryEnd, infoStart } = this.#walk;
    if (this.format === 'V0') return;
    const hashed = auxiliaryVariant === 1;
    if (hashed && auxiliaryInfoHash >= 0) {
      this.#auxiliaryInfos.push(auxiliaryStart, auxiliaryEnd, record, auxiliaryInfoHash);
    } else if (hashed !== auxiliaryInfoHash >= 0) {
      const message = hashed
        ? 'the record has an auxiliary info, its transaction info has no hash for one'
        : 'the transaction info has the hash of an auxiliary info, the record has none';
      this.#faults.push({ code: 'AUXILIARY_INFO_HASH_MISMATCH', message, record, offset: infoStart });
    }
  }

  #checkHashes(list: PartSpans, hasher: LedgerHashers['transaction'], check: HashCheck): void {
    this.#digests = grown(this.#digests, list.count);
    hasher.records(list, this.#digests);
    for (let index = 0; index < list.count; index++) {
      this.#compare(list, index, this.#digests, index * HASH_SIZE, check);
    }
  }

  #checkEvents(): void {
    const events = this.#events;
    this.#digests = grown(this.#digests, events.count);
    this.#hashers.contractEvent.records(events, this.#digests);
    const roots = this.#eventRoots.fold(this.#digests, this.#eventCounts, this.#recordsWithEvents);
    let first = 0;
    for (let index = 0; index < this.#recordsWithEvents; index++) {
      const check = { code: 'EVENT_ROOT_MISMATCH', part: 'event list' } as const;
      this.#compare(events, first, roots, index * HASH_SIZE, check);
      first += this.#eventCounts[index] ?? 0;
    }
  }

  /** Holds a digest against the one that span `index` must have. */
  #compare(list: PartSpans, index: number, digests: Uint8Array, digestAt: number, check: HashCheck): void {
    const expectedAt = list.expectedAt[index] ?? 0;
    if (sameHashAt(list.base, expectedAt, digests, digestAt)) return;
    const [record, partAt] = [list.records[index] ?? 0, list.starts[index] ?? 0];
    this.#addMismatch(list.base, expectedAt, digests, digestAt, record, partAt, check);
  }

  #addMismatch(
    bytes: Uint8Array,
    expectedAt: number,
    digests: Uint8Array,
    digestAt: number,
    record: number,
    partAt: number,
    { code, part }: HashCheck,
  ): void {
    this.#faults.push({
      code,
      message: `the ${part} does not hash to what its transaction info says`,
      record,
      offset: partAt,
      expected: hashHexAt(bytes, expectedAt),
      actual: hashHexAt(digests, digestAt),
    });
  }
}

function grown(buffer: Uint8Array<ArrayBuffer>, hashes: number): Uint8Array<ArrayBuffer> {
  return buffer.length >= hashes * HASH_SIZE ? buffer : new Uint8Array(hashes * HASH_SIZE * 2);
}
