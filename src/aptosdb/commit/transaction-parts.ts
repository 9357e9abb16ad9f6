import { equalBytes, HASH_SIZE, type HashValue, toHex } from '../../hashing/hash-value.js';
import { accumulatorRoot } from '../../merkle/accumulator-root.js';
import { hashAuxiliaryInfo, hashTransaction } from '../../types/hashes.js';
import type { LedgerHashers } from '../../types/ledger-family.js';
import { TransactionRecordWalk } from '../../types/transaction-record-walk.js';
import { CommitError } from './commit-error.js';

/** One transaction with its output, each part as BCS; views of the record. */
export interface TransactionParts {
  readonly version: bigint;
  readonly transaction: Uint8Array;
  readonly auxiliaryInfo: Uint8Array;
  readonly transactionInfo: Uint8Array;
  readonly events: readonly Uint8Array[];
  readonly writeSet: Uint8Array;
  /** What the info says: the hash under which the transaction is committed. */
  readonly transactionHash: HashValue;
  /** The root of the state, if this version is a checkpoint. */
  readonly stateCheckpointHash: HashValue | undefined;
}

/** Stands for the hash that an info does not have. */
const NO_HASH = new Uint8Array(HASH_SIZE);

/** Takes records apart and checks each part against its info. One instance serves any number of records. */
export class TransactionSplitter {
  readonly #hashers: LedgerHashers;
  readonly #walk = new TransactionRecordWalk();

  constructor(hashers: LedgerHashers) {
    this.#hashers = hashers;
  }

  /** Where the parts of the record that was split last lie in it. */
  get walk(): TransactionRecordWalk {
    return this.#walk;
  }

  /**
   * @param record a record of format V1; kept by the result, not copied
   * @throws BcsError
   * @throws CommitError COMMIT_PART_MISMATCH
   */
  split(record: Uint8Array, version: bigint): TransactionParts {
    const walk = this.#walk;
    walk.walk(record, 0, record.length, 'V1', this.#hashers.family.dialect);
    const hashAt = (start: number) => record.subarray(start, start + HASH_SIZE);
    const parts: TransactionParts = {
      version,
      transaction: record.subarray(walk.transactionStart, walk.transactionEnd),
      auxiliaryInfo: record.subarray(walk.auxiliaryStart, walk.auxiliaryEnd),
      transactionInfo: record.subarray(walk.infoStart, walk.infoEnd),
      events: walk.eventStarts
        .slice(0, walk.eventCount)
        .map((start, index) => record.subarray(start, walk.eventEnds[index])),
      writeSet: record.subarray(walk.writeSetStart, walk.writeSetEnd),
      transactionHash: hashAt(walk.transactionHash),
      stateCheckpointHash: walk.stateCheckpointHash < 0 ? undefined : hashAt(walk.stateCheckpointHash),
    };
    const auxiliaryHash = walk.auxiliaryInfoHash < 0 ? undefined : hashAt(walk.auxiliaryInfoHash);
    const auxiliaryActual = hashAuxiliaryInfo(this.#hashers, parts.auxiliaryInfo);
    this.#require(parts, 'auxiliary info', auxiliaryHash ?? NO_HASH, auxiliaryActual ?? NO_HASH);
    this.#require(
      parts,
      'transaction',
      parts.transactionHash,
      hashTransaction(this.#hashers, parts.transaction),
    );
    this.#require(parts, 'events', hashAt(walk.eventRootHash), this.#eventRoot(parts.events));
    this.#require(
      parts,
      'write set',
      hashAt(walk.stateChangeHash),
      this.#hashers.writeSet.hash(parts.writeSet),
    );
    return parts;
  }

  #eventRoot(events: readonly Uint8Array[]): HashValue {
    const leaves = new Uint8Array(events.length * HASH_SIZE);
    events.forEach((event, index) => {
      leaves.set(this.#hashers.contractEvent.hash(event), index * HASH_SIZE);
    });
    return accumulatorRoot(this.#hashers.eventAccumulator, leaves, events.length);
  }

  #require({ version }: TransactionParts, part: string, expected: HashValue, actual: HashValue): void {
    if (equalBytes(expected, actual)) return;
    throw new CommitError(
      'COMMIT_PART_MISMATCH',
      `the ${part} of version ${version} hashes to ${toHex(actual)}, its info says ${toHex(expected)}`,
      { facts: { version, part, expected: toHex(expected), actual: toHex(actual) } },
    );
  }
}
