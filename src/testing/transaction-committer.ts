import { BcsWriter } from '../bcs/bcs-writer.js';
import { encode } from '../bcs/codec.js';
import { HASH_SIZE, type HashValue } from '../hashing/hash-value.js';
import { accumulatorRoot } from '../merkle/accumulator-root.js';
import { PersistedAuxiliaryInfo } from '../types/auxiliary-info.js';
import { ContractEvent } from '../types/contract-event.js';
import { hashAuxiliaryInfo, hashTransaction } from '../types/hashes.js';
import type { LedgerHashers } from '../types/ledger-family.js';
import { Transaction } from '../types/transaction.js';
import { type ExecutionStatus, TransactionInfo } from '../types/transaction-info.js';
import type { GeneratedLedger } from './generated-ledger.js';
import type { GeneratedState, StateChange } from './generated-state.js';

/** A transaction and what executing it gave. */
export interface Execution {
  readonly transaction: Transaction;
  readonly gasUsed: bigint;
  readonly status: ExecutionStatus;
  readonly events: readonly ContractEvent[];
  /** One at most for each key; in any order. */
  readonly changes: readonly StateChange[];
}

interface EncodedExecution {
  readonly transaction: Uint8Array;
  readonly auxiliaryInfo: PersistedAuxiliaryInfo;
  readonly events: readonly Uint8Array[];
  readonly writeSet: Uint8Array;
  readonly stateRoot: HashValue | undefined;
  readonly gasUsed: bigint;
  readonly status: ExecutionStatus;
}

/** Appends executed transactions to a ledger, with every hash that its infos need. */
export class TransactionCommitter {
  readonly #hashers: LedgerHashers;
  readonly #ledger: GeneratedLedger;
  readonly #state: GeneratedState;

  constructor(hashers: LedgerHashers, ledger: GeneratedLedger, state: GeneratedState) {
    this.#hashers = hashers;
    this.#ledger = ledger;
    this.#state = state;
  }

  /** @param isCheckpoint whether the info carries the root of the state */
  commit(execution: Execution, auxiliaryInfo: PersistedAuxiliaryInfo, isCheckpoint: boolean): void {
    const writeSet = this.#encodeWriteSet(execution.changes);
    this.#state.apply(execution.changes);
    this.#append({
      transaction: encode(Transaction, execution.transaction),
      auxiliaryInfo,
      events: execution.events.map((event) => encode(ContractEvent, event)),
      writeSet,
      stateRoot: isCheckpoint ? this.#state.checkpoint() : undefined,
      gasUsed: execution.gasUsed,
      status: execution.status,
    });
  }

  /** The first transaction of a ledger, which is nothing but its own result. */
  commitGenesis(changes: readonly StateChange[], contractEvents: readonly ContractEvent[]): void {
    const writeSet = this.#encodeWriteSet(changes);
    this.#state.apply(changes);
    const events = contractEvents.map((event) => encode(ContractEvent, event));
    // Genesis transaction, direct change set: both have index pairs of one byte.
    const writer = new BcsWriter({ initialSize: writeSet.length + 4096 });
    writer.uleb128(1);
    writer.uleb128(0);
    writer.raw(writeSet);
    writer.raw(vectorOf(events));
    this.#append({
      transaction: writer.toBytes(),
      auxiliaryInfo: { variant: 'None' },
      events,
      writeSet,
      stateRoot: this.#state.checkpoint(),
      gasUsed: 0n,
      status: { variant: 'Success' },
    });
  }

  #append(execution: EncodedExecution): void {
    const hashers = this.#hashers;
    const auxiliaryInfo = encode(PersistedAuxiliaryInfo, execution.auxiliaryInfo);
    const transactionInfo = encode(TransactionInfo, {
      variant: 'V0',
      value: {
        gas_used: execution.gasUsed,
        status: execution.status,
        transaction_hash: hashTransaction(hashers, execution.transaction),
        event_root_hash: this.#eventRoot(execution.events),
        state_change_hash: hashers.writeSet.hash(execution.writeSet),
        state_checkpoint_hash: execution.stateRoot,
        auxiliary_info_hash: hashAuxiliaryInfo(hashers, auxiliaryInfo),
      },
    });
    const { transaction, writeSet } = execution;
    const events = vectorOf(execution.events);
    this.#ledger.append({ transaction, auxiliaryInfo, transactionInfo, events, writeSet });
  }

  #eventRoot(events: readonly Uint8Array[]): HashValue {
    const leaves = new Uint8Array(events.length * HASH_SIZE);
    events.forEach((event, index) => {
      leaves.set(this.#hashers.contractEvent.hash(event), index * HASH_SIZE);
    });
    return accumulatorRoot(this.#hashers.eventAccumulator, leaves, events.length);
  }

  /** Written by hand rather than with the codec, which would build each of a genesis' items as a value. */
  #encodeWriteSet(changes: readonly StateChange[]): Uint8Array {
    const entries = changes.map(({ key, op }) => ({ key: this.#state.keyBytes(key), op }));
    entries.sort((left, right) => Buffer.compare(left.key, right.key));
    const writer = new BcsWriter({ initialSize: 256 });
    writer.uleb128(0);
    writer.sequenceLength(entries.length);
    for (const { key, op } of entries) {
      writer.raw(key);
      writer.raw(op);
    }
    return writer.toBytes();
  }
}

/** The BCS of a vector of items that are encoded already. */
function vectorOf(items: readonly Uint8Array[]): Uint8Array {
  const writer = new BcsWriter();
  writer.sequenceLength(items.length);
  for (const item of items) writer.raw(item);
  return writer.toBytes();
}
