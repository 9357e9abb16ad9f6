import type { BackupReadOptions } from '../aptosdb/backup-reader.js';
import { BcsError } from '../bcs/bcs-error.js';
import { decode } from '../bcs/codec.js';
import { HASH_SIZE } from '../hashing/hash-value.js';
import { Accumulator } from '../merkle/accumulator.js';
import { verifyAccumulatorProof } from '../merkle/accumulator-proof.js';
import { hashTransactionInfo } from '../types/hashes.js';
import { LedgerInfoWithSignatures } from '../types/ledger-info.js';
import { StateSnapshotProof, TransactionChunkProof } from '../types/proofs.js';
import type { TransactionRecordFormat } from '../types/transaction-record.js';
import { type BackupServiceClient, decodeAnswer } from './backup-service-client.js';
import { addTrustedEnding, type LedgerTrust, requireProof, trustedLedgerInfo } from './proof-check.js';
import { requireAll } from './record-count.js';
import { ServiceError } from './service-error.js';
import { ITEM_COUNT_UNKNOWN, SnapshotSource } from './snapshot-source.js';
import { invalidRecord, type TransactionBatch, TransactionBatchCheck } from './transaction-batch.js';
import type { VerifiedProof } from './verified-proof.js';

/** An epoch ending that the caller's history has taken in. */
export interface VerifiedEpochEnding {
  readonly epoch: bigint;
  readonly signed: LedgerInfoWithSignatures;
  /** The BCS of it, an array of its own. */
  readonly bytes: Uint8Array;
}

/**
 * Reads a ledger through a backup service and takes nothing on the service's word: every record is
 * counted, every proof is verified against the caller's trust before it is handed on. Everything throws
 * `ServiceError`, whose code says in what way the service failed or lied.
 */
export class VerifiedLedgerSource {
  readonly client: BackupServiceClient;
  readonly #trust: LedgerTrust;
  readonly #proving: <Result>(work: () => Result) => Result;
  /** Made with the first records: it has memory of its own. */
  #transactionCheck: TransactionBatchCheck | undefined;

  /** @param proving runs work that proves records, so that its time can be taken */
  constructor(
    client: BackupServiceClient,
    trust: LedgerTrust,
    proving: <Result>(work: () => Result) => Result = (work) => work(),
  ) {
    this.client = client;
    this.#trust = trust;
    this.#proving = proving;
  }

