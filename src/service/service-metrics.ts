import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { StreamPosition } from './routes.js';

/** 1 microsecond to 36 minutes, doubling. */
const TIMER_BUCKETS = Array.from({ length: 32 }, (_, power) => 1e-6 * 2 ** power);

/** The metrics of a backup service under the reference's names (spec: backup-service.md, section 6). */
export class ServiceMetrics {
  readonly registry = new Registry();
  readonly #latency = new Histogram({
    name: 'aptos_backup_service_latency_s',
    help: 'Seconds until the response headers of a request, by endpoint and status',
    labelNames: ['endpoint', 'status'],
    registers: [this.registry],
  });
  readonly #sentBytes = new Counter({
    name: 'aptos_backup_service_sent_bytes',
    help: 'Bytes of response bodies, by endpoint',
    labelNames: ['endpoint'],
    registers: [this.registry],
  });
  readonly #epoch = this.#gauge(
    'aptos_backup_handler_epoch_ending_epoch',
    'Epoch whose ending was streamed last',
  );
  readonly #version = this.#gauge(
    'aptos_backup_handler_transaction_version',
    'Version that was streamed last',
  );
  readonly #snapshotVersion = this.#gauge(
    'aptos_backup_handler_state_snapshot_version',
    'Version of the state snapshot that was streamed last',
  );
  readonly #leafIndex = this.#gauge(
    'aptos_backup_handler_state_snapshot_leaf_index',
    'Index of the state item that was streamed last',
  );
  readonly #timers = new Histogram({
    name: 'aptos_backup_handler_timers_seconds',
    help: 'Seconds that a whole stream took, by name',
    labelNames: ['name'],
    buckets: TIMER_BUCKETS,
    registers: [this.registry],
  });

  #gauge(name: string, help: string): Gauge {
    return new Gauge({ name, help, registers: [this.registry] });
  }

  answered(endpoint: string, status: number, seconds: number): void {
    this.#latency.observe({ endpoint, status: `${status}` }, seconds);
  }

  sent(endpoint: string, bytes: number): void {
    this.#sentBytes.inc({ endpoint }, bytes);
  }

  /** `count` records of a stream are on their way. */
  streamed(position: StreamPosition, count: number): void {
    if (position.snapshotVersion !== undefined) this.#snapshotVersion.set(Number(position.snapshotVersion));
    if (count === 0) return;
    // A gauge is a double: versions above 2^53 are rounded, which a monitor can live with.
    const last = Number(position.first) + count - 1;
    if (position.series === 'epoch') this.#epoch.set(last);
    else if (position.series === 'version') this.#version.set(last);
    else this.#leafIndex.set(last);
  }

  streamEnded(endpoint: string, seconds: number): void {
    this.#timers.observe({ name: `backup_service_bytes_sender_${endpoint}` }, seconds);
  }
}
