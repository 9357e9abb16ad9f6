/** An error as the operating system reports it, or as a stand-in for it does. */
export interface SystemError extends Error {
  /** Such as `ENOENT`. */
  readonly code: string;
}

/** The system's code of an error, `undefined` for anything that did not come from a file system. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Makes the error that a file system other than the real one throws; the message follows Node's. */
export function createSystemError(code: string, call: string, path: string): SystemError {
  return Object.assign(new Error(`${code}: ${call} '${path}'`), { code });
}
