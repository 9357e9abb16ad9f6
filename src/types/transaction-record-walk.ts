import assert from 'node:assert/strict';
import { BcsError } from '../bcs/bcs-error.js';
import { BcsReader } from '../bcs/bcs-reader.js';
import { decode } from '../bcs/codec.js';
import { AUXILIARY_INFO_NONE, PersistedAuxiliaryInfo } from './auxiliary-info.js';
import { locateOpenedPayload, type OpenedPayload } from './committed-transaction.js';
import { ContractEvent } from './contract-event.js';
import { Transaction } from './transaction.js';
import { ExecutionStatus } from './transaction-info.js';
import { type TransactionRecordFormat, transactionRecord } from './transaction-record.js';
import { WriteSet } from './write-set.js';

const HASH = 32;
const GAS_USED = 8;
const ABSENT = -1;

/**
 * Finds where the parts of a transaction record lie, and checks it exactly as strictly as decoding does,
 * without building it. One instance serves any number of records; each walk overwrites the fields, which
 * are absolute offsets in the walked bytes, -1 for what is absent.
 */
export class TransactionRecordWalk {
  transactionStart = 0;
  transactionEnd = 0;
  /** An empty span in format V0. */
  auxiliaryStart = 0;
  auxiliaryEnd = 0;
  /** 0 none (also in format V0), 1 V1, 2 V1 with its timestamp not yet assigned. */
  auxiliaryVariant = 0;
  infoStart = 0;
  infoEnd = 0;
  /** The hashes inside of the transaction info, 32 bytes each. */
  transactionHash = 0;
  eventRootHash = 0;
  stateChangeHash = 0;
  stateCheckpointHash = ABSENT;
  auxiliaryInfoHash = ABSENT;
  eventCount = 0;
  /** Only the first `eventCount` entries belong to the record. */
  readonly eventStarts: number[] = [];
  readonly eventEnds: number[] = [];
  writeSetStart = 0;
  writeSetEnd = 0;
  /**
   * The span of an encrypted payload that validators tried to open, and of what its sender wrote: the
   * transaction's hash is over its bytes with the first span replaced by 00 and the second.
   */
  encryptedStart = ABSENT;
  encryptedEnd = ABSENT;
  originalStart = ABSENT;
  originalEnd = ABSENT;
  readonly #reader = new BcsReader(new Uint8Array());
  readonly #opened: OpenedPayload = { start: 0, end: 0, originalStart: 0, originalEnd: 0 };

  /**
   * Walks the record that fills `bytes[start..end]`.
   * @throws BcsError the one that decoding the record throws
   */
  walk(bytes: Uint8Array, start: number, end: number, format: TransactionRecordFormat, dialect = 0): void {
    const reader = this.#reader;
    reader.restart(bytes, start, end, dialect);
    try {
      this.#walkTransaction(reader);
      this.#walkAuxiliaryInfo(reader, format);
      this.#walkInfo(reader);
      this.#walkEvents(reader);
      this.writeSetStart = reader.offset;
      WriteSet.skip(reader);
      this.writeSetEnd = reader.offset;
      reader.finish();
    } catch (error) {
      if (!(error instanceof BcsError)) throw error;
      // Skipping does not keep track of fields: decoding fails in the same way and says where.
      decode(transactionRecord(format), bytes, { start, end, dialect });
      assert.fail(`the walk refused a record that decodes: ${error.message}`);
    }
  }

  #walkTransaction(reader: BcsReader): void {
    this.transactionStart = reader.offset;
    Transaction.skip(reader);
    this.transactionEnd = reader.offset;
    const opened = locateOpenedPayload(reader, this.transactionStart, this.#opened);
    reader.offset = this.transactionEnd;
    this.encryptedStart = opened ? this.#opened.start : ABSENT;
    this.encryptedEnd = opened ? this.#opened.end : ABSENT;
    this.originalStart = opened ? this.#opened.originalStart : ABSENT;
    this.originalEnd = opened ? this.#opened.originalEnd : ABSENT;
  }

  #walkAuxiliaryInfo(reader: BcsReader, format: TransactionRecordFormat): void {
    this.auxiliaryStart = reader.offset;
    this.auxiliaryVariant = AUXILIARY_INFO_NONE;
    if (format === 'V1') {
      PersistedAuxiliaryInfo.skip(reader);
      this.auxiliaryVariant = reader.bytes[this.auxiliaryStart] ?? AUXILIARY_INFO_NONE;
    }
    this.auxiliaryEnd = reader.offset;
  }

  #walkInfo(reader: BcsReader): void {
    this.infoStart = reader.offset;
    reader.variantIndex('TransactionInfo', 1);
    reader.advance(GAS_USED);
    ExecutionStatus.skip(reader);
    this.transactionHash = reader.advance(3 * HASH);
    this.eventRootHash = this.transactionHash + HASH;
    this.stateChangeHash = this.eventRootHash + HASH;
    this.stateCheckpointHash = reader.optionTag() ? reader.advance(HASH) : ABSENT;
    this.auxiliaryInfoHash = reader.optionTag() ? reader.advance(HASH) : ABSENT;
    this.infoEnd = reader.offset;
  }

  #walkEvents(reader: BcsReader): void {
    this.eventCount = reader.sequenceLength();
    for (let index = 0; index < this.eventCount; index++) {
      this.eventStarts[index] = reader.offset;
      ContractEvent.skip(reader);
      this.eventEnds[index] = reader.offset;
    }
  }
}
