import type { Command } from 'commander';
import { refusals } from '../../restore/plan.js';
import { printLine } from '../console.js';
import type { Dispatch } from '../dispatch.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { planJson, planLines } from '../render-restore-plan.js';
import { warnOfFlags } from '../restore-options.js';
import { addRestorePlanOptions, prepareFromFlags, type RestorePlanFlags } from '../restore-plan-options.js';
import { openStorage } from '../storage-options.js';

async function showPlan(flags: RestorePlanFlags, { console }: Dispatch): Promise<ExitCode> {
  warnOfFlags(flags, console);
  const storage = await openStorage(flags);
  try {
    const { plan, target } = await prepareFromFlags(flags, storage, flags.targetDbDir, console);
    const lines = flags.json ? [planJson(plan, target)] : planLines(plan, target);
    for (const line of lines) printLine(console.stdout, line);
    return refusals(plan).length === 0 ? EXIT.ok : EXIT.findings;
  } finally {
    await storage.close();
  }
}

/** `restore plan`: what `restore bootstrap-db` with the same flags would do. */
export function addRestorePlan(restore: Command, dispatch: Dispatch): void {
  const command = restore
    .command('plan')
    .description('say what bootstrap-db would restore with the same flags, and why, and write nothing');
  addRestorePlanOptions(command).action((flags: RestorePlanFlags) => {
    dispatch.run(() => showPlan(flags, dispatch));
  });
}
