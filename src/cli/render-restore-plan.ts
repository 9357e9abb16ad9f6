import { stringify } from 'lossless-json';
import type {
  FileBytes,
  PlannedRange,
  PlannedSnapshot,
  PlanRemark,
  PlanSizes,
  RestorePlan,
  RestoreSteps,
} from '../restore/plan.js';
import { refusals } from '../restore/plan.js';
import { firstVersionOf } from '../restore/plan-restore.js';
import type { TargetState } from '../restore/target.js';

const number = (value: number | bigint): string => value.toLocaleString('en');

const BYTE_UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** `1.4 MiB`. */
export function bytesText(bytes: bigint): string {
  let value = Number(bytes);
  let unit = 0;
  while (value >= 1024 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? number(bytes) : value.toFixed(1)} ${BYTE_UNITS[unit] ?? ''}`;
}

function rangeText({ first, last }: PlannedRange): string {
  const count = last - first + 1n;
  return count === 1n ? `version ${first}` : `versions ${first} to ${last} (${number(count)})`;
}

function snapshotText({ version, epoch, items, backup }: PlannedSnapshot): string {
  const count = items === undefined ? '' : `, ${number(items)} items`;
  return `the snapshot of version ${version} (epoch ${epoch}${count}; ${backup.entry.manifest})`;
}

/** What is done, in its order, and why. */
function stepLines(steps: RestoreSteps, plan: RestorePlan): string[] {
  const { epochEndings, kvSnapshot, treeSnapshot, saved, replayed, tail } = steps;
  const lastEpoch = epochEndings.at(-1)?.entry.lastEpoch;
  const lines: string[] = [];
  if (lastEpoch !== undefined) {
    lines.push(
      `epoch endings 0 to ${lastEpoch}: who may sign; those up to version ${steps.version} are written`,
    );
  }
  if (kvSnapshot) {
    lines.push(`values of ${snapshotText(kvSnapshot)}: the newest at or before the beginning of the history`);
  }
  const savedLine =
    saved &&
    `transactions of ${rangeText(saved)}: from the first version of the backup that holds the snapshot's`;
  if (kvSnapshot && savedLine) lines.push(savedLine);
  if (replayed) {
    const why = kvSnapshot ? 'the history of the values' : 'the history of the values, from an empty state';
    lines.push(`transactions of ${rangeText(replayed)}, their write sets applied to the values: ${why}`);
  }
  if (treeSnapshot) {
    const what = treeSnapshot.mode === 'tree_only' ? 'the tree' : 'values and tree';
    lines.push(`${what} of ${snapshotText(treeSnapshot)}: ${whyTree(treeSnapshot, plan)}`);
  }
  if (!kvSnapshot && savedLine) lines.push(savedLine);
  if (tail) {
    const from = treeSnapshot ? '' : ', from an empty state';
    lines.push(
      `transactions of ${rangeText(tail)}, their write sets applied to values and tree${from}: ` +
        "every state checkpoint's root is compared",
    );
  }
  return lines;
}

function whyTree({ version }: PlannedSnapshot, { request, steps }: RestorePlan): string {
  if (request.replayAll) return 'the newest at or before the beginning of the history (--replay-all)';
  if (version === steps?.version) return 'the target itself';
  return `the newest at or before version ${steps?.version}`;
}

function readLine(name: string, { files, bytes, unknown }: FileBytes): string {
  const count = `${number(files)} file${files === 1 ? '' : 's'}`;
  if (unknown === 0) return `  ${name}: ${bytesText(bytes)} in ${count}`;
  if (unknown === files) return `  ${name}: ${count} of unknown size`;
  return `  ${name}: at least ${bytesText(bytes)} in ${count}, ${number(unknown)} of them of unknown size`;
}

function readLines({ epochEndings, snapshots, transactions, total, basis }: PlanSizes): string[] {
  const by = {
    'file sizes': 'by the sizes of the files',
    'recorded sizes': 'by the sizes that their writer recorded, before compression',
    both: 'by the sizes of the files, or those that their writer recorded',
    unknown: 'the storage does not tell sizes, and nobody recorded them',
  }[basis];
  return [
    `to read, ${by}:`,
    readLine('epoch endings', epochEndings),
    readLine('snapshots', snapshots),
    readLine('transactions', transactions),
    readLine('in all', total),
  ];
}

