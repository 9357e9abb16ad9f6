import {
  anythingMayHappen,
  type ContentRule,
  delayedAllocation,
  delayedAllocationOutOfOrder,
  tornLastWrite,
} from './unsynced-content.js';

/**
 * Which names may be on the disk after a crash.
 *
 * - `any-subset`: each unsynced entry by itself may be there or not, and the halves of a rename are two.
 * - `journal-prefix`: changes of names reach the disk in the order in which they were made; a sync forces
 *   out all of them up to the last one that concerns what is synced.
 * - `all`: every change has reached the disk.
 */
export type NamespaceRule = 'any-subset' | 'journal-prefix' | 'all';

/** What a crash may leave of what was not synced. */
export interface CrashModel {
  readonly name: string;
  readonly namespace: NamespaceRule;
  readonly content: ContentRule;
}

/** Sizes that a model works with, in bytes. */
export interface CrashModelSizes {
  /** The unit in which a device tears a write; default 512. */
  readonly sectorBytes?: number;
  /** The unit in which the page cache is written back; default 4096. */
  readonly pageBytes?: number;
}

/** What POSIX promises, which is only what was synced: by far the most states, and the ones to design for. */
export function strictPosix({ sectorBytes = 512 }: CrashModelSizes = {}): CrashModel {
  return { name: 'strict POSIX', namespace: 'any-subset', content: anythingMayHappen(sectorBytes) };
}

/** ext4 with `data=ordered` and delayed allocation; its rescue of replaced files is not relied on. */
export function ext4Ordered({ pageBytes = 4096 }: CrashModelSizes = {}): CrashModel {
  return { name: 'ext4 ordered', namespace: 'journal-prefix', content: delayedAllocation(pageBytes) };
}

/** XFS: a journal of names, lengths that follow completed write-back, pages in any order. */
export function xfs({ pageBytes = 4096 }: CrashModelSizes = {}): CrashModel {
  return { name: 'XFS', namespace: 'journal-prefix', content: delayedAllocationOutOfOrder(pageBytes) };
}

/** Everything reached the disk, but the last unsynced write of each file is torn. */
export function tornWrite({ sectorBytes = 512 }: CrashModelSizes = {}): CrashModel {
  return { name: 'torn last write', namespace: 'all', content: tornLastWrite(sectorBytes) };
}

/** The four models. */
export function allCrashModels(sizes: CrashModelSizes = {}): readonly CrashModel[] {
  return [strictPosix(sizes), ext4Ordered(sizes), xfs(sizes), tornWrite(sizes)];
}
