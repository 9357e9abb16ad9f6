import type { RecordBatch } from '../archive/record-file.js';
import { HASH_SIZE } from '../hashing/hash-value.js';
import { createKernelSha3On } from '../hashing/kernel-sha3.js';
import { MerkleError } from '../merkle/merkle-error.js';
import { type SparseMerkleHashers, sparseMerkleHashers } from '../merkle/sparse-merkle-hashers.js';
import { StateTreeSegment } from '../merkle/state-tree-segment.js';
import { SubtreeRunBuilder } from '../merkle/subtree-run.js';
import type { RecordFault } from '../records/record-fault.js';
import { StateRecordHasher } from '../records/state-records.js';
import { TransactionBatchProver } from '../records/transaction-batch-prover.js';
import { type LedgerFamily, type LedgerHashers, ledgerHashers } from '../types/ledger-family.js';
import type { TransactionRecordFormat } from '../types/transaction-record.js';
import type { BatchResult, BatchTask, StateResult, TransactionResult } from './batch-task.js';
import type { ProvingMemory, Slot } from './proving-memory.js';

/** Proves batches in the slots of a memory; one for each thread. */
export class BatchProver {
  readonly #memory: ProvingMemory;
  readonly #hashers: LedgerHashers;
  readonly #treeHashers: SparseMerkleHashers;
  readonly #stateHasher: StateRecordHasher;
  readonly #treeBuilder: SubtreeRunBuilder;
  readonly #transactionProver: TransactionBatchProver;

  constructor(family: LedgerFamily, memory: ProvingMemory, thread: number) {
    this.#memory = memory;
    this.#hashers = ledgerHashers(family, createKernelSha3On(memory.memory, memory.kernelArea(thread)));
    this.#treeHashers = sparseMerkleHashers(this.#hashers);
    this.#treeBuilder = new SubtreeRunBuilder(this.#treeHashers);
    this.#stateHasher = new StateRecordHasher(this.#hashers);
    const transactionsArea = memory.transactionsArea(thread);
    this.#transactionProver = new TransactionBatchProver(this.#hashers, memory.memory, transactionsArea);
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
    return this.#proveState(batch, slot, work.hashes);
  }

  #proveState(batch: RecordBatch, slot: Slot, withHashes: boolean): StateResult {
    const faults: RecordFault[] = [];
    const { keyHashes, valueHashes, count } = this.#stateHasher.hash(batch, (fault) => faults.push(fault));
    const result = { kind: 'state', faults, segment: undefined, disorder: undefined } as const;
    if (faults.length > 0) return result;
    if (withHashes) {
      slot.hashes.set(keyHashes, 0);
      slot.hashes.set(valueHashes, count * HASH_SIZE);
    }
    try {
      const [hashers, builder] = [this.#treeHashers, this.#treeBuilder];
      const { data } = StateTreeSegment.fromLeaves(hashers, keyHashes, valueHashes, count, builder);
      return { ...result, segment: data };
    } catch (error) {
      if (!(error instanceof MerkleError)) throw error;
      const record = batch.firstRecord + Number(error.facts['index'] ?? 0);
      return { ...result, disorder: { record, message: error.message } };
    }
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
