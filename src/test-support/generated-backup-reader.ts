import type { BackupReader, BackupReadOptions } from '../aptosdb/backup-reader.js';
import { encode } from '../bcs/codec.js';
import { equalBytes, type HashValue } from '../hashing/hash-value.js';
import {
  SparseMerkleRangeProof,
  StateSnapshotProof,
  TransactionChunkProof,
  type DbState,
} from '../types/proofs.js';
import { LedgerInfoWithSignatures } from '../types/ledger-info.js';
import type { GeneratedLedger } from '../testing/generated-ledger.js';
import type { StateSnapshot } from '../testing/state-snapshot.js';

/**
 * A generated ledger as a backup service reads one, without a database: every answer is computed from
 * what the generator kept. State snapshots are there where epochs end.
 */
export class GeneratedBackupReader implements BackupReader {
  readonly #ledger: GeneratedLedger;

  constructor(ledger: GeneratedLedger) {
    this.#ledger = ledger;
  }

  async dbState(): Promise<DbState | undefined> {
    const newest = this.#ledger.epochs.at(-1);
    return newest && { epoch: newest.epoch, committed_version: newest.lastVersion };
  }

  async *epochEndingLedgerInfos(
    startEpoch: bigint,
    endEpoch: bigint,
    { signal }: BackupReadOptions = {},
  ): AsyncGenerator<Uint8Array> {
    for (let epoch = startEpoch; epoch < endEpoch; epoch++) {
      signal?.throwIfAborted();
      const found = this.#ledger.epochs.find((candidate) => candidate.ended && candidate.epoch === epoch);
      if (!found) return;
      yield encode(LedgerInfoWithSignatures, found.ledgerInfo);
    }
  }

  async *transactions(
    startVersion: bigint,
    count: bigint,
    { signal }: BackupReadOptions = {},
  ): AsyncGenerator<Uint8Array> {
    const end = startVersion + count;
    for (let version = startVersion; version < end && version <= this.#ledger.lastVersion; version++) {
      signal?.throwIfAborted();
      yield this.#ledger.record(Number(version), 'V1').slice();
    }
  }

  async transactionRangeProof(firstVersion: bigint, lastVersion: bigint): Promise<Uint8Array> {
    const [first, last] = [this.#present(firstVersion), this.#present(lastVersion)];
    const { ledgerInfo } = this.#ledger.epochOf(last);
    return encode(TransactionChunkProof, [this.#ledger.rangeProof(first, last), ledgerInfo]);
  }

  async stateItemCount(version: bigint): Promise<bigint> {
    return BigInt(this.#snapshot(version).itemCount);
  }

  async *stateItems(
    version: bigint,
    startIndex: bigint,
    limit: bigint,
    { signal }: BackupReadOptions = {},
  ): AsyncGenerator<Uint8Array> {
    const snapshot = this.#snapshot(version);
    for (let index = startIndex; index < startIndex + limit && index < BigInt(snapshot.itemCount); index++) {
      signal?.throwIfAborted();
      yield snapshot.record(Number(index));
    }
  }

  async stateRangeProof(version: bigint, endKey: HashValue): Promise<Uint8Array> {
    const snapshot = this.#snapshot(version);
    for (let index = 0; index < snapshot.itemCount; index++) {
      if (!equalBytes(snapshot.keyHash(index), endKey)) continue;
      return encode(SparseMerkleRangeProof, snapshot.rangeProof(index));
    }
    throw new Error('rightmost_key_to_prove must exist.');
  }

  async stateRootProof(version: bigint): Promise<Uint8Array> {
    const present = this.#present(version);
    const infoWithProof = {
      ledger_info_to_transaction_info_proof: this.#ledger.accumulatorProof(present),
      transaction_info: this.#ledger.transactionInfo(present),
    };
    return encode(StateSnapshotProof, [infoWithProof, this.#ledger.epochOf(present).ledgerInfo]);
  }

  #present(version: bigint): number {
    if (version <= this.#ledger.lastVersion) return Number(version);
    throw new Error(`Transaction info at version ${version} not found.`);
  }

  #snapshot(version: bigint): StateSnapshot {
    const found = this.#ledger.epochs.find(({ snapshot }) => snapshot?.version === version)?.snapshot;
    if (found) return found;
    throw new Error(`Root node not found for version ${version}.`);
  }
}
