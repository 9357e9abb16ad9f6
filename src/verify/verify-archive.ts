import type { EpochEndingEntry, StateSnapshotEntry, TransactionEntry } from '../archive/metadata-entry.js';
import type { MetadataView, ViewEntry } from '../archive/metadata-view.js';
import { openProvingPool } from '../proving/open-proving-pool.js';
import type { BackupStorage } from '../storage/backup-storage.js';
import { ignoreProgress, type ProgressListener } from '../telemetry/progress.js';
import { EpochHistory } from '../trust/epoch-history.js';
import { TrustedWaypoints } from '../trust/trusted-waypoints.js';
import { type LedgerFamily, ledgerHashers } from '../types/ledger-family.js';
import { formatWaypoint, type Waypoint } from '../types/waypoint.js';
import { AttestationChecker, type FileDigest } from './attestations.js';
import type { Tally, VerifyContext } from './context.js';
import { EpochEndingVerifier } from './epoch-endings.js';
import type { Finding, FindingCode } from './finding.js';
import { Findings, StoppedAtFinding } from './findings.js';
import { EPOCH_ENDING_KIND, loadManifests, STATE_SNAPSHOT_KIND, TRANSACTION_KIND } from './manifests.js';
import { findRowFaults, verifyMetadata } from './metadata.js';
import type { ProvenRange, ProvenSnapshot, VerifyReport } from './report.js';
import { verifyStateSnapshot } from './state-snapshot.js';
import type { TransactionAnalysis } from './transaction-analysis.js';
import { TransactionVerifier } from './transactions.js';
import { findUnlistedBackups } from './unlisted-backups.js';
import type { VerifyMetrics } from './verify-metrics.js';

/** What to verify and how; versions are inclusive. */
export interface VerifyOptions {
  readonly storage: BackupStorage;
  readonly family: LedgerFamily;
  /** Without any, the archive's own ledger info of epoch 0 is the root. */
  readonly trustedWaypoints?: readonly Waypoint[];
  readonly startVersion?: bigint;
  readonly endVersion?: bigint;
  /** The newest snapshot at or before this version is verified. */
  readonly stateSnapshotBeforeVersion?: bigint;
  /** Every snapshot at or before that version instead. */
  readonly allStateSnapshots?: boolean;
  /** Checks no signature. */
  readonly skipEpochEndings?: boolean;
  /** Asked for, never done: the report says so. */
  readonly validateModules?: boolean;
  /** A version that must be proven. */
  readonly mustReach?: bigint | undefined;
  /** Findings that do not count. */
  readonly allow?: ReadonlySet<FindingCode>;
  readonly failFast?: boolean;
  /** Files read side by side. */
  readonly concurrency?: number;
  /** Threads that check and hash records. Default 1: the calling thread alone. */
  readonly threads?: number;
  readonly metadataCacheDir?: string | undefined;
  readonly analysis?: TransactionAnalysis | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ProgressListener;
  /** Told what was verified, and when this verification began and ended. */
  readonly metrics?: VerifyMetrics | undefined;
  /** Called for each file that was read to its end, with what it holds. */
  readonly onDigest?: ((digest: FileDigest) => void) | undefined;
  readonly onFinding?: (finding: Finding, allowed: boolean) => void;
}

const U64_MAX = 2n ** 64n - 1n;
const CONCURRENCY = 2;

/** What the stages have proven so far; kept up to date so that a stopped run can report it. */
interface Proven {
  epochEndings: readonly ProvenRange[];
  transactions: readonly ProvenRange[];
  stateSnapshots: ProvenSnapshot[];
}

/**
 * Proves an archive from a trust root down to each record, and names every damage. Findings are data;
 * only what makes a verification impossible is thrown.
 * @throws StorageError when the metadata files cannot be listed; TrustError WAYPOINT_DUPLICATED; the
 *   signal's reason
 */