  /**
   * The endings of [startEpoch, endEpoch), all of them, each of which is added to the caller's history
   * before it is yielded.
   * @throws ServiceError SERVICE_RECORDS_MISSING, SERVICE_RECORD_INVALID, SERVICE_RECORD_MISPLACED,
   *   SERVICE_LEDGER_INFO_REFUSED, or what the client throws
   */
  async *epochEndings(
    startEpoch: bigint,
    endEpoch: bigint,
    options: BackupReadOptions = {},
  ): AsyncGenerator<VerifiedEpochEnding> {
    let epoch = startEpoch;
    for await (const bytes of this.client.epochEndingLedgerInfos(startEpoch, endEpoch, options)) {
      const signed = decodeEnding(bytes, epoch);
      addTrustedEnding(this.#trust, signed);
      yield { epoch, signed, bytes };
      epoch++;
    }
    requireAll('epoch endings', startEpoch, endEpoch, epoch);
  }

  /**
   * The records of versions `firstVersion` and following, exactly `count` of them, each held against its
   * own transaction info. That the infos are the ledger's is shown by `proveTransactions`: store nothing
   * before. A batch is valid until the next one.
   * @throws ServiceError SERVICE_RECORDS_MISSING, SERVICE_RECORD_INVALID, SERVICE_RECORD_HASH_MISMATCH, or
   *   what the client throws
   */
  async *transactions(
    firstVersion: bigint,
    count: bigint,
    options: BackupReadOptions & { readonly format?: TransactionRecordFormat } = {},
  ): AsyncGenerator<TransactionBatch> {
    this.#transactionCheck ??= new TransactionBatchCheck(this.#trust.hashers);
    const check = this.#transactionCheck;
    const { format = 'V1' } = options;
    let version = firstVersion;
    for await (const batch of this.client.transactionBatches(firstVersion, count, options)) {
      const first = version;
      yield this.#proving(() => check.check(batch, first, format));
      version += BigInt(batch.count);
    }
    requireAll('transactions', firstVersion, firstVersion + count, version);
  }

  /**
   * Proves that the versions from `firstVersion` on have these transaction infos in the signed ledger.
   * @param infoHashes 32 bytes each, of one version at least
   * @throws ServiceError SERVICE_BODY_INVALID, SERVICE_LEDGER_INFO_REFUSED, SERVICE_PROOF_MISMATCH, or what
   *   the client throws
   */
  async proveTransactions(
    firstVersion: bigint,
    infoHashes: Uint8Array,
    options: BackupReadOptions = {},
  ): Promise<VerifiedProof<TransactionChunkProof>> {
    const lastVersion = firstVersion + BigInt(infoHashes.length / HASH_SIZE) - 1n;
    const subject = `versions ${firstVersion} to ${lastVersion}`;
    const bytes = await this.client.transactionRangeProof(firstVersion, lastVersion, options);
    const proof = decodeAnswer(TransactionChunkProof, bytes, `transaction_range_proof of ${subject}`);
    const [range, signed] = proof;
    const { commit_info } = trustedLedgerInfo(this.#trust, signed, subject);
    const { transactionAccumulator } = this.#trust.hashers;
    const prove = () => {
      const accumulator = Accumulator.fromLeftSiblings(
        transactionAccumulator,
        range.left_siblings,
        firstVersion,
      );
      accumulator.appendMany(infoHashes);
      const { executed_state_id: root, version } = commit_info;
      accumulator.verify(range.right_siblings, root, version + 1n);
    };
    requireProof(subject, () => this.#proving(prove));
    return { bytes, proof };
  }

  /**
   * The state snapshot at a version, with its root proven by the signed ledger.
   * @throws ServiceError SERVICE_BODY_INVALID, SERVICE_LEDGER_INFO_REFUSED, SERVICE_PROOF_MISMATCH,
   *   SERVICE_NO_STATE_CHECKPOINT, or what the client throws
   */
  async snapshot(version: bigint, options: BackupReadOptions = {}): Promise<SnapshotSource> {
    const subject = `the root of snapshot ${version}`;
    const bytes = await this.client.stateRootProof(version, options);
    const proof = decodeAnswer(StateSnapshotProof, bytes, `state_root_proof of version ${version}`);
    const [{ ledger_info_to_transaction_info_proof: path, transaction_info: info }, signed] = proof;
    const { commit_info } = trustedLedgerInfo(this.#trust, signed, subject);
    requireProof(subject, () => {
      verifyAccumulatorProof(this.#trust.hashers.transactionAccumulator, {
        root: commit_info.executed_state_id,
        leafHash: hashTransactionInfo(this.#trust.hashers, info),
        index: version,
        siblings: path.siblings,
        leafCount: commit_info.version + 1n,
      });
    });
    const { state_checkpoint_hash: rootHash } = info.value;
    if (!rootHash) {
      const message = `the transaction of version ${version} carries no state root`;
      throw new ServiceError('SERVICE_NO_STATE_CHECKPOINT', message, { facts: { version } });
    }
    const itemCount = await this.#itemCount(version, options);
    const { hashers } = this.#trust;
    const rootProof = { bytes, proof };
    const { client } = this;
    return new SnapshotSource({
      client,
      hashers,
      version,
      epoch: commit_info.epoch,
      rootHash,
      itemCount,
      rootProof,
    });
  }

  async #itemCount(version: bigint, options: BackupReadOptions): Promise<bigint> {
    try {
      return await this.client.stateItemCount(version, options);
    } catch (error) {
      if (error instanceof ServiceError && error.code === 'SERVICE_ENDPOINT_UNKNOWN')
        return ITEM_COUNT_UNKNOWN;
      throw error;
    }
  }
}

function decodeEnding(bytes: Uint8Array, epoch: bigint): LedgerInfoWithSignatures {
  let signed: LedgerInfoWithSignatures;
  try {
    signed = decode(LedgerInfoWithSignatures, bytes);
  } catch (error) {
    if (!(error instanceof BcsError)) throw error;
    throw invalidRecord(`the ending of epoch ${epoch}`, error);
  }
  const { commit_info } = signed.value.ledger_info;
  if (commit_info.epoch === epoch && commit_info.next_epoch_state) return signed;
  const what = commit_info.next_epoch_state ? 'the ending' : 'a ledger info within';
  const message = `the service sends ${what} of epoch ${commit_info.epoch} as the ending of epoch ${epoch}`;
  throw new ServiceError('SERVICE_RECORD_MISPLACED', message, {
    facts: { expected: epoch, actual: commit_info.epoch },
  });
}
