import { equalBytes, toHex } from '../../hashing/hash-value.js';
import { Accumulator } from '../../merkle/accumulator.js';
import type { BlockInfo } from '../../types/ledger-info.js';
import { epochByVersionRows } from '../schema/epoch-by-version.js';
import { ledgerInfoRows } from '../schema/ledger-info.js';
import { iterateRows } from '../schema/rows.js';
import { frozenRootsOf } from './check-ledger.js';
import { type CheckContext, type ConditionResult, Problems } from './condition.js';

/**
 * Ledger infos as one chain of epochs from 0 to the latest, none of them above the synced version, and the
 * latest one's accumulator (spec: aptosdb-schema.md, 11.5 and 11.6, point 9).
 */
export async function checkLedgerInfos(context: CheckContext): Promise<ConditionResult> {
  const { database, syncedVersion, signal } = context;
  const problems = new Problems();
  const endings = new Map<bigint, bigint>();
  let latest: BlockInfo | undefined;
  for await (const { key, value } of iterateRows(database.ledgerMetadata, ledgerInfoRows, {}, { signal })) {
    const info = value.value.ledger_info.commit_info;
    checkPlace(problems, key, info, latest);
    if (info.version > syncedVersion) {
      problems.add(`the ledger info of epoch ${key} is of version ${info.version}, above ${syncedVersion}`);
    }
    if (info.next_epoch_state) endings.set(info.version, key);
    latest = info;
  }
  await checkEpochIndex(context, endings, problems);
  if (latest === undefined) problems.add('there is no ledger info');
  else await checkRoot(context, latest, problems);
  const behind = latest && latest.version < syncedVersion ? `, ${syncedVersion - latest.version} behind` : '';
  return problems.result(
    'ledger-infos',
    `${endings.size} epochs ended; the latest is of version ${latest?.version}${behind}`,
  );
}

function checkPlace(problems: Problems, epoch: bigint, info: BlockInfo, before: BlockInfo | undefined): void {
  const expected = before === undefined ? 0n : before.epoch + 1n;
  if (info.epoch !== epoch) problems.add(`the ledger info of epoch ${epoch} says epoch ${info.epoch}`);
  if (epoch !== expected) problems.add(`ledger infos of epochs ${expected} to ${epoch - 1n} are missing`);
  if (before && !before.next_epoch_state)
    problems.add(`epoch ${before.epoch} has not ended, yet ${epoch} begins`);
  if (before && before.version >= info.version)
    problems.add(`epoch ${epoch} does not end after epoch ${before.epoch}`);
}

async function checkEpochIndex(
  { database, syncedVersion, signal }: CheckContext,
  endings: ReadonlyMap<bigint, bigint>,
  problems: Problems,
): Promise<void> {
  const missing = new Map(endings);
  for await (const { key, value } of iterateRows(
    database.ledgerMetadata,
    epochByVersionRows,
    {},
    { signal },
  )) {
    if (endings.get(key) === value) missing.delete(key);
    else if (key <= syncedVersion)
      problems.add(`no ledger info says that epoch ${value} ended at version ${key}`);
  }
  for (const [version, epoch] of missing) {
    problems.add(`epoch_by_version lacks the end of epoch ${epoch} at version ${version}`);
  }
}

async function checkRoot(context: CheckContext, latest: BlockInfo, problems: Problems): Promise<void> {
  const leafCount = latest.version + 1n;
  const roots = await frozenRootsOf(context, leafCount);
  // Nodes of a version before the first saved one need not be there; missing ones are another condition's.
  if (roots === undefined) return;
  const hasher = context.hashers.transactionAccumulator;
  const root = Accumulator.fromFrozenRoots(hasher, roots, leafCount).root();
  if (!equalBytes(root, latest.executed_state_id)) {
    problems.add(
      `the accumulator's root at version ${latest.version} is ${toHex(root)}, ` +
        `the ledger info says ${toHex(latest.executed_state_id)}`,
    );
  }
}
