import { randomUUID } from 'node:crypto';
import { mkdir, open, rename } from 'node:fs/promises';
import path from 'node:path';
import { commitBackup, writeFile } from '../../archive/commit-backup.js';
import { METADATA_FOLDER, parseMetadataFileName } from '../../archive/names.js';
import { LocalFsWriterStorage } from '../../storage/local-fs-writer.js';
import type { PlannedBackup } from './planned-backups.js';

/** One way to write an archive. The steps of a backup come in the order of the methods. */
export interface ArchiveWriter {
  createBackup(folder: string): Promise<void>;
  /** Resolves when the file has its name; several at a time. */
  writeFile(folder: string, name: string, bytes: Uint8Array): Promise<void>;
  /** Manifest and metadata entry; resolves when the backup can be reported as made. */
  commit(folder: string, backup: PlannedBackup): Promise<void>;
  close(): Promise<void>;
}

export type OpenArchive = (root: string) => Promise<ArchiveWriter>;

/** Holdfast's own writer, with its lock. */
export async function openDurably(root: string): Promise<ArchiveWriter> {
  const storage = await LocalFsWriterStorage.open(root, { owner: 'power loss test' });
  return {
    async createBackup(folder) {
      await storage.createBackup(folder);
    },
    async writeFile(folder, name, bytes) {
      await writeFile(storage, folder, name, bytes);
    },
    async commit(folder, { manifestName, manifest, metadataName: name, entry }) {
      const metadataName = parseMetadataFileName(name);
      if (metadataName === undefined) throw new Error(`${name} is no metadata file`);
      const { manifest: _, ...rest } = entry;
      const text = manifest(folder);
      await commitBackup(storage, {
        backup: folder,
        manifestName,
        manifest: text,
        metadataName,
        entry: rest,
      });
    },
    close: () => storage.close(),
  };
}

/** As the reference does it: created at the final path, written, closed, never synced. */
export async function openNaive(root: string): Promise<ArchiveWriter> {
  return plainWriter(root, (file, bytes) => writePlainly(file, bytes, 'no sync'));
}

/** The popular half measure: whole in a moment, and with nothing behind the name. */
export async function openRenameWithoutSync(root: string): Promise<ArchiveWriter> {
  return plainWriter(root, async (file, bytes) => {
    const temporary = await temporaryFor(root);
    await writePlainly(temporary, bytes, 'no sync');
    await rename(temporary, file);
  });
}

/** The content is safe and the name is not. */
export async function openRenameWithoutDirectorySync(root: string): Promise<ArchiveWriter> {
  return plainWriter(root, async (file, bytes) => {
    const temporary = await temporaryFor(root);
    await writePlainly(temporary, bytes, 'sync');
    await rename(temporary, file);
  });
}

function plainWriter(root: string, write: (file: string, bytes: Uint8Array) => Promise<void>): ArchiveWriter {
  const writeOne = (folder: string, name: string, bytes: Uint8Array) =>
    write(path.join(root, folder, name), bytes);
  return {
    async createBackup(folder) {
      await mkdir(path.join(root, folder), { recursive: true });
    },
    writeFile: writeOne,
    async commit(folder, backup) {
      await writeOne(folder, backup.manifestName, Buffer.from(backup.manifest(folder)));
      await mkdir(path.join(root, METADATA_FOLDER), { recursive: true });
      await writeOne(METADATA_FOLDER, backup.metadataName, Buffer.from(`${backup.metadataLine(folder)}\n`));
    },
    async close() {},
  };
}

async function temporaryFor(root: string): Promise<string> {
  const folder = path.join(root, '.holdfast');
  await mkdir(folder, { recursive: true });
  return path.join(folder, randomUUID());
}

async function writePlainly(file: string, bytes: Uint8Array, sync: 'sync' | 'no sync'): Promise<void> {
  const handle = await open(file, 'wx');
  try {
    await handle.writeFile(bytes);
    if (sync === 'sync') await handle.sync();
  } finally {
    await handle.close();
  }
}
