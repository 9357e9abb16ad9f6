import { Gauge, Registry } from 'prom-client';
import type { LedgerInfoWithSignatures } from '../types/ledger-info.js';

/** Of which runs: the reference's names begin with it. */
export type RunMetricsPrefix = 'aptos_db_backup_verify' | 'aptos_db_restore';

/**
 * What verifications and restores show alike, as gauges under the reference's names (spec: cli.md, section 10).
 * A gauge that was never set is 0. It is a double: numbers above 2^53 are rounded.
 */
export class RunMetrics {
  readonly registry: Registry;
  readonly #prefix: RunMetricsPrefix;
  readonly #startedAt: Gauge;
  readonly #succeededAt: Gauge;
  readonly #failedAt: Gauge;
  readonly #epoch: Gauge;
  readonly #epochVersion: Gauge;
  readonly #snapshotVersion: Gauge;
  readonly #targetLeafIndex: Gauge;
  readonly #leafIndex: Gauge;

  /** @param what a past participle for the descriptions, such as `verified` */
  constructor(prefix: RunMetricsPrefix, what: string, registry: Registry = new Registry()) {
    this.#prefix = prefix;
    this.registry = registry;
    this.#startedAt = this.gauge('coordinator_start_timestamp_s', 'Unix time of the beginning of the run');
    this.#succeededAt = this.gauge('coordinator_succeed_timestamp_s', 'Unix time of its end without fault');
    this.#failedAt = this.gauge('coordinator_fail_timestamp_s', 'Unix time of its end with a fault');
    this.#epoch = this.gauge('epoch_ending_epoch', `Epoch of the epoch ending that was ${what} last`);
    this.#epochVersion = this.gauge('epoch_ending_version', `Version of the epoch ending ${what} last`);
    this.#snapshotVersion = this.gauge('state_snapshot_version', `Version of the snapshot being ${what}`);
    this.#targetLeafIndex = this.gauge(
      'state_snapshot_target_leaf_index',
      'Index of the last item of that snapshot',
    );
    this.#leafIndex = this.gauge(
      'state_snapshot_leaf_index',
      `Index of the item of that snapshot that was ${what} last`,
    );
  }

  /** A gauge of the registry, by the end of its name. */
  protected gauge(name: string, help: string): Gauge {
    return new Gauge({ name: `${this.#prefix}_${name}`, help, registers: [this.registry] });
  }

  /**
   * Runs the work of a whole coordinator, and keeps when it began and how it ended.
   * @param isGood whether what it gave counts as success; what it throws never does
   */
  async coordinated<Result>(
    work: () => Promise<Result>,
    isGood: (result: Result) => boolean = () => true,
  ): Promise<Result> {
    this.#startedAt.set(unixSeconds());
    let succeeded = false;
    try {
      const result = await work();
      succeeded = isGood(result);
      return result;
    } finally {
      (succeeded ? this.#succeededAt : this.#failedAt).set(unixSeconds());
    }
  }

  /**
   * Endings of epochs, in their order.
   * @param target those of later versions do not count
   */
  epochEndings(ledgerInfos: readonly LedgerInfoWithSignatures[], target?: bigint): void {
    const infos = ledgerInfos.map(({ value }) => value.ledger_info.commit_info);
    const last = infos.findLast(({ version }) => target === undefined || version <= target);
    if (last === undefined) return;
    this.#epoch.set(Number(last.epoch));
    this.#epochVersion.set(Number(last.version));
  }

  /** The first `done` of a snapshot's `total` items. */
  stateItems(version: bigint, done: number, total: number): void {
    this.#snapshotVersion.set(Number(version));
    if (total > 0) this.#targetLeafIndex.set(total - 1);
    if (done > 0) this.#leafIndex.set(done - 1);
  }
}

function unixSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
