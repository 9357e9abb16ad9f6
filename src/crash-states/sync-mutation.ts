import type { FileSystemCall, LoggedOperation } from '../durable-fs/operation-log.js';
import { describeCall } from './describe-call.js';
import { isSync } from './disk-history.js';
import { type CrashExploration, type CrashViolation, exploreCrashes } from './explore-crashes.js';

/** One way to weaken a log. */
export type SyncMutation =
  /** The sync never happened. */
  | 'dropped'
  /** The sync happened before a change that it covers, which it then misses. */
  | 'before what it covers'
  /** The sync happened only after a later operation that was to wait for it. */
  | 'after what depends on it';

/** A row of the table: a weakened log, and whether the checker saw it. */
export interface SyncMutationResult {
  /** The sync concerned, in words, with its place in the log. */
  readonly sync: string;
  readonly mutation: SyncMutation;
  /** The other end of the edge that was turned round: what was covered, or what had to wait. */
  readonly edge: string | undefined;
  /** The first violation; undefined means that the checker saw nothing wrong. */
  readonly violation: CrashViolation | undefined;
}

/**
 * Weakens a log at each of its successful syncs, in each of three ways, and runs the exploration on it.
 * Every row should have a violation: one that has not is a sync that is not needed in this protocol, or a
 * checker that does not look.
 *
 * A sync that is made to come late is moved behind each later operation by which something becomes visible
 * or is reported (link, rename, acknowledge), nearest first; the row names the nearest one whose passing
 * does harm, which is what the sync had to precede. A sync that is made to come early is moved before the
 * changes that it covers in the same way, latest first.
 */
export async function runSyncMutations(
  exploration: Omit<CrashExploration, 'violationsMax'>,
): Promise<SyncMutationResult[]> {
  const { log } = exploration;
  const firstViolation = async (mutated: readonly LoggedOperation[]): Promise<CrashViolation | undefined> => {
    return (await exploreCrashes({ ...exploration, log: mutated, violationsMax: 1 })).violations[0];
  };
  const results: SyncMutationResult[] = [];
  for (const [index, operation] of log.entries()) {
    if (!isSync(operation.call) || operation.failure !== undefined) continue;
    const sync = `#${index} ${describeCall(operation.call)}`;
    const without = log.toSpliced(index, 1);
    const dropped = await firstViolation(without);
    results.push({ sync, mutation: 'dropped', edge: undefined, violation: dropped });

    const covered = indicesOf(log, (other, at) => at < index && isCovered(other, operation)).reverse();
    if (covered.length > 0) {
      const found = await firstHarm(covered, (at) => firstViolation(without.toSpliced(at, 0, operation)));
      results.push({ sync, mutation: 'before what it covers', ...describeHarm(log, found) });
    }

    const dependents = indicesOf(log, (other, at) => at > index && becomesVisible(other.call));
    // Taking the sync out shifts the rest by one, so this puts it right behind the later operation.
    const found = await firstHarm(dependents, (at) => firstViolation(without.toSpliced(at, 0, operation)));
    results.push({ sync, mutation: 'after what depends on it', ...describeHarm(log, found) });
  }
  return results;
}

/** The table in plain text, a line per row. */
export function formatSyncMutations(results: readonly SyncMutationResult[]): string {
  const rows = results.map(({ sync, mutation, edge, violation }) => {
    const verdict = violation === undefined ? 'NOT SEEN' : `caught: ${violation.message.split('\n')[0]}`;
    return `${sync} | ${mutation}${edge === undefined ? '' : ` (${edge})`} | ${verdict}`;
  });
  return rows.join('\n');
}

interface Harm {
  readonly at: number;
  readonly violation: CrashViolation;
}

/** The first of the places at which putting the sync there breaks a promise. */
async function firstHarm(
  places: readonly number[],
  violationAt: (place: number) => Promise<CrashViolation | undefined>,
): Promise<Harm | undefined> {
  for (const at of places) {
    const violation = await violationAt(at);
    if (violation !== undefined) return { at, violation };
  }
  return undefined;
}

function describeHarm(
  log: readonly LoggedOperation[],
  harm: Harm | undefined,
): Pick<SyncMutationResult, 'edge' | 'violation'> {
  const other = harm === undefined ? undefined : log[harm.at];
  return { edge: other === undefined ? undefined : describeCall(other.call), violation: harm?.violation };
}

function indicesOf(
  log: readonly LoggedOperation[],
  matches: (operation: LoggedOperation, index: number) => boolean,
): number[] {
  return [...log.keys()].filter((index) => {
    const operation = log[index];
    return operation !== undefined && matches(operation, index);
  });
}

/** True if the sync, where it stands, makes the change durable. */
function isCovered(change: LoggedOperation, { call: sync, unfinished }: LoggedOperation): boolean {
  const { call, failure, sequence } = change;
  if (failure !== undefined || unfinished.includes(sequence)) return false;
  if (sync.kind === 'sync-file') return call.kind === 'write' && call.file === sync.file;
  if (sync.kind === 'sync-path') return call.kind === 'write' && call.path === sync.path;
  if (sync.kind !== 'sync-directory') return false;
  return namesChangedBy(call).some((path) => {
    const slash = path.lastIndexOf('/');
    return (slash === -1 ? '.' : path.slice(0, slash)) === sync.path;
  });
}

function namesChangedBy(call: FileSystemCall): readonly string[] {
  switch (call.kind) {
    case 'mkdir':
    case 'create':
    case 'unlink':
    case 'rmdir':
      return [call.path];
    case 'link':
      return [call.to];
    case 'rename':
      return [call.from, call.to];
    default:
      return [];
  }
}

function becomesVisible(call: FileSystemCall): boolean {
  return call.kind === 'link' || call.kind === 'rename' || call.kind === 'acknowledge';
}
