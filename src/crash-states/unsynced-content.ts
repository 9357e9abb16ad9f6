import { applyWrites, type HistoryFile } from './disk-history.js';

/** All contents that a file with unsynced writes may have after a crash, in the eyes of one model. */
export type ContentRule = (file: HistoryFile) => readonly Uint8Array[];

/**
 * Nothing is promised: the unsynced writes may be lost, all there, there up to any one of them, torn within
 * one, or there in length only (zeros), and the last write may be there without the earlier ones.
 */
export function anythingMayHappen(sectorBytes: number): ContentRule {
  return (file) => {
    const { durable, unsynced } = file;
    const full = applyWrites(durable, unsynced);
    const sectors = cuts(durable.length, full.length, sectorBytes);
    const zeroed = unsynced.map(({ position, bytes }) => ({ position, bytes: new Uint8Array(bytes.length) }));
    return distinct([
      ...writePrefixes(file),
      applyWrites(durable, zeroed),
      applyWrites(durable, [...zeroed.slice(0, -1), ...unsynced.slice(-1)]),
      ...tornLastWrite(sectorBytes)(file),
      ...sectors.flatMap((length) => [full.slice(0, length), zeroFrom(full, length)]),
    ]);
  };
}

/**
 * Delayed allocation with ordered data: a block is written before the length that covers it, so a crash
 * leaves the content up to one of the writes or up to a page, never zeros or other files' blocks.
 */
export function delayedAllocation(pageBytes: number): ContentRule {
  return (file) => {
    const full = applyWrites(file.durable, file.unsynced);
    const pages = cuts(file.durable.length, full.length, pageBytes).map((length) => full.slice(0, length));
    return distinct([...writePrefixes(file), ...pages]);
  };
}

/**
 * Delayed allocation whose pages reach the disk in any order: the length follows the furthest page that was
 * written, and what is missing before it reads as zeros.
 */
export function delayedAllocationOutOfOrder(pageBytes: number): ContentRule {
  return (file) => {
    const full = applyWrites(file.durable, file.unsynced);
    const holes = cuts(file.durable.length, full.length, pageBytes).map((length) => {
      const content = new Uint8Array(full);
      content.fill(0, file.durable.length, length);
      return content;
    });
    return distinct([...delayedAllocation(pageBytes)(file), ...holes]);
  };
}

/** Everything reached the disk but the last write, whose end from some sector on is missing or zero. */
export function tornLastWrite(sectorBytes: number): ContentRule {
  return ({ durable, unsynced }) => {
    const last = unsynced.at(-1);
    if (last === undefined) return [durable];
    const before = applyWrites(durable, unsynced.slice(0, -1));
    const torn = [0, ...cuts(0, last.bytes.length, sectorBytes)].flatMap((length) => {
      const { position } = last;
      const short = applyWrites(before, [{ position, bytes: last.bytes.subarray(0, length) }]);
      return [short, applyWrites(before, [{ position, bytes: zeroFrom(last.bytes, length) }])];
    });
    return distinct([...torn, applyWrites(before, [last])]);
  };
}

/** The content after none, one, two, ... and all of the unsynced writes. */
function writePrefixes({ durable, unsynced }: HistoryFile): Uint8Array[] {
  const lengths = sample(unsynced.length - 1).map((index) => index + 1);
  return [0, ...lengths, unsynced.length].map((count) => applyWrites(durable, unsynced.slice(0, count)));
}

/** Multiples of `unit` strictly between the two lengths; at most the first, the middle and the last one. */
function cuts(from: number, to: number, unit: number): number[] {
  const first = Math.floor(from / unit) + 1;
  const count = Math.max(0, Math.ceil(to / unit) - first);
  return sample(count).map((index) => (first + index) * unit);
}

/** The first, the middle and the last index below `count`, which bounds what one file can multiply. */
function sample(count: number): number[] {
  if (count <= 0) return [];
  return [...new Set([0, Math.floor(count / 2), count - 1])];
}

function zeroFrom(bytes: Uint8Array, length: number): Uint8Array {
  // Not slice: that of a Buffer is a view, and the original would be overwritten.
  return new Uint8Array(bytes).fill(0, length);
}

function distinct(contents: readonly Uint8Array[]): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (const content of contents) {
    if (!found.some((other) => Buffer.compare(other, content) === 0)) found.push(content);
  }
  return found;
}
