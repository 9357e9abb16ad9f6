import { HoldfastError } from '../../errors/holdfast-error.js';
import type { LedgerHashers } from '../../types/ledger-family.js';
import { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { getMarker } from '../schema/progress-markers.js';
import { checkHotState, checkMarkers } from './check-instances.js';
import { checkAccumulator, checkTransactions } from './check-ledger.js';
import { checkLedgerInfos } from './check-ledger-infos.js';
import { checkLedgerProgress, checkStateKvProgress } from './check-progress.js';
import { checkState } from './check-state.js';
import { checkTreeShards, findTreeRoot, type TreeSnapshot } from './check-tree-root.js';
import { checkUsage, lastCheckpoint } from './check-usage.js';
import { checkWrites } from './check-writes.js';
import {
  type CheckContext,
  type ConditionName,
  type ConditionResult,
  failed,
  passed,
  skipped,
} from './condition.js';

/** How a database is tested. */
export interface CheckDatabaseOptions {
  readonly hashers: LedgerHashers;
  readonly signal?: AbortSignal | undefined;
  /**
   * `start-up`: only what takes a moment whatever the size, markers, progress, roots and ledger infos; what
   * reads every key is skipped. Everything by default.
   */
  readonly depth?: 'everything' | 'start-up' | undefined;
  /** Told each result as soon as it is known. */
  readonly onResult?: ((result: ConditionResult) => void) | undefined;
}

/** Whether a node would open a database, condition by condition. */
export interface DatabaseReport {
  /** True when nothing failed. */
  readonly ok: boolean;
  /** The version up to which the database promises everything; undefined while it is empty. */
  readonly syncedVersion: bigint | undefined;
  readonly results: readonly ConditionResult[];
}

/** Conditions that all depend on a tree root. */
const OF_THE_STATE = [
  'tree-nodes',
  'state-values',
  'state-writes',
  'state-usage',
] as const satisfies readonly ConditionName[];

/**
 * Tests what a node's start-up requires of a database, and beyond that whether the state and the ledger
 * are what their hashes say (spec: aptosdb-schema.md, section 11). Reads every key and all of the latest
 * state; changes nothing. Memory does not depend on the size of the database. What is wrong is a result, also
 * a database that does not open.
 * @param root the folder that holds `ledger_db`
 * @throws the signal's reason
 */
export async function checkDatabase(root: string, options: CheckDatabaseOptions): Promise<DatabaseReport> {
  const results: ConditionResult[] = [];
  const add = collector(results, options);
  let database: AptosDatabaseFiles;
  try {
    database = await AptosDatabaseFiles.open(root, { mode: 'read' });
  } catch (error) {
    add(failed('instances', reasonOf(error)));
    return { ok: false, syncedVersion: undefined, results };
  }
  add(passed('instances', `${database.instances.length} open`));
  try {
    const report = await checkOpenDatabase(database, options);
    return { ...report, results: [...results, ...report.results] };
  } finally {
    await database.close();
  }
}

/** The same for a database that is open, as its writer sees it: without the condition `instances`. */
export async function checkOpenDatabase(
  database: AptosDatabaseFiles,
  options: CheckDatabaseOptions,
): Promise<DatabaseReport> {
  const results: ConditionResult[] = [];
  const add = collector(results, options);
  add(checkHotState(database.root));
  await attempt(['markers'], async () => [await checkMarkers(database)], add);
  const syncedVersion = await syncedVersionOf(database, add);
  const { hashers, signal, depth } = options;
  if (syncedVersion !== undefined) {
    const context = { database, hashers, syncedVersion, signal };
    await (depth === 'start-up' ? checkStartUp(context, add) : checkContents(context, add));
  }
  return { ok: results.every(({ status }) => status !== 'failed'), syncedVersion, results };
}

type Add = (...results: readonly ConditionResult[]) => void;

function collector(results: ConditionResult[], { onResult }: CheckDatabaseOptions): Add {
  return (...more) => {
    for (const result of more) {
      results.push(result);
      onResult?.(result);
    }
  };
}

/** The sentence of a failure in the world; other errors are thrown on. */
function reasonOf(error: unknown): string {
  if (error instanceof HoldfastError) return error.message;
  throw error;
}

async function syncedVersionOf(database: AptosDatabaseFiles, add: Add): Promise<bigint | undefined> {
  try {
    const version = await getMarker(database.ledgerMetadata, { variant: 'OverallCommitProgress' });
    const empty = 'no marker: for a node the database is empty, and nothing else matters to it';
    add(passed('overall-progress', version === undefined ? empty : `synced up to version ${version}`));
    return version;
  } catch (error) {
    add(failed('overall-progress', reasonOf(error)));
    return undefined;
  }
}

/** Runs a check; where it cannot read what it needs, that is the result of its first condition. */
async function attempt(
  names: readonly [ConditionName, ...ConditionName[]],
  check: () => Promise<readonly ConditionResult[]>,
  add: Add,
): Promise<void> {
  try {
    add(...(await check()));
  } catch (error) {
    const [first, ...others] = names;
    add(failed(first, reasonOf(error)), ...others.map((name) => skipped(name, `${first} could not be told`)));
  }
}

/** Conditions that take reading everything. */
const OF_ALL_KEYS = [
  'transactions',
  'accumulator',
  'tree-shards',
  ...OF_THE_STATE,
] as const satisfies readonly ConditionName[];

async function checkStartUp(context: CheckContext, add: Add): Promise<void> {
  await attempt(['ledger-progress'], async () => [await checkLedgerProgress(context)], add);
  await attempt(['state-kv-progress'], async () => [await checkStateKvProgress(context)], add);
  await attempt(['ledger-infos'], async () => [await checkLedgerInfos(context)], add);
  const findRoot = async (): Promise<readonly ConditionResult[]> => (await findTreeRoot(context)).results;
  await attempt(['tree-root', 'tree-progress', 'replay-distance'], findRoot, add);
  add(...OF_ALL_KEYS.map((name) => skipped(name, 'it takes reading every key')));
}

async function checkContents(context: CheckContext, add: Add): Promise<void> {
  await attempt(['ledger-progress'], async () => [await checkLedgerProgress(context)], add);
  await attempt(['state-kv-progress'], async () => [await checkStateKvProgress(context)], add);
  await attempt(['transactions'], async () => [await checkTransactions(context)], add);
  await attempt(['accumulator'], async () => [await checkAccumulator(context)], add);
  await attempt(['ledger-infos'], async () => [await checkLedgerInfos(context)], add);
  let snapshot: TreeSnapshot | undefined;
  const findRoot = async (): Promise<readonly ConditionResult[]> => {
    const found = await findTreeRoot(context);
    snapshot = found.snapshot;
    return found.results;
  };
  await attempt(['tree-root', 'tree-progress', 'replay-distance'], findRoot, add);
  await attempt(['tree-shards'], async () => [await checkTreeShards(context)], add);
  const tree = snapshot;
  if (tree) await attempt(OF_THE_STATE, () => checkStateContents(context, tree), add);
  else add(...OF_THE_STATE.map((name) => skipped(name, 'there is no tree to check')));
}

async function checkStateContents(
  context: CheckContext,
  tree: TreeSnapshot,
): Promise<readonly ConditionResult[]> {
  const { results, usage } = await checkState(context, tree);
  const checkpoint = await lastCheckpoint(context, tree.version);
  const writes = await checkWrites(context, tree.version, checkpoint ?? tree.version);
  const computed = { atTree: usage, checkpoint, change: writes.change };
  return [...results, writes.result, await checkUsage(context, tree, computed)];
}
