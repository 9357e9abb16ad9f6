import type { RecordBatch } from '../archive/record-file.js';
import type { BcsError } from '../bcs/bcs-error.js';
import type { RecordFault } from '../records/record-fault.js';
import { TransactionRecordChecker } from '../records/transaction-records.js';
import type { LedgerHashers } from '../types/ledger-family.js';
import type { TransactionRecordFormat } from '../types/transaction-record.js';
import { ServiceError } from './service-error.js';

/** Some consecutive transaction records, each of which is what its own transaction info says. */
export interface TransactionBatch extends RecordBatch {
  readonly firstVersion: bigint;
  /** Hashes of the transaction infos, 32 bytes each: what `proveTransactions` takes. */
  readonly infoHashes: Uint8Array;
}

/** The record is no record. */
export function invalidRecord(subject: string, cause: BcsError): ServiceError {
  const message = `${subject}: ${cause.message}`;
  return new ServiceError('SERVICE_RECORD_INVALID', message, { cause, facts: { subject } });
}

/** Holds the parts of transaction records against their transaction infos (spec: formats.md, 8.4). */
export class TransactionBatchCheck {
  readonly #checker: TransactionRecordChecker;

  constructor(hashers: LedgerHashers, format: TransactionRecordFormat) {
    this.#checker = new TransactionRecordChecker(hashers, format);
  }

  /**
   * The hashes are an array of their own.
   * @throws ServiceError SERVICE_RECORD_INVALID, SERVICE_RECORD_HASH_MISMATCH; names the first bad version
   */
  check(batch: RecordBatch, firstVersion: bigint): TransactionBatch {
    let first: RecordFault | undefined;
    const { infoHashes } = this.#checker.check(batch, (fault) => {
      if (first === undefined || fault.record < first.record) first = fault;
    });
    if (first) throw serviceError(first, firstVersion + BigInt(first.record - batch.firstRecord));
    return { ...batch, firstVersion, infoHashes: infoHashes.slice() };
  }
}

function serviceError({ error, message, expected, actual }: RecordFault, version: bigint): ServiceError {
  if (error) return invalidRecord(`the record of version ${version}`, error);
  return new ServiceError('SERVICE_RECORD_HASH_MISMATCH', `version ${version}: ${message}`, {
    hint: 'The service sends what was not committed: do not store it.',
    facts: { version, ...(expected === undefined ? {} : { expected, actual }) },
  });
}
