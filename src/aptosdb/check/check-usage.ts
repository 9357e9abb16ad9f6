import { getRow, iterateRows } from '../schema/rows.js';
import { transactionInfoRows } from '../schema/transaction-info.js';
import { type StateUsage, versionDataRows } from '../schema/version-data.js';
import type { TreeSnapshot } from './check-tree-root.js';
import { type CheckContext, type ConditionResult, Problems } from './condition.js';

/** The last state checkpoint behind the tree's version; undefined where there is none. */
export async function lastCheckpoint(
  context: CheckContext,
  treeVersion: bigint,
): Promise<bigint | undefined> {
  const { database, syncedVersion, signal } = context;
  const store = database.ledger('ledger_db/transaction_info_db');
  const range = { gt: treeVersion, lte: syncedVersion };
  for await (const { key, value } of iterateRows(store, transactionInfoRows, range, {
    signal,
    reverse: true,
  })) {
    if (value.value.state_checkpoint_hash) return key;
  }
  return undefined;
}

export interface ComputedUsage {
  /** What the leaves of the tree amount to. */
  readonly atTree: StateUsage;
  /** A checkpoint behind the tree, and how the usage changed up to it. */
  readonly checkpoint: bigint | undefined;
  readonly change: StateUsage;
}

/** Spec: aptosdb-schema.md, 11.3 and 11.6, point 6: a node panics over a row that is missing or wrong. */
export async function checkUsage(
  context: CheckContext,
  snapshot: TreeSnapshot,
  computed: ComputedUsage,
): Promise<ConditionResult> {
  const problems = new Problems();
  const { atTree, checkpoint, change } = computed;
  await compareUsage(context, snapshot.version, atTree, problems);
  if (checkpoint !== undefined) {
    const usage = { items: atTree.items + change.items, bytes: atTree.bytes + change.bytes };
    await compareUsage(context, checkpoint, usage, problems);
  }
  const also = checkpoint === undefined ? '' : `, and at the checkpoint ${checkpoint}`;
  return problems.result(
    'state-usage',
    `${atTree.items} items, ${atTree.bytes} bytes at version ${snapshot.version}${also}`,
  );
}

async function compareUsage(
  { database }: CheckContext,
  version: bigint,
  computed: StateUsage,
  problems: Problems,
): Promise<void> {
  const recorded = await getRow(database.ledgerMetadata, versionDataRows, version);
  if (recorded === undefined) problems.add(`version_data has no row of version ${version}`);
  else if (recorded.items !== computed.items || recorded.bytes !== computed.bytes) {
    problems.add(
      `version_data of ${version} says ${recorded.items} items and ${recorded.bytes} bytes, ` +
        `the state has ${computed.items} and ${computed.bytes}`,
    );
  }
}
