import type { RecordBatch } from '../archive/record-file.js';
import { createKernelSha3On } from '../hashing/kernel-sha3.js';
import type { RecordFault } from '../records/record-fault.js';
import { StateBatchProver } from '../records/state-batch-prover.js';
import { TransactionBatchProver } from '../records/transaction-batch-prover.js';
import { type LedgerFamily, ledgerHashers } from '../types/ledger-family.js';
import type { TransactionRecordFormat } from '../types/transaction-record.js';
import type { BatchResult, BatchTask, StateResult, TransactionResult } from './batch-task.js';
import type { ProvingMemory, Slot } from './proving-memory.js';

/** Proves batches in the slots of a memory; one for each thread. */
export class BatchProver {
  readonly #memory: ProvingMemory;
  readonly #stateProver: StateBatchProver;
  readonly #transactionProver: TransactionBatchProver;

  constructor(family: LedgerFamily, memory: ProvingMemory, thread: number) {
    this.#memory = memory;
    const hashers = ledgerHashers(family, createKernelSha3On(memory.memory, memory.kernelArea(thread)));
    this.#stateProver = new StateBatchProver(hashers, memory.memory, memory.statesArea(thread));
    const transactionsArea = memory.transactionsArea(thread);
    this.#transactionProver = new TransactionBatchProver(hashers, memory.memory, transactionsArea);
  }

  prove(task: BatchTask): BatchResult {
    const slot = this.#memory.slot(task.slot);
    const batch: RecordBatch = {
      bytes: typeof task.bytes === 'number' ? slot.bytes.subarray(0, task.bytes) : task.bytes,
      count: task.count,
      starts: slot.starts,
      ends: slot.ends,
      firstRecord: task.firstRecord,
      fileOffset: 0,
    };
    const { work } = task;
    if (work.kind === 'transactions') return this.#proveTransactions(batch, slot, work.format);
    return this.#proveState(batch, slot);
  }

  #proveState(batch: RecordBatch, slot: Slot): StateResult {
    const faults: RecordFault[] = [];
    const { segment, disorder } = this.#stateProver.prove(batch, slot.hashes, (fault) => faults.push(fault));
    return { kind: 'state', faults, segment, disorder };
  }

  #proveTransactions(batch: RecordBatch, slot: Slot, format: TransactionRecordFormat): TransactionResult {
    const faults: RecordFault[] = [];
    const out = slot.hashes;
    const { hashCount, complete } = this.#transactionProver.prove(batch, format, out, (fault) => {
      faults.push(fault);
    });
    return { kind: 'transactions', format, faults, complete, hashCount };
  }
}
