import { randomUUID } from 'node:crypto';
import { statfs } from 'node:fs/promises';
import type { FileSystem } from './file-system.js';
import type { NodeFileSystem } from './node-file-system.js';
import { meansNoHardLinks } from './publish.js';
import { ROOT } from './relative-path.js';
import { STAGING_DIRECTORY, StagingArea } from './staging-area.js';
import { systemErrorCode } from './system-error.js';

/** Whether a feature works; `unknown` carries the system's code of the failure that hid the answer. */
export type Support =
  | { readonly state: 'supported' }
  | { readonly state: 'unsupported'; readonly systemCode: string }
  | { readonly state: 'unknown'; readonly systemCode: string };

/** What sort of storage a file system is, as far as durability goes. */
export type StorageClass = 'journaled-disk' | 'plain-disk' | 'memory' | 'network' | 'unknown';

/** What the file system that holds a directory can do for committed writing; the wording is the CLI's. */
export interface DurabilityReport {
  /** The name of the file system's type (`ext4`), or its number in hex; undefined where it is hidden. */
  readonly fileSystemType: string | undefined;
  readonly storageClass: StorageClass;
  /** Without them publishing falls back to claim and rename (see `NoClobberPublisher`). */
  readonly hardLinks: Support;
  /** Without it nothing can be committed: every barrier would fail. */
  readonly directorySync: Support;
  /**
   * What can be said of D4: `yes` for a journaled local disk whose calls all work (the disk must obey
   * flushes, which cannot be seen from here), `no` for memory or without directory sync.
   */
  readonly survivesPowerCut: 'yes' | 'no' | 'unknown';
}

/** Types by the number that `statfs` gives on Linux (`linux/magic.h`). */
const FILE_SYSTEM_TYPES: ReadonlyMap<number, readonly [name: string, storage: StorageClass]> = new Map([
  [0xef53, ['ext4', 'journaled-disk']],
  [0x58465342, ['xfs', 'journaled-disk']],
  [0x9123683e, ['btrfs', 'journaled-disk']],
  [0x2fc12fc1, ['zfs', 'journaled-disk']],
  [0xf2f52010, ['f2fs', 'journaled-disk']],
  [0x4d44, ['vfat', 'plain-disk']],
  [0x2011bab0, ['exfat', 'plain-disk']],
  [0x01021994, ['tmpfs', 'memory']],
  [0x858458f6, ['ramfs', 'memory']],
  [0x6969, ['nfs', 'network']],
  [0xff534d42, ['cifs', 'network']],
  [0xfe534d42, ['smb2', 'network']],
  [0x01021997, ['9p', 'network']],
  [0x00c36400, ['ceph', 'network']],
  // What stands behind these two cannot be told from here.
  [0x65735546, ['fuse', 'unknown']],
  [0x794c7630, ['overlayfs', 'unknown']],
]);

/**
 * Tries out what the file system of an archive's root supports. Makes and removes two files in the staging
 * folder, so it needs write access and belongs to commands that write. Rejects with the system's error, or
 * `DIRECTORY_FAILED`, if it cannot write at all.
 */
export async function durabilityReport(fileSystem: NodeFileSystem): Promise<DurabilityReport> {
  const type = await fileSystemType(fileSystem.root);
  const { hardLinks, directorySync } = await probe(fileSystem);
  return {
    fileSystemType: type.name,
    storageClass: type.storage,
    hardLinks,
    directorySync,
    survivesPowerCut: verdict(type.storage, directorySync),
  };
}

/** The part of the report that any file system can be asked for. */
export async function probe(
  fileSystem: FileSystem,
): Promise<{ readonly hardLinks: Support; readonly directorySync: Support }> {
  const staging = new StagingArea(`probe-${randomUUID()}`, fileSystem);
  const first = await staging.nextPath();
  const second = await staging.nextPath();
  await (await fileSystem.createExclusive(first)).close();
  try {
    const hardLinks = await supportOf(() => fileSystem.link(first, second), meansNoHardLinks);
    const directorySync = await bothSupported(fileSystem);
    return { hardLinks, directorySync };
  } finally {
    // What stays behind is garbage of a dead writer, which the next clean-up removes.
    await fileSystem.unlink(second).catch(() => undefined);
    await fileSystem.unlink(first).catch(() => undefined);
  }
}

/** A root may be another file system's mount point than what lies below it, hence both. */
async function bothSupported(fileSystem: FileSystem): Promise<Support> {
  for (const directory of [ROOT, STAGING_DIRECTORY]) {
    const support = await supportOf(() => fileSystem.syncDirectory(directory), meansNoDirectorySync);
    if (support.state !== 'supported') return support;
  }
  return { state: 'supported' };
}

async function supportOf(
  run: () => Promise<void>,
  meansUnsupported: (error: unknown) => boolean,
): Promise<Support> {
  try {
    await run();
    return { state: 'supported' };
  } catch (error) {
    const systemCode = systemErrorCode(error) ?? 'UNKNOWN';
    return { state: meansUnsupported(error) ? 'unsupported' : 'unknown', systemCode };
  }
}

/** EINVAL: the file system has no such call; EPERM and EISDIR: Windows refuses directories. */
function meansNoDirectorySync(error: unknown): boolean {
  return ['EINVAL', 'EPERM', 'EISDIR', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(
    systemErrorCode(error) ?? '',
  );
}

async function fileSystemType(
  root: string,
): Promise<{ readonly name: string | undefined; readonly storage: StorageClass }> {
  // The numbers mean this on Linux only.
  if (process.platform !== 'linux') return { name: undefined, storage: 'unknown' };
  // The kernel's field is a signed machine word on some architectures.
  const number = (await statfs(root)).type >>> 0;
  const known = FILE_SYSTEM_TYPES.get(number);
  return known === undefined
    ? { name: `0x${number.toString(16)}`, storage: 'unknown' }
    : { name: known[0], storage: known[1] };
}

function verdict(storage: StorageClass, directorySync: Support): 'yes' | 'no' | 'unknown' {
  if (storage === 'memory' || directorySync.state === 'unsupported') return 'no';
  return storage === 'journaled-disk' && directorySync.state === 'supported' ? 'yes' : 'unknown';
}
