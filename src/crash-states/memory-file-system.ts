import type {
  DirectoryEntry,
  EntryStat,
  FileSystem,
  ReadableFile,
  WritableFile,
} from '../durable-fs/file-system.js';
import { type DiskImage, EMPTY_IMAGE, type ImageDirectory, type ImageFile } from './disk-image.js';

interface MemoryFile {
  readonly kind: 'file';
  readonly id: number;
  bytes: Uint8Array;
}

interface MemoryDirectory {
  readonly kind: 'directory';
  readonly id: number;
  readonly entries: Map<string, MemoryNode>;
}

type MemoryNode = MemoryFile | MemoryDirectory;

/**
 * A file system in memory with the errors of a POSIX one. It has no notion of what is durable: crashes are
 * made from the log of a recording file system on top of it (see `exploreCrashes`).
 */
export class MemoryFileSystem implements FileSystem {
  readonly #root: MemoryDirectory = { kind: 'directory', id: 0, entries: new Map() };
  #nextId = 1;

  /** A copy of the image to run on; the image itself is never changed. */
  constructor(image: DiskImage = EMPTY_IMAGE) {
    const files = new Map<ImageFile, MemoryFile>();
    for (const [path, entry] of image) {
      const [parent, name] = this.#parent('load', path);
      if (entry.kind === 'directory') {
        parent.entries.set(name, { kind: 'directory', id: this.#nextId++, entries: new Map() });
        continue;
      }
      const file = files.get(entry) ?? { kind: 'file', id: this.#nextId++, bytes: entry.bytes };
      files.set(entry, file);
      parent.entries.set(name, file);
    }
  }

  /** What it holds now. */
  image(): DiskImage {
    const image = new Map<string, ImageFile | ImageDirectory>();
    const files = new Map<MemoryFile, ImageFile>();
    const walk = (directory: MemoryDirectory, prefix: string): void => {
      for (const [name, node] of directory.entries) {
        if (node.kind === 'directory') {
          image.set(prefix + name, { kind: 'directory' });
          walk(node, `${prefix}${name}/`);
          continue;
        }
        const file = files.get(node) ?? { kind: 'file', bytes: node.bytes };
        files.set(node, file);
        image.set(prefix + name, file);
      }
    };
    walk(this.#root, '');
    return image;
  }

  async mkdir(path: string): Promise<void> {
    const [parent, name] = this.#freeName('mkdir', path);
    parent.entries.set(name, { kind: 'directory', id: this.#nextId++, entries: new Map() });
  }

  async createExclusive(path: string): Promise<WritableFile> {
    const [parent, name] = this.#freeName('open', path);
    const file: MemoryFile = { kind: 'file', id: this.#nextId++, bytes: new Uint8Array(0) };
    parent.entries.set(name, file);
    return new MemoryWritableFile(file, path);
  }

  async link(from: string, to: string): Promise<void> {
    const node = this.#node('link', from);
    const [parent, name] = this.#freeName('link', to);
    if (node.kind === 'directory') throw failure('EPERM', 'link', from);
    parent.entries.set(name, node);
  }

  async unlink(path: string): Promise<void> {
    this.#file('unlink', path, 'EISDIR');
    const [parent, name] = this.#parent('unlink', path);
    parent.entries.delete(name);
  }

  async rename(from: string, to: string): Promise<void> {
    const [oldParent, oldName] = this.#parent('rename', from);
    const [newParent, newName] = this.#parent('rename', to);
    const node = this.#node('rename', from);
    const replaced = newParent.entries.get(newName);
    if (`${to}/`.startsWith(`${from}/`) && to !== from) throw failure('EINVAL', 'rename', to);
    // Linux looks at this before it compares the kinds.
    if (from.startsWith(`${to}/`)) throw failure('ENOTEMPTY', 'rename', to);
    // Two names of one file: POSIX does nothing at all.
    if (replaced === node) return;
    if (replaced?.kind === 'directory') {
      if (node.kind === 'file') throw failure('EISDIR', 'rename', to);
      if (replaced.entries.size > 0) throw failure('ENOTEMPTY', 'rename', to);
    } else if (replaced !== undefined && node.kind === 'directory') throw failure('ENOTDIR', 'rename', to);
    oldParent.entries.delete(oldName);
    newParent.entries.set(newName, node);
  }

  async rmdir(path: string): Promise<void> {
    const node = this.#node('rmdir', path);
    if (node.kind !== 'directory') throw failure('ENOTDIR', 'rmdir', path);
    if (node.entries.size > 0) throw failure('ENOTEMPTY', 'rmdir', path);
    const [parent, name] = this.#parent('rmdir', path);
    parent.entries.delete(name);
  }

  async syncDirectory(path: string): Promise<void> {
    if (this.#node('open', path).kind !== 'directory') throw failure('ENOTDIR', 'open', path);
  }

  async syncFile(path: string): Promise<void> {
    this.#file('fsync', path, 'EISDIR');
  }

  async openForRead(path: string): Promise<ReadableFile> {
    const file = this.#file('open', path, 'EISDIR');
    return {
      async read(buffer, position) {
        const part = file.bytes.subarray(position, position + buffer.length);
        buffer.set(part);
        return part.length;
      },
      async close() {},
    };
  }

  async readFile(path: string): Promise<Uint8Array> {
    return this.#file('open', path, 'EISDIR').bytes.slice();
  }

  async readdir(path: string): Promise<readonly DirectoryEntry[]> {
    const node = this.#node('scandir', path);
    if (node.kind !== 'directory') throw failure('ENOTDIR', 'scandir', path);
    return [...node.entries]
      .map(([name, { kind }]) => ({ name, kind }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async stat(path: string): Promise<EntryStat> {
    const node = this.#node('stat', path);
    return { kind: node.kind, size: node.kind === 'file' ? node.bytes.length : 0, identity: `${node.id}` };
  }

  #node(call: string, path: string): MemoryNode {
    if (path === '.') return this.#root;
    const [parent, name] = this.#parent(call, path);
    const node = parent.entries.get(name);
    if (node === undefined) throw failure('ENOENT', call, path);
    return node;
  }

  #file(call: string, path: string, codeForDirectory: string): MemoryFile {
    const node = this.#node(call, path);
    if (node.kind === 'directory') throw failure(codeForDirectory, call, path);
    return node;
  }

  #freeName(call: string, path: string): [MemoryDirectory, string] {
    const [parent, name] = this.#parent(call, path);
    if (parent.entries.has(name)) throw failure('EEXIST', call, path);
    return [parent, name];
  }

  #parent(call: string, path: string): [MemoryDirectory, string] {
    const segments = path.split('/');
    const name = segments.pop() ?? '';
    let directory = this.#root;
    for (const segment of segments) {
      const node = directory.entries.get(segment);
      if (node === undefined) throw failure('ENOENT', call, path);
      if (node.kind !== 'directory') throw failure('ENOTDIR', call, path);
      directory = node;
    }
    return [directory, name];
  }
}

class MemoryWritableFile implements WritableFile {
  readonly #file: MemoryFile;
  readonly #path: string;
  #open = true;

  constructor(file: MemoryFile, path: string) {
    this.#file = file;
    this.#path = path;
  }

  async write(bytes: Uint8Array, position: number): Promise<number> {
    this.#assertOpen('write');
    // A new array each time: images taken earlier share the old one.
    const grown = new Uint8Array(Math.max(this.#file.bytes.length, position + bytes.length));
    grown.set(this.#file.bytes);
    grown.set(bytes, position);
    this.#file.bytes = grown;
    return bytes.length;
  }

  async sync(): Promise<void> {
    this.#assertOpen('fsync');
  }

  async close(): Promise<void> {
    this.#assertOpen('close');
    this.#open = false;
  }

  #assertOpen(call: string): void {
    if (!this.#open) throw failure('EBADF', call, this.#path);
  }
}

function failure(code: string, call: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${call} '${path}'`), { code });
}
