import { pMapIterable } from 'p-map';
import type { TransactionManifest } from '../archive/transaction-manifest.js';
import type { EpochHistory } from '../trust/epoch-history.js';
import type { VerifyContext } from './context.js';
import type { LoadedManifest } from './manifests.js';
import { addRange, type ProvenRange } from './report.js';
import { type ChunkOutcome, TransactionChunkVerifier } from './transaction-chunk.js';
import { compareNeighbours } from './transaction-neighbours.js';

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
      compareNeighbours(this.#context, previous, outcome);
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
    if (verdict !== 'faulty') this.#context.metrics?.transactions(chunk.lastVersion);
    const range = { first: chunk.firstVersion, last: chunk.lastVersion };
    if (verdict === 'proven') this.#proven = addRange(this.#proven, range);
    if (verdict === 'consistent' && this.#signaturesChecked) {
      this.#notAnchored = addRange(this.#notAnchored, range);
    }
  }
}

async function* chunksOf(backups: AsyncIterable<LoadedManifest<TransactionManifest>>) {
  for await (const { handle, manifest } of backups) {
    for (const chunk of manifest.chunks) yield { chunk, handle };
  }
}