function writeLines({ estimate, space }: RestorePlan): string[] {
  if (!estimate) return [];
  const { transactions, stateItems, rows, bytes, bytesPeak, basis } = estimate;
  const items =
    stateItems === undefined ? 'an unknown number of state items' : `${number(stateItems)} state items`;
  return [
    `to write, ${basis}:`,
    `  ${number(transactions)} transactions and ${items}: about ${number(rows)} rows`,
    `  about ${bytesText(bytes)} of disk, up to ${bytesText(bytesPeak)} on the way` +
      (space === undefined ? '' : `; ${bytesText(space.free)} are free`),
  ];
}

function remarkLines({ level, message, hint, code }: PlanRemark): string[] {
  const head = level === 'refusal' ? 'refused' : level;
  return [`${head}: ${message} (${code})`, ...(hint === undefined ? [] : [`  ${hint}`])];
}

/** What a restore finds that was cut off at its last step. */
export const ALL_BUT_ITS_PLACE = 'target: everything is restored there; only its place is left to be given';

function targetLine(state: TargetState): string {
  switch (state.kind) {
    case 'missing':
      return 'target: a new folder';
    case 'empty':
      return 'target: an empty folder';
    case 'unfinished':
      return state.journal.phase === 'publishing'
        ? ALL_BUT_ITS_PLACE
        : 'target: an interrupted run of the same restore, which is gone on with';
    case 'done':
      return `target: the same was restored there at ${state.receipt.finishedAt}; nothing is left to do`;
  }
}

/** What will be restored and why, and what prevents a better result, for people. */
export function planLines(plan: RestorePlan, target?: TargetState | undefined): string[] {
  const { steps, epoch, endsEpoch } = plan;
  const head = [`archive: ${plan.archive}`, ...(target ? [targetLine(target)] : [])];
  const remarks = plan.remarks.flatMap(remarkLines);
  if (!steps) return [...head, 'plan: nothing can be restored', ...remarks];
  const ofEpoch =
    epoch === undefined ? '' : endsEpoch ? `, the end of epoch ${epoch}` : `, in epoch ${epoch}`;
  return [
    ...head,
    `plan: a ledger of versions ${firstVersionOf(steps)} to ${steps.version}${ofEpoch}`,
    ...stepLines(steps, plan).map((line, index) => `  ${index + 1}. ${line}`),
    ...readLines(plan.sizes),
    ...writeLines(plan),
    ...remarks,
  ];
}

const jsonSnapshot = ({ version, epoch, mode, items, rootHash, backup }: PlannedSnapshot) => ({
  version,
  epoch,
  mode,
  ...(items === undefined ? {} : { items }),
  ...(rootHash === undefined ? {} : { rootHash }),
  manifest: backup.entry.manifest,
});

/** The same as one line of JSON; the fields only grow, and integers are exact. */
export function planJson(plan: RestorePlan, target?: TargetState | undefined): string {
  const { steps, identity, ...rest } = plan;
  const json = {
    ...rest,
    feasible: refusals(plan).length === 0,
    ...(target ? { target: target.kind } : {}),
    ...(steps && {
      version: steps.version,
      firstVersion: firstVersionOf(steps),
      steps: {
        epochEndings: steps.epochEndings.map(({ entry }) => entry.manifest),
        ...(steps.kvSnapshot && { kvSnapshot: jsonSnapshot(steps.kvSnapshot) }),
        ...(steps.treeSnapshot && { treeSnapshot: jsonSnapshot(steps.treeSnapshot) }),
        ...(steps.saved && { saved: steps.saved }),
        ...(steps.replayed && { replayed: steps.replayed }),
        ...(steps.tail && { tail: steps.tail }),
        transactions: steps.transactions.map(({ entry }) => entry.manifest),
      },
    }),
    ...(identity && { archiveIdentity: identity.archive }),
  };
  return stringify(json) ?? '';
}
