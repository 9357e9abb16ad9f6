// The protocols of the archive writer and of its lock, on every disk that a crash may leave.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseMetadataFile, serializeMetadataEntry } from '../archive/metadata-entry.js';
import type { FileSystem } from '../durable-fs/file-system.js';
import { RecordingFileSystem } from '../durable-fs/recording-file-system.js';
import { STAGING_DIRECTORY } from '../durable-fs/staging-area.js';
import { systemErrorCode } from '../durable-fs/system-error.js';
import { leaveNote, NOTES_DIRECTORY } from '../storage/backup-notes.js';
import { LocalArchiveWriter } from '../storage/local-archive-writer.js';
import type { ProcessIdentity } from '../storage/process-identity.js';
import { WriterLock } from '../storage/writer-lock.js';
import { WRITERS_DIRECTORY } from '../storage/writer-registry.js';
import { allCrashModels, strictPosix } from './crash-model.js';
import { assertHolds, summary } from './crash-report.test.support.js';
import type { DiskImage, ImageDirectory, ImageFile } from './disk-image.js';
import { type CrashChecker, exploreCrashes } from './explore-crashes.js';
import { MemoryFileSystem } from './memory-file-system.js';
import { formatSyncMutations, runSyncMutations } from './sync-mutation.js';

const FOLDER = 'transaction_0-.0a1b';
const MANIFEST = `${FOLDER}/transaction.manifest`;
const ENTRY_NAME = 'transaction_0-9.meta';
const ENTRY = `metadata/${ENTRY_NAME}`;
const MOVED = `metadata_backup/${ENTRY_NAME}`;
const LINE = serializeMetadataEntry({
  kind: 'TransactionBackup',
  firstVersion: 0n,
  lastVersion: 9n,
  manifest: MANIFEST,
});
const WHOLE = Buffer.from(`${LINE}\n`);
const EMPTY = new Uint8Array(0);

interface StorageProtocol {
  readonly name: string;
  /** What is durably on the disk before. */
  readonly base: DiskImage;
  /** One process from its start to its success; acknowledges what it reports. */
  run(fileSystem: FileSystem, boot: number, acknowledge: (label: string) => void): Promise<void>;
  /** What must hold for whoever looks; throws. */
  check(read: Reader, acknowledged: readonly string[]): Promise<void>;
  /** Syncs that it could do without, as the mutation table names them; default none. */
  readonly unneeded?: RegExp;
}

/** The content of a file, undefined where there is none. */
type Reader = (path: string) => Promise<Uint8Array | undefined>;

const metadataEntry: StorageProtocol = {
  name: 'metadata entry',
  base: diskWith({ [MANIFEST]: Buffer.from('a manifest') }),
  async run(fileSystem, boot, acknowledge) {
    await saveEntry(new LocalArchiveWriter({ writerId: writerIdOf(boot) }, fileSystem));
    acknowledge(ENTRY);
  },
  async check(read, acknowledged) {
    const entry = await read(ENTRY);
    if (entry !== undefined) assert.ok(WHOLE.equals(entry), 'D1: the entry is not whole');
    if (acknowledged.length > 0) assert.ok(entry !== undefined, 'D4: the entry is gone');
  },
};

const entryOverEmptyOne: StorageProtocol = {
  name: 'metadata entry in place of an empty one',
  base: diskWith({ [MANIFEST]: Buffer.from('a manifest'), [ENTRY]: EMPTY }),
  run: metadataEntry.run,
  // The first two of `metadata` and of the root: what the move reports for itself nobody relies on here,
  // since any order of the old and the new entry is fine; and the folder's own name is durable already.
  unneeded: /^#5 sync-directory metadata$|^#15 sync-directory \.$/,
  async check(read, acknowledged) {
    const [entry, moved] = [await read(ENTRY), await read(MOVED)];
    if (moved !== undefined) assert.equal(moved.length, 0, 'D1: what was moved aside changed');
    if (entry === undefined || entry.length > 0) {
      assert.ok(moved !== undefined, 'the empty entry is gone from both folders');
    }
    if (entry !== undefined && entry.length > 0) assert.ok(WHOLE.equals(entry), 'D1: the entry is not whole');
    if (acknowledged.length > 0) assert.ok(entry?.length, 'D4: the entry is gone');
  },
};

const moveOfEntry: StorageProtocol = {
  name: 'move of a metadata file',
  base: diskWith({ [ENTRY]: WHOLE }),
  async run(fileSystem, boot, acknowledge) {
    const writer = new LocalArchiveWriter({ writerId: writerIdOf(boot) }, fileSystem);
    // Compaction looks what is listed before it moves: a second run finds nothing to do.
    if ((await readerOf(fileSystem)(ENTRY)) !== undefined) await writer.backupMetadataFile(ENTRY);
    acknowledge(MOVED);
  },
  async check(read, acknowledged) {
    const [entry, ...moved] = await Promise.all([ENTRY, MOVED, `${MOVED}.1`].map(read));
    const copies = [entry, ...moved].filter((content) => content !== undefined);
    assert.ok(copies.length > 0, 'both names are gone');
    for (const copy of copies) assert.ok(WHOLE.equals(copy), 'D1: a name is not whole');
    if (acknowledged.length > 0) assert.equal(entry, undefined, 'D4: the old name is back');
  },
};

