import { pMapIterable } from 'p-map';
import type { TransactionManifest } from '../archive/transaction-manifest.js';
import { equalBytes } from '../hashing/hash-value.js';
import { rootFromNeighbours } from '../merkle/accumulator-proof.js';
import { MerkleError } from '../merkle/merkle-error.js';
import type { EpochHistory } from '../trust/epoch-history.js';
import type { VerifyContext } from './context.js';
import type { LoadedManifest } from './manifests.js';
import { addRange, type ProvenRange } from './report.js';
import { type ChunkOutcome, TransactionChunkVerifier } from './transaction-chunk.js';

/** Which versions the chunks prove. */
export interface TransactionOutcome {
  readonly proven: readonly ProvenRange[];
}

/**
 * Verifies transaction backups chunk by chunk, several at once, and adjacent chunks against each other.
 * What lies beyond a gap is verified as far as its own proofs reach.
 */
export class TransactionVerifier {
  readonly #context: VerifyContext;
  readonly #chunks: TransactionChunkVerifier;
  readonly #signaturesChecked: boolean;
  #proven: ProvenRange[] = [];
  #notAnchored: ProvenRange[] = [];

  constructor(context: VerifyContext, history: EpochHistory | undefined) {
    this.#context = context;
    this.#chunks = new TransactionChunkVerifier(context, history);
    this.#signaturesChecked = history !== undefined;
  }

  /** `backups` in the order of their versions; `total` is how many versions they say they hold. */
  async verify(
    backups: AsyncIterable<LoadedManifest<TransactionManifest>>,
    total: number,
  ): Promise<TransactionOutcome> {
    const { concurrency, progress, tally, findings } = this.#context;
    const outcomes = pMapIterable(
      chunksOf(backups),
      ({ chunk, handle }) => this.#chunks.verify(chunk, handle),
      // Rows of an analysis are written in the order of versions.
      { concurrency: this.#context.analysis ? 1 : concurrency },
    );
    let previous: ChunkOutcome | undefined;
    for await (const outcome of outcomes) {
      this.#compareNeighbours(previous, outcome);
      this.#count(outcome);
      previous = outcome;
      progress({ stage: 'transactions', done: tally.transactions, total, unit: 'transactions' });
    }
    for (const { first, last } of this.#notAnchored) {
      findings.add({
        code: 'NOT_ANCHORED',
        message: `no chain leads from the trust root to the signers of versions ${first} to ${last}`,
        versions: [first, last],
        hint: 'Mend what breaks the chain of epoch endings, or trust a later waypoint.',
      });
    }
    return { proven: this.#proven };
  }

  #count({ chunk, verdict }: ChunkOutcome): void {
    const range = { first: chunk.firstVersion, last: chunk.lastVersion };
    if (verdict === 'proven') this.#proven = addRange(this.#proven, range);
    if (verdict === 'consistent' && this.#signaturesChecked) {
      this.#notAnchored = addRange(this.#notAnchored, range);
    }
  }

  /** What one chunk leaves behind must be what the next one begins with, whoever signed either. */
  #compareNeighbours(earlier: ChunkOutcome | undefined, later: ChunkOutcome): void {
    if (!earlier?.proof || !later.proof) return;
    if (earlier.chunk.lastVersion + 1n !== later.chunk.firstVersion) return;
    const [{ left_siblings: left }] = later.proof;
    // Records that contradict their own proof are a finding already and say nothing about the neighbour.
    if (earlier.recordsRead && !earlier.accumulator) return;
    const agree = earlier.accumulator
      ? sameHashes(earlier.accumulator.frozenRoots, left.toReversed())
      : this.#agreeWithoutRecords(earlier.proof, later.chunk.firstVersion, left);
    if (agree) return;
    this.#context.findings.add({
      code: 'NEIGHBOURS_DISAGREE',
      message: `the proofs on both sides of version ${later.chunk.firstVersion} tell different ledgers before it`,
      file: later.chunk.proof,
      otherFiles: [earlier.chunk.proof],
      versions: [earlier.chunk.firstVersion, later.chunk.lastVersion],
    });
  }

  /** Two adjacent proofs give the earlier one's root without a record (spec: formats.md, 6.2 c). */
  #agreeWithoutRecords(
    [{ right_siblings: earlierRightSiblings }, signed]: NonNullable<ChunkOutcome['proof']>,
    boundary: bigint,
    laterLeftSiblings: readonly Uint8Array[],
  ): boolean {
    try {
      const { transactionAccumulator } = this.#context.hashers;
      const neighbours = { boundary, laterLeftSiblings, earlierRightSiblings };
      const root = rootFromNeighbours(transactionAccumulator, neighbours);
      return equalBytes(root, signed.value.ledger_info.commit_info.executed_state_id);
    } catch (error) {
      if (error instanceof MerkleError) return false;
      throw error;
    }
  }
}

async function* chunksOf(backups: AsyncIterable<LoadedManifest<TransactionManifest>>) {
  for await (const { handle, manifest } of backups) {
    for (const chunk of manifest.chunks) yield { chunk, handle };
  }
}

function sameHashes(left: readonly Uint8Array[], right: readonly Uint8Array[]): boolean {
  return (
    left.length === right.length &&
    left.every((hash, index) => equalBytes(hash, right[index] ?? hash.slice(1)))
  );
}
