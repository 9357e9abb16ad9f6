import type { RecordBatch } from '../archive/record-file.js';
import type { BcsError } from '../bcs/bcs-error.js';
import { HASH_SIZE } from '../hashing/hash-value.js';
import { ProvingMemory, type Slot } from '../proving/proving-memory.js';
import type { RecordFault } from '../records/record-fault.js';
import { TransactionBatchProver } from '../records/transaction-batch-prover.js';
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
  readonly #prover: TransactionBatchProver;
  /** What arrives is copied to where the kernel proves it. */
  readonly #slot: Slot;

  constructor(hashers: LedgerHashers) {
    const memory = ProvingMemory.create(1, 1);
    this.#slot = memory.slot(0);
    this.#prover = new TransactionBatchProver(hashers, memory.memory, memory.transactionsArea(0));
  }

  /**
   * The hashes are an array of their own.
   * @throws ServiceError SERVICE_RECORD_INVALID, SERVICE_RECORD_HASH_MISMATCH; names the first bad version
   */
  check(batch: RecordBatch, firstVersion: bigint, format: TransactionRecordFormat): TransactionBatch {
    let first: RecordFault | undefined;
    const infoHashes = new Uint8Array(batch.count * HASH_SIZE);
    const placed = this.#place(batch);
    const out = placed === batch ? infoHashes : this.#slot.hashes;
    this.#prover.prove(placed, format, out, (fault) => {
      if (first === undefined || fault.record < first.record) first = fault;
    });
    if (first) throw serviceError(first, firstVersion + BigInt(first.record - batch.firstRecord));
    if (out !== infoHashes) infoHashes.set(out.subarray(0, infoHashes.length));
    return { ...batch, firstVersion, infoHashes };
  }

  /** The batch in the slot; the same batch if it does not fit there. */
  #place(batch: RecordBatch): RecordBatch {
    const { bytes, starts, ends } = this.#slot;
    if (batch.bytes.length > bytes.length || batch.count > starts.length) return batch;
    bytes.set(batch.bytes);
    starts.set(batch.starts.subarray(0, batch.count));
    ends.set(batch.ends.subarray(0, batch.count));
    return { ...batch, bytes: bytes.subarray(0, batch.bytes.length), starts, ends };
  }
}

function serviceError({ error, message, expected, actual }: RecordFault, version: bigint): ServiceError {
  if (error) return invalidRecord(`the record of version ${version}`, error);
  return new ServiceError('SERVICE_RECORD_HASH_MISMATCH', `version ${version}: ${message}`, {
    hint: 'The service sends what was not committed: do not store it.',
    facts: { version, ...(expected === undefined ? {} : { expected, actual }) },
  });
}
