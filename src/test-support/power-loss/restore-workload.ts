// For `scripts/powercut --workload`: `restore bootstrap-db` of a whole ledger, cut off and gone on with. Every
// commit point is acknowledged, and so is every finished database.
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { lastCommittedVersion } from '../../aptosdb/commit/committed-state.js';
import { checkDatabase } from '../../aptosdb/check/check-database.js';
import { AptosDatabaseFiles } from '../../aptosdb/driver/aptos-database-files.js';
import { NodeFileSystem } from '../../durable-fs/node-file-system.js';
import { HoldfastError } from '../../errors/holdfast-error.js';
import { BUILD_FOLDER, type RestoreJournalState } from '../../restore/restore-journal.js';
import { inspectTarget } from '../../restore/target.js';
import { writeReferenceArchive } from '../../testing/archive-writer.js';
import { generateLedger } from '../../testing/ledger-generator.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../../types/ledger-family.js';
import { dumpRows } from '../load-rows.js';
import { restoreInto } from '../restore-into.js';
import { namesIn } from './inspect-archive.js';
import type { Inspection, PowerLossWorkload, WorkloadPlace, WorkloadRun } from './workload.js';

const DATABASE = /^db-([0-9]+)$/;
const ARCHIVE = 'restore-archive';
const EXPECTED = 'restored-rows.json';
const COMMIT_EVERY_MS = 50;
/** RocksDB reserves space for its logs by this size: small volumes hold 42 of them. */
const WRITE_BUFFER_BYTES = 256 * 1024;
/** In their order when history is wanted. */
const STEPS = ['values', 'history', 'state', 'tail', 'finish'];
const RESTORE = { historyStartVersion: 0n, writeBufferBytes: WRITE_BUFFER_BYTES } as const;

export const workloads: readonly PowerLossWorkload[] = [
  { name: 'restore-bootstrap', kind: 'writer', prepare, write: writeDatabases, inspect },
];

/** The archive, and what must come out of it: a digest of each column family's rows. */
async function prepare(inputFolder: string): Promise<void> {
  const archive = path.join(inputFolder, ARCHIVE);
  await mkdir(archive);
  const ledger = generateLedger({
    seed: 'power loss restore',
    epochs: 3,
    transactions: 300,
    stateItems: 500,
    profile: 'transfers',
  });
  await writeReferenceArchive(ledger, archive, { maxChunkSize: 40_000, transactionBatch: 120 });
  const whole = path.join(inputFolder, 'restored');
  await restoreInto(whole, archive, RESTORE);
  await writeFile(path.join(inputFolder, EXPECTED), JSON.stringify(await digestsOf(whole)));
  await rm(whole, { recursive: true });
}

async function digestsOf(root: string): Promise<Record<string, string>> {
  await using database = await AptosDatabaseFiles.open(root, { mode: 'read' });
  const rows = [...(await dumpRows(database))].sort(([left], [right]) => (left < right ? -1 : 1));
  const digest = (lines: readonly string[]): string =>
    createHash('sha256').update(lines.join('\n')).digest('hex');
  return Object.fromEntries(rows.map(([family, lines]) => [family, digest(lines)]));
}

/** Restores to `db-0`, then to `db-1`, and so on; goes on with the last one. */
async function writeDatabases(run: WorkloadRun): Promise<void> {
  const { folder, inputFolder, acknowledge, started, finished, unitsMax = Number.POSITIVE_INFINITY } = run;
  const rounds = (await namesIn(folder)).flatMap((name) => Number(DATABASE.exec(name)?.[1] ?? []));
  const archive = path.join(inputFolder, ARCHIVE);
  started();
  let units = 0;
  for (let round = Math.max(0, ...rounds); units < unitsMax; round++) {
    const name = `db-${round}`;
    await restoreInto(path.join(folder, name), archive, {
      ...RESTORE,
      commitEveryMs: COMMIT_EVERY_MS,
      onCommitPoint: ({ stage, done }) => acknowledge(`${name}: ${stage}: ${done}`),
    });
    acknowledge(`${name}: done`);
    finished();
    units++;
  }
}

