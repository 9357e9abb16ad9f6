import { createHash } from 'node:crypto';

/** A file of an image; names that share this object are hard links of one file. */
export interface ImageFile {
  readonly kind: 'file';
  /** The content; shared between images, never to be changed. */
  readonly bytes: Uint8Array;
}

/** A directory of an image. */
export interface ImageDirectory {
  readonly kind: 'directory';
}

/**
 * What a disk holds: every path below the root, parents before children, and what it names. The root itself
 * is not listed.
 */
export type DiskImage = ReadonlyMap<string, ImageFile | ImageDirectory>;

/** A disk with nothing on it. */
export const EMPTY_IMAGE: DiskImage = new Map();

const contentDigests = new WeakMap<Uint8Array, string>();

/**
 * A hex digest that is equal for images with equal paths, kinds and contents. Which names are hard links of
 * each other is left out: no reader can tell, and no writer here opens an existing file for writing.
 */
export function imageDigest(image: DiskImage): string {
  const hash = createHash('sha256');
  for (const [path, entry] of [...image].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${path}\0${entry.kind === 'file' ? contentDigest(entry.bytes) : 'directory'}\0`);
  }
  return hash.digest('hex');
}

/** An image in words, for messages: one line per path with its length and first bytes. */
export function describeImage(image: DiskImage): string {
  const lines = [...image].map(([path, entry]) => {
    if (entry.kind === 'directory') return `  ${path}/`;
    const start = Buffer.from(entry.bytes.subarray(0, 16)).toString('hex');
    return `  ${path} (${entry.bytes.length} bytes${start === '' ? '' : `: ${start}`})`;
  });
  return lines.length === 0 ? '  (nothing)' : lines.sort().join('\n');
}

function contentDigest(bytes: Uint8Array): string {
  let digest = contentDigests.get(bytes);
  if (digest === undefined) {
    digest = createHash('sha256').update(bytes).digest('hex');
    contentDigests.set(bytes, digest);
  }
  return digest;
}
