// What the crash tests run: the archive protocols on the durable writer, and writers that are known to be
// wrong. Each protocol can be run again on whatever a crash left, and then ends in the same archive.
import assert from 'node:assert/strict';
import { DurableFsError } from '../durable-fs/durable-fs-error.js';
import { DurableWriter } from '../durable-fs/durable-writer.js';
import type { FileSystem } from '../durable-fs/file-system.js';
import { moveFile } from '../durable-fs/move-file.js';
import { RecordingFileSystem } from '../durable-fs/recording-file-system.js';
import { reclaimClaims, reclaimStaging, STAGING_DIRECTORY } from '../durable-fs/staging-area.js';
import { type DiskImage, EMPTY_IMAGE } from './disk-image.js';
import type { CrashChecker } from './explore-crashes.js';
import { MemoryFileSystem } from './memory-file-system.js';

/** Tells the world that a path and everything that it refers to is safe. */
export type Acknowledge = (path: string) => void;

/** A writer under test. */
export interface Protocol {
  readonly name: string;
  /** The archive that it makes, in the order of writing; later files may refer to earlier ones. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** A file may be visible only where these are: the one is written to depend on the others. */
  readonly needs: ReadonlyMap<string, readonly string[]>;
  readonly run: (fileSystem: FileSystem, writerId: string, acknowledge: Acknowledge) => Promise<void>;
  /** What is on the disk before; default nothing. */
  readonly base?: DiskImage;
  /** What else must hold; throws. */
  readonly extraCheck?: (visible: ReadonlyMap<string, Uint8Array>, acknowledged: readonly string[]) => void;
}

/** Bytes that are all different from zero and from those of other files. */
export function content(label: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => 1 + ((label * 37 + index * 11) % 255));
}

const CHUNK = 'backup.0a1b/0-.chunk';
const PROOF = 'backup.0a1b/0-9.proof';
const MANIFEST = 'backup.0a1b/transaction.manifest';
const ENTRY = 'metadata/transaction_0-9.meta';

/** One file in a new folder. */
export const publishOneFile: Protocol = {
  name: 'publish one file',
  files: new Map([[CHUNK, content(1, 1300)]]),
  needs: new Map(),
  async run(fileSystem, writerId, acknowledge) {
    const writer = new DurableWriter({ writerId }, fileSystem);
    await writeOrAdopt(this.files, fileSystem, writer, CHUNK);
    await writer.barrier();
    acknowledge(CHUNK);
  },
};

/** Files, directory sync, manifest, directory sync, metadata entry, directory sync. */
export const wholeBackup: Protocol = {
  name: 'whole backup',
  files: new Map([
    [CHUNK, content(1, 1300)],
    [PROOF, content(2, 96)],
    [MANIFEST, content(3, 700)],
    [ENTRY, content(4, 80)],
  ]),
  needs: new Map([
    [MANIFEST, [CHUNK, PROOF]],
    [ENTRY, [CHUNK, PROOF, MANIFEST]],
  ]),
  async run(fileSystem, writerId, acknowledge) {
    const writer = new DurableWriter({ writerId }, fileSystem);
    await writeOrAdopt(this.files, fileSystem, writer, CHUNK);
    await writeOrAdopt(this.files, fileSystem, writer, PROOF);
    await writeOrAdopt(this.files, fileSystem, writer, MANIFEST, 'dependent');
    await writeOrAdopt(this.files, fileSystem, writer, ENTRY, 'dependent');
    await writer.barrier();
    acknowledge(ENTRY);
  },
};

const MOVED = 'metadata_backup/transaction_0-9.meta';

/** A metadata file that leaves the listed set; either name must be there at any time. */
export const moveMetadataFile: Protocol = {
  name: 'move of a metadata file',
  base: new Map([
    ['metadata', { kind: 'directory' }],
    [ENTRY, { kind: 'file', bytes: content(4, 80) }],
  ]),
  files: new Map([[MOVED, content(4, 80)]]),
  needs: new Map(),
  extraCheck(visible, acknowledged) {
    assert.ok(visible.has(ENTRY) || visible.has(MOVED), 'both names are gone');
    const done = acknowledged.includes(MOVED);
    assert.ok(!(done && visible.has(ENTRY)), 'D4: the old name is back after the move was acknowledged');
  },
  async run(fileSystem, writerId, acknowledge) {
    const writer = new DurableWriter({ writerId }, fileSystem);
    await writer.ensureDirectory('metadata_backup');
    await writer.barrier();
    await moveFile(fileSystem, ENTRY, MOVED);
    acknowledge(MOVED);
  },
};

/** As the reference does it: the final name at once, no sync. */
export const naiveWriter: Protocol = {
  ...publishOneFile,
  name: 'naive writer (control)',
  async run(fileSystem, _writerId, acknowledge) {
    await fileSystem.mkdir('backup.0a1b').catch(() => undefined);
    await writeWhole(fileSystem, CHUNK, publishOneFile.files, false);
    acknowledge(CHUNK);
  },
};

/** The popular half measure; even with the directory synced the content is not. */
export const renameWithoutSync: Protocol = {
  ...publishOneFile,
  name: 'write, rename without fsync (control)',
  async run(fileSystem, _writerId, acknowledge) {
    await fileSystem.mkdir('backup.0a1b').catch(() => undefined);
    await writeWhole(fileSystem, 'temporary', new Map([['temporary', content(1, 1300)]]), false);
    await fileSystem.rename('temporary', CHUNK);
    await fileSystem.syncDirectory('backup.0a1b');
    await fileSystem.syncDirectory('.');
    acknowledge(CHUNK);
  },
};

