import { type BigIntStats, constants, type Dirent } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as nodePath from 'node:path';
import type {
  DirectoryEntry,
  EntryKind,
  EntryStat,
  FileSystem,
  ReadableFile,
  WritableFile,
} from './file-system.js';
import { assertRelativePath } from './relative-path.js';
import { systemErrorCode } from './system-error.js';

/** The real file system below one folder. The folder must exist: see `createRoot`. */
export class NodeFileSystem implements FileSystem {
  /** The absolute path of the root. */
  readonly root: string;
  #nameless = 0;

  constructor(root: string) {
    this.root = nodePath.resolve(root);
  }

  async mkdir(path: string): Promise<void> {
    await fs.mkdir(this.#resolve(path));
  }

  async createExclusive(path: string): Promise<WritableFile> {
    return new NodeWritableFile(await fs.open(this.#resolve(path), 'wx'));
  }

  async link(from: string, to: string): Promise<void> {
    await fs.link(this.#resolve(from), this.#resolve(to));
  }

  async unlink(path: string): Promise<void> {
    await fs.unlink(this.#resolve(path));
  }

  async rename(from: string, to: string): Promise<void> {
    await fs.rename(this.#resolve(from), this.#resolve(to));
  }

  async rmdir(path: string): Promise<void> {
    await fs.rmdir(this.#resolve(path));
  }

  async syncDirectory(path: string): Promise<void> {
    await syncExistingDirectory(this.#resolve(path));
  }

  async syncFile(path: string): Promise<void> {
    await syncExisting(this.#resolve(path), constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  }

  async openForRead(path: string): Promise<ReadableFile> {
    const handle = await fs.open(this.#resolve(path), 'r');
    return {
      async read(buffer, position) {
        return (await handle.read(buffer, 0, buffer.length, position)).bytesRead;
      },
      close: () => handle.close(),
    };
  }

  async readFile(path: string): Promise<Uint8Array> {
    return await fs.readFile(this.#resolve(path));
  }

  async readdir(path: string): Promise<readonly DirectoryEntry[]> {
    const entries = await fs.readdir(this.#resolve(path), { withFileTypes: true });
    return entries
      .map((entry) => ({ name: entry.name, kind: kindOf(entry) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async stat(path: string): Promise<EntryStat> {
    const stat = await fs.lstat(this.#resolve(path), { bigint: true });
    // A number is enough for the size: chunks are cut far below 2^53 bytes.
    return { kind: kindOf(stat), size: Number(stat.size), identity: this.#identityOf(stat) };
  }

  /** Inode numbers need all 64 bits; where there are none (0), files must not all look the same. */
  #identityOf(stat: BigIntStats): string {
    if (stat.ino !== 0n) return `${stat.dev}:${stat.ino}`;
    this.#nameless += 1;
    return `unknown:${this.#nameless}`;
  }

  #resolve(path: string): string {
    assertRelativePath(path);
    return nodePath.join(this.root, path);
  }
}

class NodeWritableFile implements WritableFile {
  readonly #handle: fs.FileHandle;

  constructor(handle: fs.FileHandle) {
    this.#handle = handle;
  }

  async write(bytes: Uint8Array, position: number): Promise<number> {
    return (await this.#handle.write(bytes, 0, bytes.length, position)).bytesWritten;
  }

  async sync(): Promise<void> {
    await this.#handle.sync();
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/**
 * Makes a folder and its missing ancestors, and makes every name on the way to it durable: a new archive
 * whose own folder is lost in a power cut would take its first backup along. All ancestors on the same
 * file system are synced, not only new ones, since a command killed earlier may have made them without
 * getting to their sync. Ancestors that may not be read (`EACCES`, `EPERM`) are left out.
 * Rejects with the system's error.
 */
export async function createRoot(root: string): Promise<NodeFileSystem> {
  const folder = nodePath.resolve(root);
  await fs.mkdir(folder, { recursive: true });
  const device = (await fs.stat(folder)).dev;
  let child = folder;
  for (;;) {
    const parent = nodePath.dirname(child);
    if (parent === child || (await fs.stat(parent)).dev !== device) break;
    try {
      await syncExistingDirectory(parent);
    } catch (error) {
      const code = systemErrorCode(error);
      if (code !== 'EACCES' && code !== 'EPERM') throw error;
    }
    child = parent;
  }
  return new NodeFileSystem(folder);
}

/**
 * Syncs a directory, and then opens it once more. XFS that has shut itself down (after an error of its disk)
 * forgets the changes that were under way, and a sync of a directory that was open before reports success:
 * there is nothing left to wait for. Opening fails there with `EIO`. Since nothing but a new mount ends a
 * shutdown, a file system that can open has not lost what it synced a moment ago.
 */
async function syncExistingDirectory(absolutePath: string): Promise<void> {
  const flags = constants.O_RDONLY | (constants.O_DIRECTORY ?? 0);
  await syncExisting(absolutePath, flags);
  await (await fs.open(absolutePath, flags)).close();
}

/** Opens by path, syncs, closes; a failed close after a good sync is still an error. */
async function syncExisting(absolutePath: string, flags: number): Promise<void> {
  const handle = await fs.open(absolutePath, flags);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function kindOf(entry: Dirent | BigIntStats): EntryKind {
  if (entry.isFile()) return 'file';
  return entry.isDirectory() ? 'directory' : 'other';
}