/** A process takes the lock from a dead one, cleans up behind it, and commits an entry. */
const lockTakeOver: StorageProtocol = {
  name: 'lock take-over',
  base: await diskOfDeadWriter(),
  async run(fileSystem, boot, acknowledge) {
    const lock = await WriterLock.acquire(fileSystem, { owner: `boot ${boot}`, process: processOf(boot) });
    try {
      await lock.reclaimDead();
      const options = { writerId: lock.id, assertHeld: () => lock.assertHeld() };
      await saveEntry(new LocalArchiveWriter(options, fileSystem));
      acknowledge(ENTRY);
    } finally {
      await lock.release();
    }
  },
  check: metadataEntry.check,
};

const protocols = [metadataEntry, entryOverEmptyOne, moveOfEntry, lockTakeOver];

describe('the protocols of the archive writer keep their promises after a crash at any moment', () => {
  for (const protocol of protocols) {
    for (const model of allCrashModels({ pageBytes: 512 })) {
      test(`${protocol.name}, ${model.name}`, async (context) => {
        const { base } = protocol;
        const check = fullCheck(protocol);
        const report = await exploreCrashes({
          log: await record(protocol),
          base,
          model,
          check,
          imagesMax: 2048,
        });
        context.diagnostic(summary(report));
        assertHolds(report);
      });
    }
  }
});

describe('every sync of the archive writer is needed', () => {
  for (const protocol of protocols) {
    test(`${protocol.name}: the checker fails without any one of them`, async (context) => {
      const results = await runSyncMutations({
        log: await record(protocol),
        base: protocol.base,
        model: strictPosix(),
        check: fullCheck(protocol),
        imagesMax: 512,
      });
      for (const line of formatSyncMutations(results).split('\n')) context.diagnostic(line);
      const unseen = results.filter(({ violation }) => violation === undefined).map(({ sync }) => sync);
      assert.deepEqual(
        unseen.filter((sync) => protocol.unneeded?.test(sync) !== true),
        [],
      );
    });
  }
});

async function record(protocol: StorageProtocol) {
  const recording = new RecordingFileSystem(new MemoryFileSystem(protocol.base));
  await protocol.run(recording, 2, (label) => recording.acknowledge(label));
  return recording.log;
}

/** What is visible holds, the next process finds its way, and then all of it holds and no garbage is left. */
function fullCheck(protocol: StorageProtocol): CrashChecker {
  return async ({ fileSystem, acknowledged }) => {
    await protocol.check(readerOf(fileSystem), acknowledged);
    const lock = await WriterLock.acquire(fileSystem, { owner: 'recovery', process: processOf(3) });
    await lock.reclaimDead();
    await lock.release();
    await protocol.check(readerOf(fileSystem), acknowledged);
    await protocol.run(fileSystem, 4, () => undefined);
    await protocol.check(readerOf(fileSystem), ['all of it']);
    for (const folder of [STAGING_DIRECTORY, NOTES_DIRECTORY, WRITERS_DIRECTORY]) {
      assert.deepEqual(await fileSystem.readdir(folder).catch(() => []), [], `D6: garbage in ${folder}`);
    }
  };
}

async function saveEntry(writer: LocalArchiveWriter): Promise<void> {
  const isReadable = (content: Uint8Array): boolean => {
    return parseMetadataFile(content, ENTRY).problem === undefined;
  };
  await writer.saveMetadataLines(ENTRY_NAME, [LINE], { isReadable, after: [] });
}

function readerOf(fileSystem: FileSystem): Reader {
  return async (path) => {
    try {
      return await fileSystem.readFile(path);
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  };
}

/** A process of a machine that has started so many times: all processes of earlier starts are dead. */
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

/** Of a writer that takes no lock; clean-up knows owners by the length of a UUID. */
function writerIdOf(boot: number): string {
  return `00000000-0000-4000-8000-${String(boot).padStart(12, '0')}`;
}

/** The rests of a writer that was cut off in the middle of a file. */
async function diskOfDeadWriter(): Promise<DiskImage> {
  const fileSystem = new MemoryFileSystem(metadataEntry.base);
  const lock = await WriterLock.acquire(fileSystem, { owner: 'boot 1', process: processOf(1) });
  await leaveNote(fileSystem, FOLDER, lock.id);
  const writer = new LocalArchiveWriter({ writerId: lock.id }, fileSystem);
  await (await writer.createForWrite(FOLDER, '0-.chunk')).write(Buffer.from('half a chunk'));
  const image = fileSystem.image();
  await lock.release();
  return image;
}

function diskWith(files: Readonly<Record<string, Uint8Array>>): DiskImage {
  const image = new Map<string, ImageFile | ImageDirectory>();
  for (const [path, bytes] of Object.entries(files)) {
    image.set(path.slice(0, path.indexOf('/')), { kind: 'directory' });
    image.set(path, { kind: 'file', bytes });
  }
  return image;
}
