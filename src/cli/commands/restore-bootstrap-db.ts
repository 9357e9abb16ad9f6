import type { Command } from 'commander';
import { bootstrapDatabase, type BootstrapOptions, proveRestore } from '../../restore/bootstrap-db.js';
import { requireFeasible } from '../../restore/plan-refusal.js';
import { argumentsOf } from '../../restore/plan-restore.js';
import { publishRestored } from '../../restore/publish-restored.js';
import type { RestoreMetrics } from '../../restore/restore-metrics.js';
import type { RestoreReport } from '../../restore/restore-report.js';
import type { BackupStorage } from '../../storage/backup-storage.js';
import { LEDGER_FAMILIES } from '../../types/ledger-family.js';
import { type Console, printLine } from '../console.js';
import type { Dispatch } from '../dispatch.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { withMetrics } from '../metrics-option.js';
import { progressLine } from '../progress-line.js';
import { restoreReportJson, restoreReportLines } from '../render-restore.js';
import { ALL_BUT_ITS_PLACE, planLines } from '../render-restore-plan.js';
import { loadRestoreMetrics, targetOf, warnOfFlags } from '../restore-options.js';
import {
  addRestorePlanOptions,
  prepareFromFlags,
  requestOf,
  type RestorePlanFlags,
} from '../restore-plan-options.js';
import { openStorage } from '../storage-options.js';

async function bootstrapDb(flags: RestorePlanFlags, { console }: Dispatch): Promise<ExitCode> {
  warnOfFlags(flags, console);
  const directory = targetOf(flags);
  const report = await withMetrics(flags, console, loadRestoreMetrics, async (metrics) => {
    const work = async (): Promise<RestoreReport> =>
      (await finishWithoutArchive(flags, directory, console)) ??
      (await restoreFromArchive(flags, { directory, metrics }, console));
    return metrics ? await metrics.coordinated(work) : await work();
  });
  const lines = flags.json ? [restoreReportJson(report)] : restoreReportLines(report);
  for (const text of lines) printLine(console.stdout, text);
  return EXIT.ok;
}

/** Undefined where the archive is needed. */
async function finishWithoutArchive(
  flags: RestorePlanFlags,
  directory: string | undefined,
  console: Console,
): Promise<RestoreReport | undefined> {
  if (directory === undefined) return undefined;
  const wanted = argumentsOf(requestOf(flags), flags.trustWaypoint, LEDGER_FAMILIES[flags.ledgerFamily]);
  const report = await publishRestored(directory, wanted);
  if (report) printLine(planStreamOf(flags, console), ALL_BUT_ITS_PLACE);
  return report;
}

async function restoreFromArchive(
  flags: RestorePlanFlags,
  target: RestoreTarget,
  console: Console,
): Promise<RestoreReport> {
  const storage = await openStorage(flags);
  try {
    return await restore(flags, storage, target, console);
  } finally {
    await storage.close();
  }
}

interface RestoreTarget {
  /** Undefined for a dry run. */
  readonly directory: string | undefined;
  readonly metrics: RestoreMetrics | undefined;
}

/** Where stdout is for JSON, what is for people goes to stderr. */
function planStreamOf({ json }: RestorePlanFlags, { stdout, stderr }: Console) {
  return json ? stderr : stdout;
}

/** The plan first; then what it says. */
async function restore(
  flags: RestorePlanFlags,
  storage: BackupStorage,
  { directory, metrics }: RestoreTarget,
  console: Console,
): Promise<RestoreReport> {
  const { plan, target } = await prepareFromFlags(flags, storage, directory, console);
  const planStream = planStreamOf(flags, console);
  for (const text of planLines(plan, target)) printLine(planStream, text);
  if (target?.kind !== 'done') requireFeasible(plan);
  const line = await progressLine(console);
  let standing: string | undefined;
  const options: BootstrapOptions = {
    storage,
    family: LEDGER_FAMILIES[flags.ledgerFamily],
    plan,
    trustedWaypoints: flags.trustWaypoint,
    concurrency: flags.concurrentDownloads,
    threads: flags.threads,
    signal: console.signal,
    progress: line.listener,
    metrics,
    onStanding: (words) => {
      standing = words;
    },
  };
  try {
    if (directory === undefined) return await proveRestore(options);
    return await bootstrapDatabase(options, { directory, state: target ?? { kind: 'missing' } });
  } finally {
    line.finish();
    if (standing !== undefined) printLine(console.stderr, standing);
  }
}

/** `restore bootstrap-db`: a whole database, proven on the way in. */
export function addRestoreBootstrapDb(restoring: Command, dispatch: Dispatch): void {
  const command = restoring
    .command('bootstrap-db')
    .description('restore a database that a node opens, or go on with one; run it again after any end');
  addRestorePlanOptions(command).action((flags: RestorePlanFlags) => {
    dispatch.run(() => bootstrapDb(flags, dispatch));
  });
}
