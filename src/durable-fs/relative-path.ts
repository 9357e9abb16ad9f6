import assert from 'node:assert/strict';

/** The root of a file system. */
export const ROOT = '.';

/**
 * Asserts that a path has the form that `FileSystem` takes. A path that fails is a mistake of the caller:
 * names that come from outside are checked where they come in (spec: backup-format.md, section 1).
 */
export function assertRelativePath(path: string): void {
  if (path === ROOT) return;
  for (const segment of path.split('/')) {
    const fine = segment !== '' && segment !== '.' && segment !== '..' && !/[\\\0]/.test(segment);
    assert.ok(fine, `not a relative path: ${JSON.stringify(path)}`);
  }
}

/** The directory that holds the name; the root's parent is the root. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash === -1 ? ROOT : path.slice(0, slash);
}

/** `directory/name`, or the bare name directly below the root. */
export function joinPath(directory: string, name: string): string {
  return directory === ROOT ? name : `${directory}/${name}`;
}
