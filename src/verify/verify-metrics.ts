import type { Registry } from 'prom-client';
import { RunMetrics } from './run-metrics.js';

/** The metrics of verifying an archive under the reference's names (spec: cli.md, section 10). */
export class VerifyMetrics extends RunMetrics {
  readonly #version = this.gauge(
    'transaction_version',
    'Last version of the chunk of transactions that was verified last',
  );

  /** @param registry where they are registered; one of their own by default */
  constructor(registry?: Registry) {
    super('aptos_db_backup_verify', 'verified', registry);
  }

  /** Transactions up to a version. */
  transactions(lastVersion: bigint): void {
    this.#version.set(Number(lastVersion));
  }
}