async function inspect(place: WorkloadPlace, acknowledged: readonly string[]): Promise<Inspection> {
  const { folder, inputFolder } = place;
  const inspection = { lost: [] as string[], torn: [] as string[], incomplete: [] as string[] };
  const promises = promisesOf(acknowledged);
  const names = (await namesIn(folder)).filter((name) => DATABASE.test(name));
  for (const name of promises.keys()) if (!names.includes(name)) inspection.lost.push(`${name} is gone`);
  const copies = await mkdtemp(path.join(inputFolder, 'copy-'));
  // Only the newest one was being written when the power was cut, and the one before it may have been closing.
  for (const name of names.slice(-2)) {
    const copy = path.join(copies, name);
    await cp(path.join(folder, name), copy, { recursive: true });
    try {
      inspection.lost.push(...(await brokenPromises(copy, name, promises.get(name) ?? [])));
      inspection.torn.push(...(await goOn(copy, name, inputFolder)));
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      inspection.torn.push(`${name}: ${error.code}: ${error.message}`);
    }
  }
  await rm(copies, { recursive: true });
  return { ...inspection, foreign: [], whole: names.length };
}

/** What was acknowledged of each database, in order. */
function promisesOf(acknowledged: readonly string[]): Map<string, string[]> {
  const promises = new Map<string, string[]>();
  for (const label of acknowledged) {
    const name = label.slice(0, label.indexOf(': '));
    const promise = label.slice(name.length + 2);
    const known = promises.get(name);
    if (known) known.push(promise);
    else promises.set(name, [promise]);
  }
  return promises;
}

/** Before anybody goes on: whatever was acknowledged is there. */
async function brokenPromises(root: string, name: string, promises: readonly string[]): Promise<string[]> {
  const last = promises.at(-1);
  if (last === undefined) return [];
  const state = await inspectTarget(new NodeFileSystem(root));
  if (state.kind === 'done') return [];
  if (last === 'done') return [`${name} was restored, and is ${state.kind}`];
  if (state.kind !== 'unfinished') return [`${name} had ${last}, and is ${state.kind}`];
  if (state.journal.phase === 'publishing') return [];
  const [stage = '', done = ''] = last.split(': ');
  const reached = stage.startsWith('state')
    ? snapshotProgress(state.journal, stage)
    : await committedVersion(root);
  return reached >= BigInt(done) ? [] : [`${name} had ${last}, and has ${reached}`];
}

/** Items of the snapshot that the stage writes; more than any where the restore is behind it. */
function snapshotProgress(journal: RestoreJournalState, stage: string): bigint {
  if (journal.phase === 'publishing') return 2n ** 64n;
  const { step, snapshot } = journal.progress;
  const wanted = stage.startsWith('state values') ? 'values' : 'state';
  if (step !== wanted) return STEPS.indexOf(String(step)) > STEPS.indexOf(wanted) ? 2n ** 64n : -1n;
  const { frontier } = (snapshot ?? {}) as { readonly frontier?: { readonly leafCount: number } };
  return BigInt(frontier?.leafCount ?? 0);
}

async function committedVersion(root: string): Promise<bigint> {
  const build = path.join(root, ...BUILD_FOLDER.split('/'));
  await using database = await AptosDatabaseFiles.open(build, { mode: 'write' });
  return (await lastCommittedVersion(database)) ?? -1n;
}

/** What the next run makes of it must be what an unbroken one makes, row by row. */
async function goOn(root: string, name: string, inputFolder: string): Promise<string[]> {
  await restoreInto(root, path.join(inputFolder, ARCHIVE), RESTORE);
  const { results } = await checkDatabase(root, { hashers: ledgerHashers(LEDGER_FAMILIES.aptos) });
  const failed = results.filter(({ status }) => status === 'failed');
  const faults = failed.map((result) => `${name}: ${result.name}: ${result.detail}`);
  const text = await readFile(path.join(inputFolder, EXPECTED), 'utf8');
  const expected = JSON.parse(text) as Record<string, string>;
  const actual = await digestsOf(root);
  for (const family of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
    if (expected[family] !== actual[family]) faults.push(`${name}: other rows in ${family}`);
  }
  return faults;
}
