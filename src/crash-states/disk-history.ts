import assert from 'node:assert/strict';
import type { FileSystemCall, LoggedOperation } from '../durable-fs/operation-log.js';
import type { DiskImage, ImageFile } from './disk-image.js';

/** A write that no successful sync has covered. */
export interface UnsyncedWrite {
  readonly sequence: number;
  readonly position: number;
  readonly bytes: Uint8Array;
}

/** A file: what of its content is durable, and what was written on top of that. */
export interface HistoryFile {
  readonly kind: 'file';
  durable: Uint8Array;
  /** Oldest first. */
  unsynced: UnsyncedWrite[];
}

/** One meaning that a name had; `undefined` for no entry. */
export interface EntryVersion {
  readonly sequence: number;
  readonly target: HistoryNode | undefined;
}

/** A directory: for each name the durable meaning first, then every later one in order. */
export interface HistoryDirectory {
  readonly kind: 'directory';
  readonly entries: Map<string, EntryVersion[]>;
}

export type HistoryNode = HistoryFile | HistoryDirectory;

/** A change of names, which a journal takes as one. */
export interface NamespaceUpdate {
  readonly sequence: number;
  readonly changes: readonly EntryChange[];
  /** The directories and the file or directory that it concerns: a sync of any of them forces it out. */
  readonly touched: ReadonlySet<HistoryNode>;
}

/** A directory entry that comes, goes or changes. */
export interface EntryChange {
  readonly directory: HistoryDirectory;
  readonly name: string;
  readonly target: HistoryNode | undefined;
}

/** What a path stands for from now on. */
type NewMeaning = readonly [path: string, target: HistoryNode | undefined];

const BEFORE_EVERYTHING = -1;

/**
 * Follows a log of operations and knows at each point what is certainly on the disk and what may be.
 * It keeps two views of the names: each entry by itself (`root`: durable and later meanings), and the
 * sequence of changes as a journal sees it (`updates`, of which the first `committed` are durable).
 */
export class DiskHistory {
  readonly root: HistoryDirectory;
  /** The entries that the disk began with. */
  readonly base: readonly EntryChange[];
  readonly updates: NamespaceUpdate[] = [];
  committed = 0;
  readonly #descriptors = new Map<number, HistoryFile>();
  /** What a failed sync gave up: no later sync covers it. By sequence. */
  readonly #givenUp = new Set<number>();

  /** Starts on a disk of which everything is durable. */
  constructor(image: DiskImage) {
    this.root = directoryFromImage(image);
    this.base = listEntries(this.root);
  }

  /** Takes the next operation of the log; asserts that it makes sense after those before it. */
  apply(operation: LoggedOperation): void {
    const { call, sequence } = operation;
    if (operation.failure !== undefined) this.#applyFailed(operation);
    else if (isSync(call)) this.#applySync(operation);
    else this.#applyChange(call, sequence);
  }

