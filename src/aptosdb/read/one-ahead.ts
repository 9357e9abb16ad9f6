/**
 * The same items, each next one being fetched while the receiver works on the one before: at most one item
 * waits. Ending the loop early ends the source.
 */
export async function* oneAhead<T>(
  source: AsyncGenerator<T, void, undefined>,
): AsyncGenerator<T, void, undefined> {
  let pending = source.next();
  try {
    for (;;) {
      const step = await pending;
      if (step.done) return;
      pending = source.next();
      // It is awaited in the next round, or nobody wants it any more.
      pending.catch(() => {});
      yield step.value;
    }
  } finally {
    await source.return();
  }
}
