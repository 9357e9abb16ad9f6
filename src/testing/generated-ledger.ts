import assert from 'node:assert';
import { BcsWriter } from '../bcs/bcs-writer.js';
import { decode } from '../bcs/codec.js';
import { StoredAccumulator } from '../merkle/stored-accumulator.js';
import type { LedgerHashers } from '../types/ledger-family.js';
import type { LedgerInfoWithSignatures } from '../types/ledger-info.js';
import type { AccumulatorProof, AccumulatorRangeProof } from '../types/proofs.js';
import { TransactionInfo } from '../types/transaction-info.js';
import type { TransactionRecordFormat } from '../types/transaction-record.js';
import { formatWaypoint, waypointOf } from '../types/waypoint.js';
import { PackedBytes } from './packed-bytes.js';
import type { StateSnapshot } from './state-snapshot.js';

/** The parts of one committed transaction, each as BCS; views. */
export interface TransactionParts {
  readonly transaction: Uint8Array;
  readonly auxiliaryInfo: Uint8Array;
  readonly transactionInfo: Uint8Array;
  /** A vector of ContractEvent. */
  readonly events: Uint8Array;
  readonly writeSet: Uint8Array;
}

/** One epoch; the last one of a ledger is still open. */
export interface GeneratedEpoch {
  readonly epoch: bigint;
  readonly firstVersion: bigint;
  readonly lastVersion: bigint;
  readonly ended: boolean;
  /** The newest of the epoch: of its last version. */
  readonly ledgerInfo: LedgerInfoWithSignatures;
  /** Of that ledger info, as `version:hash`. */
  readonly waypoint: string;
  /** The state where the epoch ended. */
  readonly snapshot: StateSnapshot | undefined;
}

/**
 * A whole ledger in memory, with all that a node would prove of it. Transactions are numbered by their
 * version; versions are plain numbers where they count what is in memory.
 */
export class GeneratedLedger {
  readonly hashers: LedgerHashers;
  readonly accumulator: StoredAccumulator;
  readonly #records = new PackedBytes();
  readonly #partEnds: number[][] = [[], [], [], []];
  readonly #epochs: GeneratedEpoch[] = [];
  #hasAuxiliaryInfo = false;

  constructor(hashers: LedgerHashers) {
    this.hashers = hashers;
    this.accumulator = new StoredAccumulator(hashers.transactionAccumulator);
  }

  get transactionCount(): number {
    return this.#records.count;
  }

  get lastVersion(): bigint {
    return BigInt(this.transactionCount - 1);
  }

  /** All epochs in order: those that ended, then the open one if it has a version. */
  get epochs(): readonly GeneratedEpoch[] {
    return this.#epochs;
  }

  /** What vouches for everything else: the waypoint where epoch 0 ends. */
  get genesisWaypoint(): string {
    return this.#epochAt(0).waypoint;
  }

  /** Whether any transaction has auxiliary info, for which records of format V0 have no place. */
  get hasAuxiliaryInfo(): boolean {
    return this.#hasAuxiliaryInfo;
  }

  append(parts: TransactionParts): void {
    const { transaction, auxiliaryInfo, transactionInfo, events, writeSet } = parts;
    this.#records.append(transaction, auxiliaryInfo, transactionInfo, events, writeSet);
    let end = 0;
    [transaction, auxiliaryInfo, transactionInfo, events].forEach((part, index) => {
      end += part.length;
      this.#partEnds[index]?.push(end);
    });
    this.#hasAuxiliaryInfo ||= auxiliaryInfo[0] !== 0;
    this.accumulator.append(this.hashers.transactionInfo.hash(transactionInfo));
  }

  endEpoch(ledgerInfo: LedgerInfoWithSignatures, snapshot: StateSnapshot | undefined): void {
    const { commit_info } = ledgerInfo.value.ledger_info;
    this.#epochs.push({
      epoch: commit_info.epoch,
      firstVersion: (this.#epochs.at(-1)?.lastVersion ?? -1n) + 1n,
      lastVersion: commit_info.version,
      ended: commit_info.next_epoch_state !== undefined,
      ledgerInfo,
      waypoint: formatWaypoint(waypointOf(this.hashers, ledgerInfo.value.ledger_info)),
      snapshot,
    });
  }

  /** Of one committed version; views. */
  parts(version: number): TransactionParts {
    const record = this.#records.get(version);
    const [transaction = 0, auxiliary = 0, info = 0, events = 0] = this.#partEnds.map(
      (ends) => ends[version],
    );
    return {
      transaction: record.subarray(0, transaction),
      auxiliaryInfo: record.subarray(transaction, auxiliary),
      transactionInfo: record.subarray(auxiliary, info),
      events: record.subarray(info, events),
      writeSet: record.subarray(events),
    };
  }

  /** The record of a transaction chunk; V0 leaves auxiliary info out. Not to be written to. */
  record(version: number, format: TransactionRecordFormat): Uint8Array {
    if (format === 'V1') return this.#records.get(version);
    const parts = this.parts(version);
    const writer = new BcsWriter();
    for (const part of [parts.transaction, parts.transactionInfo, parts.events, parts.writeSet]) {
      writer.raw(part);
    }
    return writer.toBytes();
  }

  /** Of one committed version. */
  transactionInfo(version: number): TransactionInfo {
    return decode(TransactionInfo, this.parts(version).transactionInfo);
  }

  /** The epoch that a version belongs to. */
  epochOf(version: number): GeneratedEpoch {
    const index = this.#epochs.findIndex((epoch) => BigInt(version) <= epoch.lastVersion);
    return this.#epochAt(index);
  }

  /** Proves one transaction towards the newest ledger info of its epoch. */
  accumulatorProof(version: number): AccumulatorProof {
    return this.accumulator.proof(version, leafCountAt(this.epochOf(version)));
  }

  /** Proves the versions `first` to `last` towards the newest ledger info of the epoch of `last`. */
  rangeProof(first: number, last: number): AccumulatorRangeProof {
    return this.accumulator.rangeProof(first, last, leafCountAt(this.epochOf(last)));
  }

  #epochAt(index: number): GeneratedEpoch {
    const epoch = this.#epochs[index];
    assert(epoch, `no epoch ${index}`);
    return epoch;
  }
}

function leafCountAt(epoch: GeneratedEpoch): number {
  return Number(epoch.lastVersion) + 1;
}
