// The protocols that need a real folder to run on: a whole backup with lock and side file, adopt, clean-up.
// What they do there is recorded, and every disk that a crash may leave is built from the record.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { parseAttestationFile } from '../archive/attestation-side-file.js';
import { commitBackup, writeFile as writeBackupFile } from '../archive/commit-backup.js';
import type { FileSystem } from '../durable-fs/file-system.js';
import { NodeFileSystem } from '../durable-fs/node-file-system.js';
import { RecordingFileSystem } from '../durable-fs/recording-file-system.js';
import { STAGING_DIRECTORY } from '../durable-fs/staging-area.js';
import { adoptArchive } from '../maintenance/adopt.js';
import { cleanUp } from '../maintenance/cleanup.js';
import { LocalFsStorage } from '../storage/local-fs.js';
import { LocalFsWriterStorage } from '../storage/local-fs-writer.js';
import { LocalMaintenance } from '../storage/local-maintenance.js';
import type { ProcessIdentity } from '../storage/process-identity.js';
import { WriterLock } from '../storage/writer-lock.js';
import { writeReferenceArchive } from '../testing/archive-writer.js';
import { generateLedger } from '../testing/ledger-generator.js';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { LEDGER_FAMILIES } from '../types/ledger-family.js';
import { allCrashModels, strictPosix } from './crash-model.js';
import { assertHolds, summary } from './crash-report.test.support.js';
import type { DiskImage, ImageDirectory, ImageFile } from './disk-image.js';
import { type CrashChecker, exploreCrashes } from './explore-crashes.js';
import { formatSyncMutations, runSyncMutations } from './sync-mutation.js';

const MODELS = allCrashModels({ pageBytes: 512 });
const FOLDER = 'transaction_0-.0a1b';
const ENTRY = 'metadata/transaction_0-9.meta';

