import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Timers of the reference (spec: cli.md, section 10). Ours work on batches where its work on records. */
export type TimerName =
  | `backup_service_client_get_${string}`
  /** Waiting for the next bytes of any stream. */
  | 'read_record_bytes'
  /** The same, of a state snapshot's streams. */
  | 'state_snapshot_read_record_bytes'
  /** A whole stream of state items. */
  | 'state_snapshot_record_stream_all'
  /** Until what was read from a stream of state items is taken. */
  | 'state_snapshot_record_stream_send_bytes'
  /** Hashing items and adding them to the tree. */
  | 'state_snapshot_process_records'
  /** From the first record of a chunk to its last. */
  | 'state_snapshot_next_full_chunk'
  /** Waiting for a chunk's proof and committing its files. */
  | 'state_snapshot_write_chunk';

export type BackupKind = 'epoch_ending' | 'state_snapshot' | 'transaction';

/** 1 microsecond to 36 minutes, doubling. */
const TIMER_BUCKETS = Array.from({ length: 32 }, (_, power) => 1e-6 * 2 ** power);

/**
 * The metrics of taking backups: those of the reference under its names (spec: cli.md, section 10), and what
 * it does not tell under names of our own. A gauge is a double: numbers above 2^53 are rounded.
 */
export class BackupMetrics {
  readonly registry = new Registry();
  readonly #heartbeat = this.#gauge(
    'aptos_db_backup_coordinator_heartbeat_timestamp_s',
    'Unix time of the last answer of the node about its state',
  );
  readonly #epochEnding = this.#gauge(
    'aptos_db_backup_coordinator_epoch_ending_epoch',
    'Newest epoch whose ending is in the archive',
  );
  readonly #snapshotEpoch = this.#gauge(
    'aptos_db_backup_coordinator_state_snapshot_epoch',
    'Epoch of the newest state snapshot in the archive',
  );
  readonly #version = this.#gauge(
    'aptos_db_backup_coordinator_transaction_version',
    'Newest version in the archive',
  );
  readonly #metadataFiles = this.#gauge(
    'aptos_backup_metadata_num_files',
    'Metadata files that the archive lists',
  );
  readonly #cacheMisses = this.#gauge(
    'aptos_backup_metadata_num_file_cache_misses',
    'Metadata files that were not in the cache when the archive was last listed',
  );
  readonly #downloads = this.#gauge(
    'aptos_backup_metadata_num_file_downloads',
    'Metadata files that were downloaded when the archive was last listed',
  );
  readonly #receivedBytes = new Counter({
    name: 'aptos_db_backup_received_bytes',
    help: 'Bytes received from the backup service, by endpoint',
    labelNames: ['endpoint'],
    registers: [this.registry],
  });
  readonly #timers = new Histogram({
    name: 'aptos_db_backup_timers_seconds',
    help: 'Seconds that parts of a backup took, by name',
    labelNames: ['name'],
    buckets: TIMER_BUCKETS,
    registers: [this.registry],
  });
  readonly #provingSeconds = new Counter({
    name: 'holdfast_backup_proving_seconds_total',
    help: 'Seconds spent checking and hashing records and building trees of them',
    registers: [this.registry],
  });
  readonly #committed = this.#counter(
    'holdfast_backups_committed_total',
    'Backups that were committed, by kind',
  );
  readonly #failed = this.#counter('holdfast_backup_failures_total', 'Backups that failed, by kind');
  readonly #failing = new Gauge({
    name: 'holdfast_backup_failing',
    help: '1 while the last try at a backup of the kind failed',
    labelNames: ['kind'],
    registers: [this.registry],
  });
  readonly #skipped = new Counter({
    name: 'holdfast_backup_skipped_state_snapshots_total',
    help: 'State snapshots that were due and will not be taken any more',
    registers: [this.registry],
  });
  readonly #lagVersions = this.#gauge(
    'holdfast_backup_lag_versions',
    'Versions that the node has committed and the archive has not',
  );
  readonly #lagSeconds = this.#gauge(
    'holdfast_backup_lag_seconds',
    'Seconds that the oldest of those versions has been waiting',
  );

  constructor() {
    // The reference sets it when it compacts, which is nothing that is done here: it reads 0.
    this.#gauge('aptos_db_backup_coordinator_compacted_version', 'Newest version that was compacted: none');
  }

  #gauge(name: string, help: string): Gauge {
    return new Gauge({ name, help, registers: [this.registry] });
  }

  #counter(name: string, help: string): Counter<'kind'> {
    return new Counter({ name, help, labelNames: ['kind'], registers: [this.registry] });
  }

  /** So many more bytes of records or proofs came from an endpoint of the service. */
  received(endpoint: string, bytes: number): void {
    this.#receivedBytes.inc({ endpoint }, bytes);
  }

  /** The headers of an answer were there after so long. */
  answered(endpoint: string, milliseconds: number): void {
    this.timed(`backup_service_client_get_${endpoint}`, milliseconds);
  }

  /** A part of the work took so long; the names are the reference's. */
  timed(name: TimerName, milliseconds: number): void {
    this.#timers.observe({ name }, milliseconds / 1000);
  }

  /** Runs work that proves something, and counts the time that it takes. */
  proving<Result>(work: () => Result): Result {
    const startedAt = performance.now();
    try {
      return work();
    } finally {
      this.#provingSeconds.inc((performance.now() - startedAt) / 1000);
    }
  }

  /** The node told its state at that time. */
  heartbeat(unixSeconds: number): void {
    this.#heartbeat.set(Math.floor(unixSeconds));
  }

  /** The archive was listed: files in all, and those that were not in the cache. */
  metadataFiles(count: number, downloads: number): void {
    this.#metadataFiles.set(count);
    this.#cacheMisses.set(downloads);
    this.#downloads.set(downloads);
  }

  /** How far the archive goes in one kind; nothing is set while it has nothing. */
  reached(kind: BackupKind, last: bigint | undefined): void {
    if (last === undefined) return;
    const gauge = {
      epoch_ending: this.#epochEnding,
      state_snapshot: this.#snapshotEpoch,
      transaction: this.#version,
    };
    gauge[kind].set(Number(last));
  }

  /** How far the archive is behind the node. */
  lag(versions: bigint, seconds: number): void {
    this.#lagVersions.set(Number(versions));
    this.#lagSeconds.set(seconds);
  }

  /** One more backup of the kind exists. */
  committed(kind: BackupKind): void {
    this.#committed.inc({ kind });
    this.#failing.set({ kind }, 0);
  }

  /** A try at a backup of the kind failed. */
  failed(kind: BackupKind): void {
    this.#failed.inc({ kind });
    this.#failing.set({ kind }, 1);
  }

  /** So many more snapshots will not be taken. */
  skippedSnapshots(count: number): void {
    this.#skipped.inc(count);
  }
}
