import { loadEpochEndingManifest } from '../archive/load-manifest.js';
import type { EpochEndingEntry } from '../archive/metadata-entry.js';
import { readRecordBatches } from '../archive/record-file.js';
import { BcsError } from '../bcs/bcs-error.js';
import { decode } from '../bcs/codec.js';
import { HoldfastError } from '../errors/holdfast-error.js';
import type { BackupServiceClient } from '../service/backup-service-client.js';
import { ServiceError } from '../service/service-error.js';
import { VerifiedLedgerSource, type VerifiedEpochEnding } from '../service/verified-ledger-source.js';
import type { BackupStorage, StorageOperationOptions } from '../storage/backup-storage.js';
import { EpochHistory } from '../trust/epoch-history.js';
import { TrustError } from '../trust/trust-error.js';
import { TrustedWaypoints } from '../trust/trusted-waypoints.js';
import type { LedgerHashers } from '../types/ledger-family.js';
import { LedgerInfoWithSignatures } from '../types/ledger-info.js';
import { formatWaypoint, type Waypoint, waypointOf } from '../types/waypoint.js';
import { BackupError } from './backup-error.js';
import type { BackupMetrics } from './backup-metrics.js';
import type { CommittedBackups } from './committed-backups.js';

/** What a backup is proven from. */
export interface TrustRoot {
  /** `waypoints` that the operator gave; otherwise epoch 0 as the archive has it, or as the service has it. */
  readonly kind: 'waypoints' | 'archive' | 'service';
  /** Where the chain begins, once it has begun. */
  readonly waypoint?: string;
  readonly words: string;
}

export interface TrustChainOptions {
  readonly storage: BackupStorage;
  readonly committed: CommittedBackups;
  readonly client: BackupServiceClient;
  readonly hashers: LedgerHashers;
  readonly waypoints: readonly Waypoint[];
  readonly metrics: BackupMetrics;
}

/**
 * The chain of epoch endings that vouches for everything that is backed up: the archive's own endings, and
 * where it lacks some, those of the service, which are proven and not stored. Several backups may extend it
 * at the same time.
 */
export class TrustChain {
  /** Reads from the service, with everything held against this chain. */
  readonly source: VerifiedLedgerSource;
  readonly #options: TrustChainOptions;
  readonly #waypoints: TrustedWaypoints;
  readonly #history: EpochHistory;
  /** The first epoch whose ending is not known. */
  #next = 0n;
  #root: TrustRoot['kind'] | undefined;