export async function verifyArchive(options: VerifyOptions): Promise<VerifyReport> {
  const run = (): Promise<VerifyReport> => new ArchiveVerification(options).run();
  const { metrics } = options;
  return metrics ? await metrics.coordinated(run, ({ outcome }) => outcome === 'proven') : await run();
}

class ArchiveVerification {
  readonly #options: VerifyOptions;
  readonly #waypoints: TrustedWaypoints;
  readonly #context: VerifyContext;
  readonly #startedAt = performance.now();
  readonly #proven: Proven = {
    epochEndings: [],
    transactions: [],
    stateSnapshots: [],
  };
  #history: EpochHistory | undefined;
  #metadataFiles = 0;

  constructor(options: VerifyOptions) {
    this.#options = options;
    this.#waypoints = new TrustedWaypoints(options.trustedWaypoints ?? []);
    const findings = new Findings(options);
    const tally: Tally = {
      manifests: 0,
      files: 0,
      bytes: 0,
      epochEndings: 0,
      transactions: 0,
      stateItems: 0,
      unattestedFiles: 0,
    };
    this.#context = {
      storage: options.storage,
      hashers: ledgerHashers(options.family),
      pool: openProvingPool({ family: options.family, threads: options.threads ?? 1 }),
      findings,
      tally,
      attestations: new AttestationChecker(findings, tally, options.onDigest),
      progress: options.progress ?? ignoreProgress,
      concurrency: options.concurrency ?? CONCURRENCY,
      signal: options.signal,
      analysis: options.analysis,
      metrics: options.metrics,
    };
  }

  async run(): Promise<VerifyReport> {
    await using pool = this.#context.pool;
    // While metadata and epoch endings are read, threads get ready.
    if (pool.threads > 1) pool.start();
    let stopped = false;
    try {
      await this.#runStages();
    } catch (error) {
      if (!(error instanceof StoppedAtFinding)) throw error;
      stopped = true;
    }
    return this.#report(stopped);
  }

  async #runStages(): Promise<void> {
    const context = this.#context;
    const { view, files } = await verifyMetadata(context, this.#options.metadataCacheDir);
    this.#metadataFiles = files;
    await findUnlistedBackups(context, view);
    const history = this.#options.skipEpochEndings
      ? undefined
      : await this.#verifyEpochEndings(view.epochEndings);
    for await (const backup of loadManifests(context, STATE_SNAPSHOT_KIND, this.#selectSnapshots(view))) {
      const snapshot = await verifyStateSnapshot(context, history, backup);
      if (snapshot) this.#proven.stateSnapshots.push(snapshot);
    }
    await this.#verifyTransactions(view, history);
    this.#checkReach();
  }

  async #verifyEpochEndings(entries: readonly ViewEntry<EpochEndingEntry>[]): Promise<EpochHistory> {
    const context = this.#context;
    const ranges = entries.map(({ entry, handle }) => ({
      first: entry.firstEpoch,
      last: entry.lastEpoch,
      item: handle,
    }));
    findRowFaults(context, 'epochs', ranges, 0n, U64_MAX);
    const history = new EpochHistory(context.hashers, this.#waypoints);
    const verifier = new EpochEndingVerifier(context, history);
    const total = ranges.reduce((sum, { first, last }) => sum + Number(last - first) + 1, 0);
    this.#history = history;
    const backups = loadManifests(context, EPOCH_ENDING_KIND, entries);
    this.#proven.epochEndings = await verifier.verify(backups, total);
    return history;
  }

  #selectSnapshots({ stateSnapshots }: MetadataView): readonly ViewEntry<StateSnapshotEntry>[] {
    const before = this.#options.stateSnapshotBeforeVersion ?? U64_MAX;
    const eligible = stateSnapshots.filter(({ entry }) => entry.version <= before);
    return this.#options.allStateSnapshots ? eligible : eligible.slice(-1);
  }

  async #verifyTransactions(view: MetadataView, history: EpochHistory | undefined): Promise<void> {
    const { startVersion = 0n, endVersion = U64_MAX } = this.#options;
    const context = this.#context;
    const overlapsWanted = ({ firstVersion, lastVersion }: TransactionEntry): boolean =>
      firstVersion <= endVersion && lastVersion >= startVersion;
    const entries = view.transactions.filter(({ entry }) => overlapsWanted(entry));
    const ranges = view.transactions.map(({ entry, handle }) => ({
      first: entry.firstVersion,
      last: entry.lastVersion,
      item: handle,
    }));
    // With start `max` no transaction is wanted, as in the reference.
    if (startVersion !== U64_MAX) findRowFaults(context, 'versions', ranges, startVersion, endVersion);
    const total = entries.reduce(
      (sum, { entry }) => sum + Number(entry.lastVersion - entry.firstVersion) + 1,
      0,
    );
    const { proven } = await new TransactionVerifier(context, history).verify(
      loadManifests(context, TRANSACTION_KIND, entries),
      total,
    );
    this.#proven.transactions = proven;
  }

  #checkReach(): void {
    const { mustReach } = this.#options;
    const lastVersion = this.#proven.transactions.at(-1)?.last;
    if (mustReach === undefined || (lastVersion !== undefined && lastVersion >= mustReach)) return;
    this.#context.findings.add({
      code: 'ENDS_EARLY',
      message: `the last version proven is ${lastVersion ?? 'none'}, version ${mustReach} was demanded`,
      expected: `${mustReach}`,
      actual: `${lastVersion ?? 'none'}`,
      hint: 'Newer backups are missing, or what is there is not proven: see the other findings.',
    });
  }

  #report(stopped: boolean): VerifyReport {
    const { findings, tally, storage, hashers } = this.#context;
    const { epochEndings, transactions, stateSnapshots } = this.#proven;
    const root = this.#history?.rootWaypoint;
    const lastVersion = transactions.at(-1)?.last;
    const lastEpoch = epochEndings.at(-1)?.last;
    const outcome = findings.faults === 0 ? 'proven' : 'findings';
    return {
      archive: storage.description,
      ledgerFamily: hashers.family.name,
      outcome: stopped ? 'stopped' : outcome,
      ...this.#trustRoot(),
      ...(root ? { rootWaypoint: formatWaypoint(root) } : {}),
      proven: {
        ...(lastVersion === undefined ? {} : { lastVersion }),
        ...(lastEpoch === undefined ? {} : { lastEpoch }),
        epochEndings,
        transactions,
        stateSnapshots,
      },
      checked: { metadataFiles: this.#metadataFiles, ...tally },
      findings: findings.kept.map((finding) =>
        findings.isAllowed(finding) ? { ...finding, allowed: true as const } : finding,
      ),
      suppressedFindings: findings.suppressed,
      notDone: this.#notDone(),
      elapsedMs: Math.round(performance.now() - this.#startedAt),
    };
  }

  #trustRoot(): Pick<VerifyReport, 'trustRoot' | 'trustRootInWords'> {
    if (this.#options.skipEpochEndings) {
      return {
        trustRoot: 'none',
        trustRootInWords: 'none: epoch endings were skipped, no signature was checked',
      };
    }
    if (this.#waypoints.size > 0) {
      const texts = this.#waypoints.list().map(formatWaypoint).join(', ');
      return { trustRoot: 'waypoints', trustRootInWords: `trusted waypoints ${texts}` };
    }
    const root = this.#history?.rootWaypoint;
    const which = root ? `waypoint ${formatWaypoint(root)}` : 'none found';
    return {
      trustRoot: 'archive',
      trustRootInWords: `the archive's own ledger info of epoch 0 (${which}), for which nothing else vouches`,
    };
  }

  #notDone(): string[] {
    const { skipEpochEndings, validateModules, storage } = this.#options;
    return [
      ...(skipEpochEndings ? ['ledger info signatures were not checked (--skip-epoch-endings)'] : []),
      ...(validateModules ? ['modules were not validated: that takes a Move bytecode verifier'] : []),
      ...(storage.listBackups
        ? []
        : ['backups that no metadata names were not looked for: the storage cannot list']),
    ];
  }
}
