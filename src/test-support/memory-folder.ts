import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A file system in memory, where Linux has one. */
const IN_MEMORY = '/dev/shm';

function parentFolder(): string {
  try {
    accessSync(IN_MEMORY, constants.W_OK);
    return IN_MEMORY;
  } catch {
    return tmpdir();
  }
}

/** A test's context, or the hooks of a suite. */
interface CleansUp {
  after(cleanUp: () => void): void;
}

/**
 * A fresh folder that goes away after the test, in memory where possible: for databases, whose some 150
 * syncs a commit cost more than all else. Only for tests that are not about what a disk keeps.
 */
export function memoryFolder(test: CleansUp): string {
  const folder = mkdtempSync(path.join(parentFolder(), 'holdfast-test-'));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