  #applyChange(call: FileSystemCall, sequence: number): void {
    if (call.kind === 'write') {
      this.#descriptor(call.file).unsynced.push({ sequence, position: call.position, bytes: call.bytes });
    }
    const names = this.#namesAfter(call);
    // Writing, closing and acknowledging change no names.
    if (names.length > 0) this.#bind(sequence, names);
  }

  /** The names that a call gives, with what they stand for from then on. */
  #namesAfter(call: FileSystemCall): readonly NewMeaning[] {
    switch (call.kind) {
      case 'mkdir':
        return [[call.path, { kind: 'directory', entries: new Map() }]];
      case 'create': {
        const file: HistoryFile = { kind: 'file', durable: new Uint8Array(0), unsynced: [] };
        this.#descriptors.set(call.file, file);
        return [[call.path, file]];
      }
      case 'link':
        return [[call.to, this.#current(call.from)]];
      case 'rename': {
        const node = this.#current(call.from);
        // Two names of one file: POSIX leaves both.
        if (this.#find(call.to) === node) return [];
        return [
          [call.to, node],
          [call.from, undefined],
        ];
      }
      case 'unlink':
      case 'rmdir':
        return [[call.path, undefined]];
      default:
        return [];
    }
  }

  #applySync(operation: LoggedOperation): void {
    const node = this.#syncedNode(operation.call);
    if (node === undefined) return;
    const covers = (sequence: number): boolean =>
      sequence < operation.sequence &&
      !operation.unfinished.includes(sequence) &&
      !this.#givenUp.has(sequence);
    if (node.kind === 'file') syncContent(node, covers);
    else for (const [name, versions] of node.entries) node.entries.set(name, syncEntry(versions, covers));
    this.updates.forEach((update, index) => {
      const forced = update.touched.has(node) && covers(update.sequence);
      if (forced) this.committed = Math.max(this.committed, index + 1);
    });
  }

  /**
   * A failed sync drops what it should have saved; a failed write may have written some of its bytes, and no
   * sync counts for it. Other failed calls did nothing.
   */
  #applyFailed({ call, sequence }: LoggedOperation): void {
    if (call.kind === 'write') {
      this.#givenUp.add(sequence);
      this.#descriptor(call.file).unsynced.push({ sequence, position: call.position, bytes: call.bytes });
    }
    if (!isSync(call)) return;
    const node = this.#syncedNode(call);
    if (node === undefined) return;
    if (node.kind === 'file') for (const write of node.unsynced) this.#givenUp.add(write.sequence);
    else {
      for (const versions of node.entries.values()) {
        for (const version of versions.slice(1)) this.#givenUp.add(version.sequence);
      }
    }
  }

  /** Undefined if the name is gone, which happens only where a mutation moved the sync. */
  #syncedNode(call: FileSystemCall): HistoryNode | undefined {
    if (call.kind === 'sync-file') return this.#descriptor(call.file);
    assert.ok(call.kind === 'sync-directory' || call.kind === 'sync-path');
    return this.#find(call.path);
  }

  #bind(sequence: number, names: readonly NewMeaning[]): void {
    const touched = new Set<HistoryNode>();
    const changes = names.map(([path, target]) => {
      const [directory, name] = this.#parent(path);
      const versions = directory.entries.get(name) ?? [{ sequence: BEFORE_EVERYTHING, target: undefined }];
      const previous = versions.at(-1)?.target;
      directory.entries.set(name, [...versions, { sequence, target }]);
      for (const node of [directory, target, previous]) if (node !== undefined) touched.add(node);
      return { directory, name, target };
    });
    this.updates.push({ sequence, changes, touched });
  }

  #descriptor(file: number): HistoryFile {
    const node = this.#descriptors.get(file);
    assert.ok(node !== undefined, `the log writes to descriptor ${file} before creating it`);
    return node;
  }

  #current(path: string): HistoryNode {
    const node = this.#find(path);
    assert.ok(node !== undefined, `the log uses ${path}, which does not exist at that point`);
    return node;
  }

  #find(path: string): HistoryNode | undefined {
    let node: HistoryNode | undefined = this.root;
    for (const name of path === '.' ? [] : path.split('/')) {
      if (node?.kind !== 'directory') return undefined;
      node = node.entries.get(name)?.at(-1)?.target;
    }
    return node;
  }

  #parent(path: string): [HistoryDirectory, string] {
    const slash = path.lastIndexOf('/');
    const parent = slash === -1 ? this.root : this.#current(path.slice(0, slash));
    assert.ok(parent.kind === 'directory', `the log uses ${path} below a file`);
    return [parent, path.slice(slash + 1)];
  }
}

/** True for the calls that make something durable. */
export function isSync(call: FileSystemCall): boolean {
  return call.kind === 'sync-file' || call.kind === 'sync-path' || call.kind === 'sync-directory';
}

/** The bytes after some writes on top of `start`; gaps read as zeros. */
export function applyWrites(
  start: Uint8Array,
  writes: readonly Pick<UnsyncedWrite, 'position' | 'bytes'>[],
): Uint8Array {
  const end = Math.max(start.length, ...writes.map((write) => write.position + write.bytes.length));
  const content = new Uint8Array(end);
  content.set(start);
  for (const write of writes) content.set(write.bytes, write.position);
  return content;
}

function listEntries(directory: HistoryDirectory): EntryChange[] {
  return [...directory.entries].flatMap(([name, versions]) => {
    const target = versions.at(-1)?.target;
    const below = target?.kind === 'directory' ? listEntries(target) : [];
    return [{ directory, name, target }, ...below];
  });
}

function syncContent(file: HistoryFile, covers: (sequence: number) => boolean): void {
  const covered = file.unsynced.filter((write) => covers(write.sequence));
  file.durable = applyWrites(file.durable, covered);
  file.unsynced = file.unsynced.filter((write) => !covers(write.sequence));
}

/** Drops the meanings that a newer, durable one replaced. */
function syncEntry(versions: EntryVersion[], covers: (sequence: number) => boolean): EntryVersion[] {
  const durable = versions.findLastIndex((version) => covers(version.sequence));
  return durable === -1 ? versions : versions.slice(durable);
}

function directoryFromImage(image: DiskImage): HistoryDirectory {
  const root: HistoryDirectory = { kind: 'directory', entries: new Map() };
  const directories = new Map<string, HistoryDirectory>([['', root]]);
  const files = new Map<ImageFile, HistoryFile>();
  for (const [path, entry] of image) {
    const slash = path.lastIndexOf('/');
    const parent = directories.get(path.slice(0, Math.max(slash, 0)));
    assert.ok(parent !== undefined, `the image lists ${path} before its parent`);
    let target: HistoryNode;
    if (entry.kind === 'directory') {
      target = { kind: 'directory', entries: new Map() };
      directories.set(path, target);
    } else {
      target = files.get(entry) ?? { kind: 'file', durable: entry.bytes, unsynced: [] };
      files.set(entry, target);
    }
    parent.entries.set(path.slice(slash + 1), [{ sequence: BEFORE_EVERYTHING, target }]);
  }
  return root;
}
