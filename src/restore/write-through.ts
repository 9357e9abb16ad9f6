/** How what a source gives comes into a database. */
export interface WriteThrough<Chunk, Part> {
  /** What is written between two looks at the clock: some MiB. */
  readonly partsOf: (chunk: Chunk) => Iterable<Part>;
  readonly write: (part: Part, chunk: Chunk) => Promise<void>;
  /** Makes everything that was written a commit point. */
  readonly commit: () => Promise<void>;
  /** Between commit points, while all goes well. */
  readonly commitEveryMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes everything that a source gives, with a commit point from time to time. When the source fails, or
 * the signal is aborted, what was written before becomes a commit point first, so that the next run goes on
 * from there. A failed write or commit leaves the last commit point as it is.
 * @throws the source's failure, the signal's reason, or what writing throws
 */
export async function writeThrough<Chunk, Part>(
  source: AsyncGenerator<Chunk, void, undefined>,
  { partsOf, write, commit, commitEveryMs, signal }: WriteThrough<Chunk, Part>,
): Promise<void> {
  let committedAt = performance.now();
  let isDirty = false;
  const commitNow = async (): Promise<void> => {
    if (isDirty) await commit();
    isDirty = false;
    committedAt = performance.now();
  };
  try {
    for (;;) {
      const step = await nextOf(source);
      if (step.failure !== undefined) {
        await commitNow();
        throw step.failure.error;
      }
      if (step.done) return;
      for (const part of partsOf(step.chunk)) {
        if (signal?.aborted) {
          await commitNow();
          throw signal.reason;
        }
        isDirty = true;
        await write(part, step.chunk);
        if (performance.now() - committedAt >= commitEveryMs) await commitNow();
      }
    }
  } finally {
    await source.return();
  }
}

type Step<Chunk> =
  | { readonly done: false; readonly chunk: Chunk; readonly failure?: undefined }
  | { readonly done: true; readonly failure?: { readonly error: unknown } };

/** Tells a failure of the source from one of the writing. */
async function nextOf<Chunk>(source: AsyncGenerator<Chunk, void, undefined>): Promise<Step<Chunk>> {
  try {
    const { done, value } = await source.next();
    return done ? { done } : { done: false, chunk: value };
  } catch (error) {
    return { done: true, failure: { error } };
  }
}