describe('a whole backup as commands make it, with lock, notes and side file', () => {
  for (const model of MODELS) {
    test(`is whole or not there after a crash at any moment, ${model.name}`, async (context) => {
      const { log, expected } = await recordBackup(context);
      const check = backupChecker(expected);
      const report = await exploreCrashes({ log, model, check, imagesMax: 192 });
      context.diagnostic(summary(report));
      assertHolds(report);
    });
  }

  test('needs every one of its syncs, but for two of the root, which the next one repeats', async (context) => {
    const { log, expected } = await recordBackup(context);
    const check = backupChecker(expected);
    const results = await runSyncMutations({ log, model: strictPosix(), check, imagesMax: 12 });
    const unseen = results.filter(({ violation }) => violation === undefined);
    context.diagnostic(
      `${results.length - unseen.length} of ${results.length} mutations are caught; not seen:`,
    );
    for (const line of formatSyncMutations(unseen).split('\n')) context.diagnostic(line);
    assert.deepEqual(
      unseen.filter(({ sync }) => !/^#\d+ sync-directory \.$/.test(sync)),
      [],
    );
    assert.equal(new Set(unseen.map(({ sync }) => sync)).size, 2);
  });
});

describe('adopting an archive that nobody ever synced', () => {
  for (const model of MODELS) {
    test(`says of nothing that it is whole before it is durable, ${model.name}`, async (context) => {
      const { log, expected } = await recordAdopt(context);
      const report = await exploreCrashes({ log, model, check: adoptChecker(expected), imagesMax: 24 });
      context.diagnostic(summary(report));
      assertHolds(report);
    });
  }

  test('needs every one of its syncs, but for those of folders that a later one repeats', async (context) => {
    const { log, expected } = await recordAdopt(context);
    const check = adoptChecker(expected);
    const results = await runSyncMutations({ log, model: strictPosix(), check, imagesMax: 6 });
    const unseen = results.filter(({ violation }) => violation === undefined);
    context.diagnostic(
      `${results.length - unseen.length} of ${results.length} mutations are caught; not seen:`,
    );
    for (const line of formatSyncMutations(unseen).split('\n')) context.diagnostic(line);
    assert.deepEqual(
      unseen.filter(({ sync }) => !/^#\d+ sync-directory (?:\.|\.holdfast\/attestations)$/.test(sync)),
      [],
    );
  });
});

describe('clean-up that is cut off', () => {
  for (const model of MODELS) {
    test(`leaves every backup as it is, and can be run again, ${model.name}`, async (context) => {
      const { log, base, kept } = await recordCleanup(context);
      const spare = temporaryFolder(context);
      const check: CrashChecker = async ({ fileSystem, image, acknowledged }) => {
        await assertContent(fileSystem, kept);
        const isGone = !image.has(FOLDER);
        if (acknowledged.length > 0) assert.ok(isGone, 'D4: what was reported as removed is back');
        const folder = await materialize(image, spare);
        await cleanFolder(folder);
        await assertContent(new NodeFileSystem(folder), kept);
        assert.ok(!readdirSync(folder).includes(FOLDER), 'D6: a second clean-up does not finish the work');
        await rm(folder, { recursive: true });
      };
      const report = await exploreCrashes({ log, base, model, check, imagesMax: 32 });
      context.diagnostic(summary(report));
      assertHolds(report);
    });
  }
});

/** One backup of three files through the storage of the commands. */
async function recordBackup(context: TestContext) {
  const folder = temporaryFolder(context);
  let recording = new RecordingFileSystem(new NodeFileSystem(folder));
  const storage = await LocalFsWriterStorage.open(folder, {
    owner: 'test',
    process: processOf(1),
    wrapFileSystem: (fileSystem) => {
      recording = new RecordingFileSystem(fileSystem);
      return recording;
    },
  });
  await storage.createBackup(FOLDER);
  for (const name of ['0-.chunk', '0-9.proof']) {
    await writeBackupFile(storage, FOLDER, name, Buffer.from(name.repeat(70)));
  }
  await commitBackup(storage, {
    backup: FOLDER,
    manifestName: 'transaction.manifest',
    manifest: '{"first_version":0,"last_version":9,"chunks":[]}',
    metadataName: { kind: 'transaction', compacted: false, first: 0n, last: 9n },
    entry: { kind: 'TransactionBackup', firstVersion: 0n, lastVersion: 9n },
  });
  recording.acknowledge(ENTRY);
  await storage.close();
  return { log: recording.log, expected: filesOf(folder) };
}

/** D1, D2, D4, and the next process takes the lock and leaves no garbage (D6). */
function backupChecker(expected: ReadonlyMap<string, Uint8Array>): CrashChecker {
  const manifest = `${FOLDER}/transaction.manifest`;
  const files = [`${FOLDER}/0-.chunk`, `${FOLDER}/0-9.proof`];
  return async ({ fileSystem, image, acknowledged }) => {
    assertWholeWhereVisible(image, expected);
    const needs = (name: string, needed: readonly string[]): void => {
      if (!image.has(name)) return;
      for (const other of needed) assert.ok(image.has(other), `D2: ${name} is there without ${other}`);
    };
    needs(manifest, files);
    needs(ENTRY, [
      ...files,
      manifest,
      ...[...expected.keys()].filter((name) => name.includes('attestations/')),
    ]);
    for (const name of acknowledged) assert.ok(image.has(name), `D4: ${name} is gone`);
    await takeLockAfterCrash(fileSystem);
  };
}

/** The next process finds nothing that keeps it out, and leaves no garbage. */
async function takeLockAfterCrash(fileSystem: FileSystem): Promise<void> {
  const lock = await WriterLock.acquire(fileSystem, { owner: 'recovery', process: processOf(2) });
  await lock.reclaimDead();
  await lock.release();
  assert.deepEqual(await fileSystem.readdir(STAGING_DIRECTORY), [], 'D6: staging is not reclaimed');
}

/** An archive written without a single sync, then adopted. */
async function recordAdopt(context: TestContext) {
  const source = await smallArchive(context);
  const folder = temporaryFolder(context);
  const recording = new RecordingFileSystem(new NodeFileSystem(folder));
  for (const directory of directoriesOf(source)) await recording.mkdir(directory);
  for (const [name, bytes] of filesOf(source)) {
    const file = await recording.createExclusive(name);
    await file.write(bytes, 0);
    await file.close();
  }
  const begun = recording.log.length;
  const storage = await LocalFsWriterStorage.open(folder, {
    owner: 'adopt',
    role: 'maintenance',
    process: processOf(1),
    wrapFileSystem: () => recording,
  });
  const { verification, adopted } = await adoptArchive({ storage, family: LEDGER_FAMILIES.aptos });
  assert.equal(verification.outcome, 'proven');
  assert.ok(adopted > 0);
  recording.acknowledge('adopted');
  await storage.close();
  context.diagnostic(`${recording.log.length - begun} calls for ${adopted} backups`);
  return { log: recording.log, expected: filesOf(folder) };
}

/** A side file vouches for its manifest and all files beside it; a success for everything. */
function adoptChecker(expected: ReadonlyMap<string, Uint8Array>): CrashChecker {
  return async ({ fileSystem, image, acknowledged }) => {
    const isWhole = (name: string): boolean => {
      const entry = image.get(name);
      const whole = expected.get(name);
      return entry?.kind === 'file' && whole !== undefined && Buffer.compare(entry.bytes, whole) === 0;
    };
    for (const [name, entry] of image) {
      if (!name.startsWith('.holdfast/attestations/') || entry.kind !== 'file') continue;
      const { manifest, files } = parseAttestationFile(entry.bytes);
      for (const file of [manifest, ...files.keys()]) assert.ok(isWhole(file), `${name} vouches for ${file}`);
    }
    await takeLockAfterCrash(fileSystem);
    if (acknowledged.length === 0) return;
    for (const name of expected.keys()) {
      assert.ok(
        isWhole(name) || name.startsWith('.holdfast/writers/'),
        `D4: ${name} is adopted and not whole`,
      );
    }
  };
}

/** An archive with a listed backup, an unlisted whole one, and one that was never finished. */
async function recordCleanup(context: TestContext) {
  const folder = await smallArchive(context);
  const kept = filesOf(folder);
  const unlisted = 'transaction_90-.ffff';
  await mkdir(path.join(folder, unlisted));
  const manifest = '{"first_version":90,"last_version":99,"chunks":[]}';
  await writeFile(path.join(folder, unlisted, 'transaction.manifest'), manifest);
  kept.set(`${unlisted}/transaction.manifest`, Buffer.from(manifest));
  await mkdir(path.join(folder, FOLDER));
  for (const name of ['0-.chunk', '0-9.proof']) await writeFile(path.join(folder, FOLDER, name), 'rest');
  const base = imageOf(folder);
  let recording = new RecordingFileSystem(new NodeFileSystem(folder));
  const removed = await cleanFolder(folder, (fileSystem) => {
    recording = new RecordingFileSystem(fileSystem);
    return recording;
  });
  assert.deepEqual(removed, [FOLDER]);
  recording.acknowledge('cleaned up');
  return { log: recording.log, base, kept };
}

/** Runs a clean-up without a grace period; resolves to what it removed. */
async function cleanFolder(folder: string, wrap?: (fileSystem: FileSystem) => FileSystem): Promise<string[]> {
  const storage = new LocalFsStorage(folder);
  const maintenance = new LocalMaintenance(folder, wrap);
  // Negative: files are some milliseconds old at most, and clocks of file systems are coarse.
  const options = { storage, maintenance, apply: true, owner: 'test', gracePeriodMs: -60_000 };
  try {
    const { items } = await cleanUp(options);
    return items.filter(({ action }) => action === 'removed').map((item) => item.path);
  } finally {
    await maintenance.close();
  }
}

async function smallArchive(context: TestContext): Promise<string> {
  const folder = temporaryFolder(context);
  const ledger = generateLedger({ seed: 1, epochs: 1, transactions: 4, stateItems: 1, profile: 'transfers' });
  await writeReferenceArchive(ledger, folder);
  return folder;
}

async function assertContent(
  fileSystem: FileSystem,
  expected: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  for (const [name, bytes] of expected) {
    const found = await fileSystem.readFile(name).catch(() => assert.fail(`${name} is gone`));
    assert.ok(Buffer.compare(found, bytes) === 0, `${name} changed`);
  }
}

function assertWholeWhereVisible(image: DiskImage, expected: ReadonlyMap<string, Uint8Array>): void {
  for (const [name, entry] of image) {
    const isOwn = name.startsWith('.holdfast/') && !name.startsWith('.holdfast/attestations/');
    if (entry.kind === 'directory' || isOwn) continue;
    const whole = expected.get(name) ?? assert.fail(`D6: ${name} is visible and nobody's`);
    assert.ok(Buffer.compare(entry.bytes, whole) === 0, `D1: ${name} is not whole`);
  }
}

function processOf(boot: number): ProcessIdentity {
  const bootId = `boot-${boot}`;
  return {
    host: 'host',
    machineId: 'machine',
    bootId,
    pidNamespace: 'pids',
    pid: 1,
    startTicks: '1',
    user: 'user',
  };
}

/** All paths below a folder, parents before children. */
function pathsIn(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.map((name) => name.split(path.sep).join('/')).sort();
}

function directoriesOf(folder: string): string[] {
  return pathsIn(folder).filter((name) => statSync(path.join(folder, name)).isDirectory());
}

function filesOf(folder: string): Map<string, Uint8Array> {
  const names = pathsIn(folder).filter((name) => statSync(path.join(folder, name)).isFile());
  return new Map(names.map((name) => [name, new Uint8Array(readFileSync(path.join(folder, name)))]));
}

function imageOf(folder: string): DiskImage {
  const image = new Map<string, ImageFile | ImageDirectory>();
  for (const name of directoriesOf(folder)) image.set(name, { kind: 'directory' });
  for (const [name, bytes] of filesOf(folder)) image.set(name, { kind: 'file', bytes });
  return image;
}

/** This process still runs, unlike one on a machine that lost power: what it registered names an older start. */
function afterRestart(name: string, bytes: Uint8Array): Uint8Array {
  if (!name.startsWith('.holdfast/writers/')) return bytes;
  return Buffer.from(
    Buffer.from(bytes)
      .toString()
      .replace(/"bootId": "[^"]*"/, '"bootId": "an older one"'),
  );
}

/** The image as a real folder. */
async function materialize(image: DiskImage, below: string): Promise<string> {
  const folder = await mkdtemp(path.join(below, 'state-'));
  for (const [name, entry] of image) {
    if (entry.kind === 'directory') await mkdir(path.join(folder, name), { recursive: true });
    else await writeFile(path.join(folder, name), afterRestart(name, entry.bytes));
  }
  return folder;
}
