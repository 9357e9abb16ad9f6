import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { chmod, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Who runs a clean-up later: a test's context, or `{ after }` of a suite. */
export interface CleanUp {
  after(hook: () => void): unknown;
}

/** A fresh folder that goes away after the test. */
export function temporaryFolder(test: CleanUp): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'holdfast-test-'));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A writable copy of a folder, in a fresh one that goes away after the test. */
export async function temporaryCopy(test: CleanUp, source: string): Promise<string> {
  const folder = temporaryFolder(test);
  cpSync(source, folder, { recursive: true });
  await makeWritable(folder);
  return folder;
}

/** Fixtures may be read-only, and copies keep that. */
async function makeWritable(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    await chmod(path.join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644);
  }
}
