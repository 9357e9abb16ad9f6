import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { type MetadataEntry, serializeMetadataEntry } from '../archive/metadata-entry.js';
import {
  backupFolderName,
  METADATA_FOLDER,
  type MetadataFileName,
  metadataFileName,
} from '../archive/names.js';
import { frameRecord, mustCutChunk } from '../archive/record-framing.js';
import type { SeededRandom } from './seeded-random.js';

/** What a file of an archive holds. */
export type ArchiveFileKind =
  | 'metadata'
  | 'epoch-ending-manifest'
  | 'epoch-ending-chunk'
  | 'state-manifest'
  | 'state-chunk'
  | 'state-chunk-proof'
  | 'state-proof'
  | 'transaction-manifest'
  | 'transaction-chunk'
  | 'transaction-proof';

/** One file of a written archive. */
export interface ArchiveFile {
  /** Relative to the archive's folder, with forward slashes: the file handle. */
  readonly handle: string;
  readonly kind: ArchiveFileKind;
}

/** Consecutive records of a chunk. */
export interface CutChunk {
  /** Counted over the whole backup, from 0; both inclusive. */
  readonly first: number;
  readonly last: number;
  /** The content of the record file. */
  readonly bytes: Uint8Array;
}

/** Cuts `count` records into chunks by the reference's rule (spec: backup-format.md, section 3). */
export function* cutChunks(
  count: number,
  record: (index: number) => Uint8Array,
  chunkBytesMax: number,
): Generator<CutChunk, void, undefined> {
  let framed: Uint8Array[] = [];
  let first = 0;
  let chunkBytes = 0;
  for (let index = 0; index < count; index++) {
    const bytes = record(index);
    if (mustCutChunk(chunkBytes, bytes.length, chunkBytesMax)) {
      yield { first, last: index - 1, bytes: Buffer.concat(framed) };
      framed = [];
      first = index;
      chunkBytes = 0;
    }
    framed.push(frameRecord(bytes));
    chunkBytes += framed.at(-1)?.length ?? 0;
  }
  if (count > 0) yield { first, last: count - 1, bytes: Buffer.concat(framed) };
}

/**
 * Writes the files of an archive as the reference's local backend does, and with as little care: nothing
 * is synced and nothing is atomic. It is for tests; backups that count are written elsewhere.
 */
export class ArchiveFiles {
  readonly #directory: string;
  readonly #random: SeededRandom;
  readonly #gzip: boolean | 'mixed';
  readonly #files: ArchiveFile[] = [];

  constructor(directory: string, random: SeededRandom, gzip: boolean | 'mixed') {
    this.#directory = directory;
    this.#random = random;
    this.#gzip = gzip;
  }

  /** All that was written, in that order. */
  get files(): readonly ArchiveFile[] {
    return this.#files;
  }

  /** Makes a folder for a backup and returns its name. */
  async createBackup(backupName: string): Promise<string> {
    const folder = backupFolderName(backupName, this.#random.int(0, 0xffff));
    await mkdir(path.join(this.#directory, folder), { recursive: true });
    return folder;
  }

  /** Writes a new file and returns its handle. */
  async write(folder: string, name: string, kind: ArchiveFileKind, content: Uint8Array): Promise<string> {
    const handle = `${folder}/${name}`;
    const compress = this.#gzip === 'mixed' ? this.#random.chance(0.5) : this.#gzip;
    const bytes = compress ? gzipSync(content) : content;
    await writeFile(path.join(this.#directory, folder, name), bytes, { flag: 'wx' });
    this.#files.push({ handle, kind });
    return handle;
  }

  async writeText(folder: string, name: string, kind: ArchiveFileKind, text: string): Promise<string> {
    return this.write(folder, name, kind, new TextEncoder().encode(text));
  }

  async writeMetadata(name: MetadataFileName, entry: MetadataEntry): Promise<void> {
    const line = serializeMetadataEntry(entry);
    await mkdir(path.join(this.#directory, METADATA_FOLDER), { recursive: true });
    await this.writeText(METADATA_FOLDER, metadataFileName(name), 'metadata', `${line}\n`);
  }
}
