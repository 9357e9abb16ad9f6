import type { FileSystem } from '../durable-fs/file-system.js';
import { NodeFileSystem } from '../durable-fs/node-file-system.js';
import type { RestorePlan } from './plan.js';
import { argumentsOf, type PlanOptions, planRestore } from './plan-restore.js';
import type { RestoreIdentity } from './restore-identity.js';
import { inspectTarget, requireSameArguments, requireSameRestore, type TargetState } from './target.js';

/** What to plan, for which archive and target. */
export interface PrepareOptions extends Omit<PlanOptions, 'unfinished'> {
  /** The folder that is to hold the database; undefined: nothing is to be written. */
  readonly target?: FileSystem | string | undefined;
}

/** What a restore would find, and what it would do. */
export interface PreparedRestore {
  readonly plan: RestorePlan;
  /** Undefined without a target. */
  readonly target: TargetState | undefined;
}

/**
 * Looks at target and archive, and plans what is left to do; nothing is written. An unfinished restore is
 * planned as it was chosen.
 * @throws RestoreError of `inspectTarget`, `requireSameRestore` and `planRestore`; StorageError
 */
export async function prepareRestore(options: PrepareOptions): Promise<PreparedRestore> {
  const { target, ...planOptions } = options;
  if (target === undefined) return { plan: await planRestore(planOptions), target: undefined };
  const state = await inspectTarget(typeof target === 'string' ? new NodeFileSystem(target) : target);
  const found = identityOf(state);
  if (!found) return { plan: await planRestore(planOptions), target: state };
  const { request, trustedWaypoints, family } = options;
  requireSameArguments(found, argumentsOf(request, trustedWaypoints, family));
  if (isRestored(state)) return { plan: await planOfRestored(planOptions, found), target: state };
  const plan = await planRestore({ ...planOptions, unfinished: found });
  if (plan.identity) requireSameRestore(found, plan.identity);
  return { plan, target: state };
}

function identityOf(state: TargetState): RestoreIdentity | undefined {
  if (state.kind === 'done') return state.receipt.identity;
  return state.kind === 'unfinished' ? state.journal.identity : undefined;
}

function isRestored(state: TargetState): boolean {
  return state.kind === 'done' || (state.kind === 'unfinished' && state.journal.phase === 'publishing');
}

/** Nothing is read for it any more, so nothing that is wrong with the archive stands against it. */
async function planOfRestored(options: PlanOptions, found: RestoreIdentity): Promise<RestorePlan> {
  const plan = await planRestore({ ...options, space: undefined });
  if (plan.identity) requireSameRestore(found, plan.identity);
  const remarks = plan.remarks.map((remark) =>
    remark.level === 'refusal' && plan.steps ? ({ ...remark, level: 'warning' } as const) : remark,
  );
  return { ...plan, remarks };
}
