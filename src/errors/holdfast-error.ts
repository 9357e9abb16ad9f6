/** What an error can say beside its sentence; every field is optional and stable under `--json`. */
export interface ErrorDetails {
  /** What the operator does next, as one sentence. */
  readonly hint?: string;
  /** True when the same call may succeed later without anybody changing anything. */
  readonly retryable?: boolean;
  /** What led to this one; kept as the standard `cause`. */
  readonly cause?: unknown;
  /** Typed facts of the case: path, version range, expected, actual. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

/**
 * The base of every failure that the world can cause. `code` is stable and is what callers switch on;
 * `message` is prose and may change. Mistakes of our own are plain `AssertionError`s that nobody catches.
 */
export class HoldfastError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly hint: string | undefined;
  readonly retryable: boolean;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(code: Code, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = details.hint;
    this.retryable = details.retryable ?? false;
    this.facts = details.facts ?? {};
  }
}
