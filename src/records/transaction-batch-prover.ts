import type { RecordBatch } from '../archive/record-file.js';
import { HASH_SIZE } from '../hashing/hash-value.js';
import { KernelTransactions, type KernelTransactionsSetup } from '../hashing/kernel-transactions.js';
import type { KernelKind } from '../hashing/kernel-instance.js';
import type { WasmMemory } from '../hashing/web-assembly.js';
import { ACCUMULATOR_PLACEHOLDER } from '../merkle/placeholders.js';
import type { LedgerHashers } from '../types/ledger-family.js';
import type { TransactionRecordFormat } from '../types/transaction-record.js';
import { transactionSkips } from '../types/transaction-skips.js';
import type { RecordFault } from './record-fault.js';
import { TransactionRecordChecker } from './transaction-records.js';

/** What the kernel has to know of a family. */
export function kernelSetup(hashers: LedgerHashers): KernelTransactionsSetup {
  const { words, entries } = transactionSkips(hashers.family.dialect);
  const { transaction, writeSet, auxiliaryInfo, transactionInfo, contractEvent, eventAccumulator } = hashers;
  const parts = [transaction, writeSet, auxiliaryInfo, transactionInfo, contractEvent, eventAccumulator];
  return {
    seeds: [...parts.map(({ seed }) => seed), ACCUMULATOR_PLACEHOLDER],
    program: words,
    entries: [
      entries.transaction,
      entries.auxiliaryInfo,
      entries.status,
      entries.event,
      entries.writeSet,
      entries.encryptedPayload,
      entries.encryptedInner,
    ],
  };
}

/** What is known of a batch. */
export interface TransactionBatchVerdict {
  /** Info hashes, 32 bytes each, of the readable records in order. */
  readonly hashCount: number;
  /** False when a record is no record: its info hash is missing, so the range cannot be proven. */
  readonly complete: boolean;
}

/**
 * Checks batches of transaction records as `TransactionRecordChecker` does: the kernel proves what is right, and
 * only records that it doubts, damaged or merely large, are looked at here.
 */
export class TransactionBatchProver {
  readonly #hashers: LedgerHashers;
  readonly #kernel: KernelTransactions;
  readonly #checkers = new Map<TransactionRecordFormat, TransactionRecordChecker>();

  /** @param area a part of `memory`, which batches lie in, of `TRANSACTIONS_AREA_BYTES` */
  constructor(hashers: LedgerHashers, memory: WasmMemory, area: number, kind?: KernelKind) {
    this.#hashers = hashers;
    this.#kernel = new KernelTransactions(memory, area, kernelSetup(hashers), kind);
  }

  /**
   * @param out in the memory, as are the places of records; gets the hashes of the transaction infos
   * @param onFault called for each fault, in no particular order
   */
  prove(
    batch: RecordBatch,
    format: TransactionRecordFormat,
    out: Uint8Array,
    onFault: (fault: RecordFault) => void,
  ): TransactionBatchVerdict {
    const { bytes: base, starts, ends, count } = batch;
    if (!this.#kernel.holds(base)) {
      const { infoHashes, complete } = this.#checker(format).check(batch, onFault);
      out.set(infoHashes);
      return { hashCount: infoHashes.length / HASH_SIZE, complete };
    }
    const doubts = this.#kernel.prove({ base, starts, ends, count }, format === 'V1', out);
    if (doubts.length === 0) return { hashCount: count, complete: true };
    return this.#judge(batch, doubts, format, out, onFault);
  }

  /** Looks at the records with these indices, and puts the hashes of their infos in place. */
  #judge(
    batch: RecordBatch,
    doubts: Uint32Array,
    format: TransactionRecordFormat,
    out: Uint8Array,
    onFault: (fault: RecordFault) => void,
  ): TransactionBatchVerdict {
    const doubtful: RecordBatch = {
      ...batch,
      count: doubts.length,
      starts: doubts.map((index) => batch.starts[index] ?? 0),
      ends: doubts.map((index) => batch.ends[index] ?? 0),
      firstRecord: 0,
    };
    const unreadable = new Set<number>();
    const { infoHashes, complete } = this.#checker(format).check(doubtful, (fault) => {
      const index = doubts[fault.record] ?? 0;
      if (fault.code === 'RECORD_INVALID') unreadable.add(index);
      onFault({ ...fault, record: batch.firstRecord + index });
    });
    let taken = 0;
    for (const index of doubts) {
      if (unreadable.has(index)) continue;
      out.set(infoHashes.subarray(taken * HASH_SIZE, (taken + 1) * HASH_SIZE), index * HASH_SIZE);
      taken++;
    }
    return { hashCount: closeGaps(out, batch.count, unreadable), complete };
  }

  #checker(format: TransactionRecordFormat): TransactionRecordChecker {
    let checker = this.#checkers.get(format);
    if (checker === undefined) {
      checker = new TransactionRecordChecker(this.#hashers, format);
      this.#checkers.set(format, checker);
    }
    return checker;
  }
}

/** Takes out the hashes with these indices of `count`, and returns how many are left. */
function closeGaps(hashes: Uint8Array, count: number, gaps: ReadonlySet<number>): number {
  if (gaps.size === 0) return count;
  let kept = 0;
  for (let index = 0; index < count; index++) {
    if (gaps.has(index)) continue;
    hashes.copyWithin(kept * HASH_SIZE, index * HASH_SIZE, (index + 1) * HASH_SIZE);
    kept++;
  }
  return kept;
}