  /** @throws TrustError WAYPOINT_DUPLICATED */
  constructor(options: TrustChainOptions) {
    this.#options = options;
    this.#waypoints = new TrustedWaypoints(options.waypoints);
    this.#history = new EpochHistory(options.hashers, this.#waypoints);
    const { client, hashers, metrics } = options;
    const trust = { hashers, history: this.#history };
    this.source = new VerifiedLedgerSource(client, trust, (work) => metrics.proving(work));
  }

  get root(): TrustRoot {
    const { rootWaypoint } = this.#history;
    const waypoint = rootWaypoint && formatWaypoint(rootWaypoint);
    const kind = this.#waypoints.size > 0 ? 'waypoints' : (this.#root ?? 'service');
    const at = waypoint === undefined ? '' : ` (waypoint ${waypoint})`;
    const words = {
      waypoints: `trusted waypoints ${this.#waypoints.list().map(formatWaypoint).join(', ')}`,
      archive: `the archive's own ledger info of epoch 0${at}`,
      service: `the service's own ledger info of epoch 0${at}, for which nothing else vouches`,
    }[kind];
    return { kind, words, ...(waypoint === undefined ? {} : { waypoint }) };
  }

  /** The ending of an epoch that the chain has reached. */
  ending(epoch: bigint): LedgerInfoWithSignatures | undefined {
    return this.#history.ending(epoch)?.signed;
  }

  /**
   * Brings the chain up to the endings of all epochs before `epoch`.
   * @throws BackupError ARCHIVE_ENDINGS_UNPROVEN, EPOCH_NOT_ENDED; ServiceError
   */
  async reachEpoch(epoch: bigint, options: StorageOperationOptions = {}): Promise<void> {
    await this.#extend(epoch, () => false, options);
    if (this.#next >= epoch) return;
    throw new BackupError('EPOCH_NOT_ENDED', `the service has no ending of epoch ${this.#next}`, {
      hint: 'Ask for an epoch that has ended.',
      facts: { epoch: this.#next },
    });
  }

  /**
   * Brings the chain as far as the proof of a version takes it.
   * @param newestEpoch of which the service has a ledger info
   * @throws as `reachEpoch`
   */
  async reachVersion(
    version: bigint,
    newestEpoch: bigint,
    options: StorageOperationOptions = {},
  ): Promise<void> {
    const isReached = (): boolean => {
      const last = this.ending(this.#next - 1n);
      return last !== undefined && last.value.ledger_info.commit_info.version >= version;
    };
    // The newest epoch may have ended, which is then known by its ending being there.
    await this.#extend(newestEpoch + 1n, isReached, options);
    if (this.#next < newestEpoch && !isReached()) await this.reachEpoch(newestEpoch, options);
  }

  /**
   * The endings of [startEpoch, endEpoch) as the service sends them, each proven and part of the chain when
   * it is yielded.
   */
  async *takeEndings(
    startEpoch: bigint,
    endEpoch: bigint,
    options: StorageOperationOptions = {},
  ): AsyncGenerator<VerifiedEpochEnding> {
    await this.reachEpoch(startEpoch, options);
    for await (const ending of this.source.epochEndings(startEpoch, endEpoch, options)) {
      this.#root ??= 'service';
      if (ending.epoch === this.#next) this.#next++;
      yield ending;
    }
  }

  /** Takes in endings whose bytes were read back from the archive; they must follow on the chain. */
  takeOwnEndings(endings: readonly LedgerInfoWithSignatures[], handle: string): void {
    for (const signed of endings) {
      const { epoch } = signed.value.ledger_info.commit_info;
      if (epoch === this.#next) this.#addFromArchive(signed, handle);
    }
  }

  /**
   * Compares how the ledger begins in the chain so far, or in the archive, and at the service now, where
   * both can tell.
   * @throws BackupError OTHER_CHAIN
   */
  async requireSameChain(options: StorageOperationOptions = {}): Promise<void> {
    const { hashers, client } = this.#options;
    if (this.#next === 0n && this.#archiveEntry(0n)) await this.reachEpoch(1n, options);
    const own = this.ending(0n);
    if (!own) return;
    const expected = formatWaypoint(waypointOf(hashers, own.value.ledger_info));
    for await (const bytes of client.epochEndingLedgerInfos(0n, 1n, options)) {
      const theirs = decodeEnding(bytes);
      const actual = formatWaypoint(waypointOf(hashers, theirs.value.ledger_info));
      if (actual === expected) continue;
      throw new BackupError(
        'OTHER_CHAIN',
        `the service serves another chain than the archive holds: epoch 0 ends with waypoint ${actual}, ` +
          `in the archive with ${expected}`,
        {
          hint: 'Check the address of the service and the place of the archive.',
          facts: { expected, actual },
        },
      );
    }
  }

  async #extend(end: bigint, isEnough: () => boolean, options: StorageOperationOptions): Promise<void> {
    while (this.#next < end && !isEnough()) {
      const before = this.#next;
      const entry = this.#archiveEntry(this.#next);
      if (entry) await this.#extendFromArchive(entry, end, isEnough, options);
      else await this.#extendFromService(this.#gapEnd(end), isEnough, options);
      if (this.#next === before) return;
    }
  }

  #archiveEntry(epoch: bigint): EpochEndingEntry | undefined {
    const { epochEndings } = this.#options.committed.view;
    return epochEndings.find(({ entry }) => entry.firstEpoch <= epoch && entry.lastEpoch >= epoch)?.entry;
  }

  /** Where the archive goes on, or `end`. */
  #gapEnd(end: bigint): bigint {
    const { epochEndings } = this.#options.committed.view;
    const after = epochEndings.find(({ entry }) => entry.firstEpoch > this.#next)?.entry.firstEpoch;
    return after !== undefined && after < end ? after : end;
  }

  async #extendFromService(
    end: bigint,
    isEnough: () => boolean,
    options: StorageOperationOptions,
  ): Promise<void> {
    let expected = this.#next;
    for await (const bytes of this.#options.client.epochEndingLedgerInfos(expected, end, options)) {
      const signed = decodeEnding(bytes);
      const { epoch, next_epoch_state: nextEpochState } = signed.value.ledger_info.commit_info;
      if (epoch !== expected || !nextEpochState) {
        const message = `the service sends a ledger info of epoch ${epoch} as the ending of epoch ${expected}`;
        const facts = { expected, actual: epoch };
        throw new ServiceError('SERVICE_RECORD_MISPLACED', message, { facts });
      }
      expected++;
      // Somebody else who needs the chain may have been faster.
      if (epoch < this.#next) continue;
      this.#add(signed, (cause) => {
        const message = `the ledger info of the ending of epoch ${epoch}: ${cause.message}`;
        return new ServiceError('SERVICE_LEDGER_INFO_REFUSED', message, { cause, facts: { epoch } });
      });
      this.#root ??= 'service';
      if (isEnough()) return;
    }
  }

  async #extendFromArchive(
    entry: EpochEndingEntry,
    end: bigint,
    isEnough: () => boolean,
    options: StorageOperationOptions,
  ): Promise<void> {
    const { storage } = this.#options;
    try {
      const manifest = await loadEpochEndingManifest(storage, entry.manifest, options);
      let epoch = manifest.firstEpoch;
      for (const { ledgerInfos, lastEpoch } of manifest.chunks) {
        if (lastEpoch < this.#next) epoch = lastEpoch + 1n;
        else {
          for await (const { bytes, starts, ends, count } of readRecordBatches(
            storage,
            ledgerInfos,
            options,
          )) {
            for (let index = 0; index < count; index++, epoch++) {
              if (epoch < this.#next) continue;
              if (this.#next >= end || isEnough()) return;
              // A copy, since decoded values are views and the buffer is used again.
              const signed = decode(LedgerInfoWithSignatures, bytes.slice(starts[index], ends[index]));
              this.#addFromArchive(signed, ledgerInfos);
            }
          }
        }
      }
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!(error instanceof HoldfastError) || error instanceof BackupError) throw error;
      throw unproven(entry.manifest, error);
    }
    if (this.#next <= entry.lastEpoch) {
      throw unproven(entry.manifest, new Error(`the ending of epoch ${this.#next} is missing in it`));
    }
  }

  #addFromArchive(signed: LedgerInfoWithSignatures, handle: string): void {
    const { epoch } = signed.value.ledger_info.commit_info;
    if (epoch !== this.#next) {
      throw unproven(handle, new Error(`it holds epoch ${epoch} in the place of ${this.#next}`));
    }
    this.#add(signed, (cause) => unproven(handle, cause));
    this.#root ??= 'archive';
  }

  #add(signed: LedgerInfoWithSignatures, explain: (cause: TrustError) => Error): void {
    try {
      this.#history.add(signed);
    } catch (error) {
      throw error instanceof TrustError ? explain(error) : error;
    }
    this.#next++;
  }
}

function decodeEnding(bytes: Uint8Array): LedgerInfoWithSignatures {
  try {
    return decode(LedgerInfoWithSignatures, bytes);
  } catch (cause) {
    if (!(cause instanceof BcsError)) throw cause;
    throw new ServiceError('SERVICE_RECORD_INVALID', `an epoch ending: ${cause.message}`, { cause });
  }
}

function unproven(handle: string, cause: Error): BackupError {
  return new BackupError(
    'ARCHIVE_ENDINGS_UNPROVEN',
    `the archive's own epoch endings cannot be built on: ${handle}: ${cause.message}`,
    { cause, hint: 'Run backup verify on the archive, and mend what it names.', facts: { handle } },
  );
}