/** The content is safe and the name is not. */
export const renameWithoutDirectorySync: Protocol = {
  ...publishOneFile,
  name: 'fsync, rename without directory sync (control)',
  async run(fileSystem, _writerId, acknowledge) {
    await fileSystem.mkdir('backup.0a1b').catch(() => undefined);
    await writeWhole(fileSystem, 'temporary', new Map([['temporary', content(1, 1300)]]), true);
    await fileSystem.rename('temporary', CHUNK);
    acknowledge(CHUNK);
  },
};

/** All that our writer is held to. */
export const protocols: readonly Protocol[] = [publishOneFile, wholeBackup, moveMetadataFile];

/** Runs a protocol on memory and returns its log. */
export async function record(protocol: Protocol) {
  const recording = new RecordingFileSystem(new MemoryFileSystem(protocol.base ?? EMPTY_IMAGE));
  await protocol.run(recording, 'first', (path) => recording.acknowledge(path));
  return recording.log;
}

/**
 * D1, D2, D4, D6 and D7 for any state: what is visible is whole and complete, what was acknowledged is there,
 * clean-up removes all garbage and nothing else, and a second run ends in the same archive.
 */
export function archiveChecker(protocol: Protocol): CrashChecker {
  return async ({ fileSystem, acknowledged }) => {
    const before = await visibleFiles(fileSystem);
    checkPromises(protocol, before, acknowledged);
    await reclaimStaging(fileSystem, () => false);
    await reclaimClaims(fileSystem);
    assert.deepEqual(await visibleFiles(fileSystem), before, 'D6: clean-up touched what is visible');
    await protocol.run(fileSystem, 'second', () => undefined);
    const after = await visibleFiles(fileSystem);
    checkPromises(protocol, after, [...protocol.files.keys()]);
    const garbage = await fileSystem.readdir(STAGING_DIRECTORY).catch(() => []);
    assert.deepEqual(garbage, [], 'D6: garbage is left after clean-up and a second run');
  };
}

/** Only what a reader sees, for controls that have no recovery. */
export function readerChecker(protocol: Protocol): CrashChecker {
  return async ({ fileSystem, acknowledged }) => {
    checkPromises(protocol, await visibleFiles(fileSystem), acknowledged);
  };
}

/** Every file outside `.holdfast` (and the controls' own temporary file), with its content. */
export async function visibleFiles(fileSystem: FileSystem): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  const walk = async (directory: string): Promise<void> => {
    for (const { name, kind } of await fileSystem.readdir(directory)) {
      const path = directory === '.' ? name : `${directory}/${name}`;
      if (path === '.holdfast' || path === 'temporary') continue;
      if (kind === 'directory') await walk(path);
      else found.set(path, new Uint8Array(await fileSystem.readFile(path)));
    }
  };
  await walk('.');
  return found;
}

/** D1, D2 and D4 for what a reader sees; throws. */
export function checkPromises(
  protocol: Protocol,
  visible: ReadonlyMap<string, Uint8Array>,
  acknowledged: readonly string[],
): void {
  const expected = new Map(protocol.files);
  for (const [path, entry] of protocol.base ?? []) if (entry.kind === 'file') expected.set(path, entry.bytes);
  for (const [path, bytes] of visible) {
    const whole = expected.get(path);
    assert.ok(whole !== undefined, `D6: ${path} is visible and nobody's`);
    assert.ok(Buffer.compare(bytes, whole) === 0, `D1: ${path} is not whole`);
    for (const needed of protocol.needs.get(path) ?? []) {
      assert.ok(visible.has(needed), `D2: ${path} is there without ${needed}`);
    }
  }
  for (const path of acknowledged) assert.ok(visible.has(path), `D4: ${path} was acknowledged and is gone`);
  protocol.extraCheck?.(visible, acknowledged);
}

/** Resume (D7): a file that is there whole is kept, anything else is written. */
async function writeOrAdopt(
  files: ReadonlyMap<string, Uint8Array>,
  fileSystem: FileSystem,
  writer: DurableWriter,
  path: string,
  sort: 'dependent' | 'plain' = 'plain',
): Promise<void> {
  const bytes = files.get(path) ?? assert.fail(path);
  const directory = path.slice(0, path.lastIndexOf('/'));
  const name = path.slice(directory.length + 1);
  try {
    const file =
      sort === 'plain'
        ? await writer.openDurableFile(directory, name)
        : await writer.openDependentFile(directory, name);
    await file.write(bytes.subarray(0, 600));
    await file.write(bytes.subarray(600));
    await file.publish();
  } catch (error) {
    if (!(error instanceof DurableFsError) || error.code !== 'NAME_EXISTS') throw error;
    assert.ok(Buffer.compare(await fileSystem.readFile(path), bytes) === 0, `D3: ${path} changed`);
    await writer.adopt(path);
  }
}

async function writeWhole(
  fileSystem: FileSystem,
  path: string,
  files: ReadonlyMap<string, Uint8Array>,
  sync: boolean,
): Promise<void> {
  const file = await fileSystem.createExclusive(path);
  await file.write(files.get(path) ?? assert.fail(path), 0);
  if (sync) await file.sync();
  await file.close();
}
