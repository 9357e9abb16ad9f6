import type { RecordBatch } from '../archive/record-file.js';
import { BcsError } from '../bcs/bcs-error.js';
import { HASH_SIZE } from '../hashing/hash-value.js';
import type { Spans } from '../hashing/sha3-engine.js';
import { accumulatorRoot } from '../merkle/accumulator-root.js';
import { ACCUMULATOR_PLACEHOLDER } from '../merkle/placeholders.js';
import { committedTransactionBytes } from '../types/committed-transaction.js';
import type { LedgerHashers } from '../types/ledger-family.js';
import type { TransactionRecordFormat } from '../types/transaction-record.js';
import { TransactionRecordWalk } from '../types/transaction-record-walk.js';
import { hashHexAt, sameHashAt } from './byte-compare.js';
import type { RecordFault, RecordFaultCode } from './record-fault.js';

/** The transaction info hashes of a batch, or undefined when a record could not be read. */
export interface TransactionBatchResult {
  /** 32 bytes a record, in order; valid until the next batch. */
  readonly infoHashes: Uint8Array;
  /** False when a record is no record: its info hash is missing, so the range cannot be proven. */
  readonly complete: boolean;
}

/** Spans of one kind of part, collected over a batch. */
class SpanList implements Spans {
  base = new Uint8Array();
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  /** Which record of the batch each span belongs to. */
  readonly records: number[] = [];
  /** Where the record's info holds the hash that the span must have. */
  readonly expectedAt: number[] = [];
  count = 0;

  restart(base: Uint8Array): void {
    this.base = base as Uint8Array<ArrayBuffer>;
    this.count = 0;
  }

  push(start: number, end: number, record: number, expectedAt: number): void {
    this.starts[this.count] = start;
    this.ends[this.count] = end;
    this.records[this.count] = record;
    this.expectedAt[this.count] = expectedAt;
    this.count++;
  }
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
  readonly #transactions = new SpanList();
  readonly #writeSets = new SpanList();
  readonly #auxiliaryInfos = new SpanList();
  readonly #infos = new SpanList();
  readonly #events = new SpanList();
  #digests = new Uint8Array(1024 * HASH_SIZE);
  #infoHashes = new Uint8Array(1024 * HASH_SIZE);
  #faults: RecordFault[] = [];

  constructor(hashers: LedgerHashers, format: TransactionRecordFormat) {
    this.#hashers = hashers;
    this.format = format;
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
    for (let event = 0; event < walk.eventCount; event++) {
      this.#events.push(walk.eventStarts[event] ?? 0, walk.eventEnds[event] ?? 0, record, walk.eventRootHash);
    }
    if (walk.eventCount === 0) {
      this.#compare(bytes, walk.eventRootHash, ACCUMULATOR_PLACEHOLDER, 0, record, {
        code: 'EVENT_ROOT_MISMATCH',
        part: 'empty event list',
        partAt: walk.infoEnd,
      });
    }
    this.#infos.push(walk.infoStart, walk.infoEnd, record, -1);
  }

  /** The hash of a transaction whose payload validators tried to open is over its encrypted form. */
  #checkOpenedTransaction(bytes: Uint8Array, record: number): void {
    const { transactionStart, transactionEnd, transactionHash } = this.#walk;
    const received = bytes.subarray(transactionStart, transactionEnd);
    const committed = committedTransactionBytes(received, this.#hashers.family.dialect);
    this.#compare(bytes, transactionHash, this.#hashers.transaction.hash(committed), 0, record, {
      code: 'TRANSACTION_HASH_MISMATCH',
      part: 'transaction',
      partAt: transactionStart,
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

  #checkHashes(list: SpanList, hasher: LedgerHashers['transaction'], check: HashCheck): void {
    this.#digests = grown(this.#digests, list.count);
    hasher.records(list, this.#digests);
    for (let index = 0; index < list.count; index++) {
      const record = list.records[index] ?? 0;
      this.#compare(list.base, list.expectedAt[index] ?? 0, this.#digests, index * HASH_SIZE, record, {
        ...check,
        partAt: list.starts[index] ?? 0,
      });
    }
  }

  #checkEvents(): void {
    const events = this.#events;
    this.#digests = grown(this.#digests, events.count);
    this.#hashers.contractEvent.records(events, this.#digests);
    for (let first = 0; first < events.count; ) {
      const record = events.records[first] ?? 0;
      let next = first + 1;
      while (next < events.count && events.records[next] === record) next++;
      const leaves = this.#digests.subarray(first * HASH_SIZE, next * HASH_SIZE);
      const root = accumulatorRoot(this.#hashers.eventAccumulator, leaves, next - first);
      this.#compare(events.base, events.expectedAt[first] ?? 0, root, 0, record, {
        code: 'EVENT_ROOT_MISMATCH',
        part: 'event list',
        partAt: events.starts[first] ?? 0,
      });
      first = next;
    }
  }

  #compare(
    bytes: Uint8Array,
    expectedAt: number,
    digests: Uint8Array,
    digestAt: number,
    record: number,
    { code, part, partAt }: HashCheck & { readonly partAt: number },
  ): void {
    if (sameHashAt(bytes, expectedAt, digests, digestAt)) return;
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
