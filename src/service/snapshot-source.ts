import type { BackupReadOptions } from '../aptosdb/backup-reader.js';
import { equalBytes, type HashValue, toHex } from '../hashing/hash-value.js';
import { sparseMerkleHashers } from '../merkle/sparse-merkle-hashers.js';
import { StateTreeFrontier } from '../merkle/state-tree-frontier.js';
import { StateTreeSegment } from '../merkle/state-tree-segment.js';
import type { LedgerHashers } from '../types/ledger-family.js';
import { SparseMerkleRangeProof, type StateSnapshotProof } from '../types/proofs.js';
import { type BackupServiceClient, decodeAnswer } from './backup-service-client.js';
import { requireProof } from './proof-check.js';
import { requireAll } from './record-count.js';
import { ServiceError } from './service-error.js';
import { hashStateBatch, type StateBatch } from './state-batch.js';
import type { VerifiedProof } from './verified-proof.js';

/** The count of a snapshot whose service cannot tell it: an older one, which knows no chunks either. */
export const ITEM_COUNT_UNKNOWN = 2n ** 64n - 1n;

interface SnapshotParts {
  readonly client: BackupServiceClient;
  readonly hashers: LedgerHashers;
  readonly version: bigint;
  readonly epoch: bigint;
  readonly rootHash: HashValue;
  readonly itemCount: bigint;
  readonly rootProof: VerifiedProof<StateSnapshotProof>;
}

/**
 * One state snapshot of a service. Its root is proven; items are streamed in any portions and side by
 * side, and proven in their order by a `SnapshotProver`.
 */
export class SnapshotSource {
  readonly version: bigint;
  /** Of the ledger info that proves the root. */
  readonly epoch: bigint;
  readonly rootHash: HashValue;
  /** What the service says, or ITEM_COUNT_UNKNOWN; `SnapshotProver.finish` shows whether it is all. */
  readonly itemCount: bigint;
  readonly rootProof: VerifiedProof<StateSnapshotProof>;
  readonly #client: BackupServiceClient;
  readonly #hashers: LedgerHashers;

  constructor(parts: SnapshotParts) {
    this.version = parts.version;
    this.epoch = parts.epoch;
    this.rootHash = parts.rootHash;
    this.itemCount = parts.itemCount;
    this.rootProof = parts.rootProof;
    this.#client = parts.client;
    this.#hashers = parts.hashers;
  }

  /**
   * The items [startIndex, startIndex + limit) as far as there are such, hashed but not proven. A batch
   * is valid until the next one.
   * @throws ServiceError SERVICE_RECORDS_MISSING, SERVICE_RECORD_INVALID, or what the client throws
   */
  async *items(
    startIndex: bigint,
    limit: bigint,
    options: BackupReadOptions = {},
  ): AsyncGenerator<StateBatch> {
    const available = this.itemCount > startIndex ? this.itemCount - startIndex : 0n;
    const count = limit < available ? limit : available;
    if (count === 0n) return;
    let index = startIndex;
    for await (const batch of this.#client.stateItemBatches(this.version, startIndex, count, options)) {
      yield hashStateBatch(this.#hashers, batch, index);
      index += BigInt(batch.count);
    }
    requireAll('state items', startIndex, startIndex + count, index);
  }

  /**
   * Items as a part of the tree by itself, for chunks that are read side by side; segments that follow
   * each other are merged with `merge`.
   * @throws ServiceError SERVICE_KEYS_NOT_INCREASING
   */
  segment({ firstIndex, keyHashes, valueHashes, count }: StateBatch): StateTreeSegment {
    const hashers = sparseMerkleHashers(this.#hashers);
    return requireProof(`state items from ${firstIndex} on`, () =>
      StateTreeSegment.fromLeaves(hashers, keyHashes, valueHashes, count),
    );
  }

  prover(): SnapshotProver {
    return new SnapshotProver(this, this.#client, this.#hashers);
  }
}

/** Proves the items of a snapshot from left to right. */
export class SnapshotProver {
  readonly #snapshot: SnapshotSource;
  readonly #client: BackupServiceClient;
  readonly #frontier: StateTreeFrontier;

  constructor(snapshot: SnapshotSource, client: BackupServiceClient, hashers: LedgerHashers) {
    this.#snapshot = snapshot;
    this.#client = client;
    this.#frontier = new StateTreeFrontier(sparseMerkleHashers(hashers));
  }

  /** Items that were added so far. */
  get itemCount(): number {
    return this.#frontier.leafCount;
  }

  /**
   * Adds the items that follow those added before.
   * @throws ServiceError SERVICE_KEYS_NOT_INCREASING
   */
  add(items: Pick<StateBatch, 'keyHashes' | 'valueHashes' | 'count'> | StateTreeSegment): void {
    requireProof(`state items from ${this.itemCount} on`, () => {
      if (items instanceof StateTreeSegment) this.#frontier.addSegment(items);
      else this.#frontier.addMany(items.keyHashes, items.valueHashes, items.count);
    });
  }

  /**
   * Proves that all items so far are the complete left part of the state: the proof of a chunk that ends
   * here. At least one item must have been added.
   * @throws ServiceError SERVICE_BODY_INVALID, SERVICE_PROOF_MISMATCH, or what the client throws
   */
  async proveChunk(options: BackupReadOptions = {}): Promise<VerifiedProof<SparseMerkleRangeProof>> {
    const { version, rootHash } = this.#snapshot;
    const subject = `state items up to ${this.itemCount - 1} of version ${version}`;
    // As it is now: items may be added while the proof is on its way.
    const frontier = this.#frontier.clone();
    const { lastKey } = frontier;
    if (!lastKey) throw new RangeError('no state item was added');
    const bytes = await this.#client.stateRangeProof(version, lastKey, options);
    const proof = decodeAnswer(SparseMerkleRangeProof, bytes, `state_range_proof of ${subject}`);
    requireProof(subject, () => frontier.verify(proof.right_siblings, rootHash));
    return { bytes, proof };
  }

  /**
   * To be called behind the last item: shows that nothing is missing.
   * @throws ServiceError SERVICE_STATE_INCOMPLETE
   */
  finish(): void {
    const { rootHash, itemCount, version } = this.#snapshot;
    const actual = this.#frontier.currentRoot();
    const isCounted = itemCount === ITEM_COUNT_UNKNOWN || BigInt(this.itemCount) === itemCount;
    if (isCounted && equalBytes(actual, rootHash)) return;
    const counted = itemCount === ITEM_COUNT_UNKNOWN ? '' : `, of ${itemCount} that the service counts,`;
    const message = `${this.itemCount} items${counted} are not the state of version ${version}`;
    throw new ServiceError('SERVICE_STATE_INCOMPLETE', message, {
      hint: 'The service holds back state items: do not store them.',
      facts: { version, expected: toHex(rootHash), actual: toHex(actual) },
    });
  }
}
