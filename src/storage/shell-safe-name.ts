import { StorageError } from './storage-error.js';

/** What may be a name of a backup folder or a file: 3 to 127 characters that no shell takes for its own. */
const SHELL_SAFE_NAME = /^[a-zA-Z0-9][a-zA-Z0-9._-]{2,126}$/;

/** Whether the text may name a backup folder or a file in it (spec: backup-format.md, section 1). */
export function isShellSafeName(name: string): boolean {
  return SHELL_SAFE_NAME.test(name);
}

/** @throws StorageError FILE_NAME_ILLEGAL */
export function requireShellSafeName(name: string): void {
  if (isShellSafeName(name)) return;
  throw new StorageError('FILE_NAME_ILLEGAL', `illegal name: ${JSON.stringify(name)}`, {
    hint: 'Names have 3 to 127 of the characters a-z A-Z 0-9 . _ - and begin with a letter or digit.',
    facts: { path: name },
  });
}
