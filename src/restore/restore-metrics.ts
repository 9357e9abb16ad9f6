import { RunMetrics } from '../verify/run-metrics.js';
import { VerifyMetrics } from '../verify/verify-metrics.js';
import type { VersionRange } from './proven-transactions.js';

/**
 * The metrics of restores under the reference's names (spec: cli.md, section 10). They tell what was written;
 * what a dry run has proven is told by those of verifications.
 */
export class RestoreMetrics extends RunMetrics {
  readonly #target = this.gauge(
    'coordinator_target_version',
    'The version asked for, or the newest one of the archive if that is earlier',
  );
  readonly #saved = this.gauge('transaction_save_version', 'Last version that was written without replay');
  readonly #replayed = this.gauge(
    'transaction_replay_version',
    'Last version whose write set was applied to the state',
  );
  /** For dry runs; in the same registry. */
  readonly verified = new VerifyMetrics(this.registry);

  constructor() {
    super('aptos_db_restore', 'restored');
  }

  /** Where the restore will end. */
  target(version: bigint): void {
    this.#target.set(Number(version));
  }

  /**
   * Transactions were written.
   * @param replayFrom the first version whose write set is applied; undefined: none is
   */
  transactions({ first, last }: VersionRange, replayFrom: bigint | undefined): void {
    const isReplayed = replayFrom !== undefined && last >= replayFrom;
    if (isReplayed) this.#replayed.set(Number(last));
    if (!isReplayed) this.#saved.set(Number(last));
    else if (first < replayFrom) this.#saved.set(Number(replayFrom - 1n));
  }
}
