import { once } from 'node:events';
import { createGunzip } from 'node:zlib';
import type { BackupStorage, FileHandle } from './backup-storage.js';
import { messageOf, StorageError } from './storage-error.js';

export interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * `sniff` (default): a file that begins as gzip is gzip, see `beginsAsGzip`. `none`: the bytes as stored.
   */
  readonly compression?: 'sniff' | 'none' | undefined;
  /** Sees each piece of the content, after unpacking, before the consumer gets it; must not keep it. */
  readonly onContent?: ((piece: Uint8Array) => void) | undefined;
}

/** Output of the gunzip stream, in bytes at a time. */
const OUTPUT_BYTES = 256 * 1024;
/** Leading bytes that `beginsAsGzip` looks at. */
export const GZIP_HEAD_BYTES = 4;

/**
 * Whether a file's first bytes (4, or all of a shorter file) say gzip. No manifest, metadata or record
 * file begins with 1f 8b: JSON begins with a brace, and no ledger has a first record of 529 MB.
 *
 * A bare proof may: 31 siblings, the first of which begins with 8b. So of a proof more is asked: the
 * only method that gzip knows (08) and none of its reserved flags, which of bare proofs with 31 siblings
 * one in half a million has by chance. That one is read as damaged gzip, and its error says so with the
 * fact `mayBeBare`. There is no silent second try as a bare file, since this would give a really damaged
 * gzip to the proof decoder and blame the wrong thing. A caller that can prove what the bytes say may
 * read again with `compression: 'none'` and accept exactly when the proof then holds up to a trusted root.
 */
export function beginsAsGzip(head: Uint8Array, handle: FileHandle): boolean {
  if (head[0] !== 0x1f || head[1] !== 0x8b) return false;
  if (!isProof(handle)) return true;
  const [, , method, flags] = head;
  return (method === undefined || method === 8) && (flags === undefined || (flags & 0xe0) === 0);
}

function isProof(handle: FileHandle): boolean {
  return handle.endsWith('.proof');
}

/**
 * A file's bytes, unpacked where they are gzip; archives mix both. Several gzip members in a row are
 * one file, as gunzip has it. Each piece belongs to the caller.
 * @throws StorageError GZIP_DAMAGED when it is cut short, altered or followed by anything else, also by
 *   the zero padding that gunzip would let pass; and whatever the storage throws
 */
export async function* readDecompressed(
  storage: BackupStorage,
  handle: FileHandle,
  { signal, compression = 'sniff', onContent }: ReadOptions = {},
): AsyncGenerator<Uint8Array> {
  if (compression === 'none') {
    const stored = await storage.openForRead(handle, { signal });
    yield* onContent === undefined ? stored : watched(stored, onContent);
    return;
  }
  signal?.throwIfAborted();
  // The unpacking reads ahead: when the consumer leaves, only an abort wakes a read that waits for bytes.
  const leaving = new AbortController();
  const forward = (): void => leaving.abort(signal?.reason);
  signal?.addEventListener('abort', forward, { once: true });
  try {
    const stored = await storage.openForRead(handle, { signal: leaving.signal });
    const pieces = stored[Symbol.asyncIterator]();
    const { head, begun } = await readHead(pieces);
    const source = resume(begun, pieces);
    const content = beginsAsGzip(head, handle) ? gunzip(source, handle, leaving) : source;
    yield* onContent === undefined ? content : watched(content, onContent);
  } finally {
    signal?.removeEventListener('abort', forward);
  }
}

async function* watched(
  content: AsyncIterable<Uint8Array>,
  onContent: (piece: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  for await (const piece of content) {
    onContent(piece);
    yield piece;
  }
}

async function readHead(pieces: AsyncIterator<Uint8Array>) {
  const begun: Uint8Array[] = [];
  let head: Uint8Array = new Uint8Array(0);
  while (head.length < GZIP_HEAD_BYTES) {
    const next = await pieces.next();
    if (next.done) break;
    begun.push(next.value);
    head = Buffer.concat([head, next.value.subarray(0, GZIP_HEAD_BYTES)]);
  }
  return { head, begun };
}

async function* resume(
  begun: readonly Uint8Array[],
  pieces: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* begun;
    for (;;) {
      const next = await pieces.next();
      if (next.done) return;
      yield next.value;
    }
  } finally {
    await pieces.return?.();
  }
}

async function* gunzip(
  source: AsyncGenerator<Uint8Array>,
  handle: FileHandle,
  leaving: AbortController,
): AsyncGenerator<Uint8Array> {
  const engine = createGunzip({ chunkSize: OUTPUT_BYTES });
  let bytesFed = 0;
  let exhausted = false;
  let sourceFailure: { readonly error: unknown } | undefined;

  const feed = async (): Promise<void> => {
    try {
      for await (const piece of source) {
        bytesFed += piece.length;
        if (engine.write(piece) || (await drained(engine, leaving.signal))) continue;
        leaving.signal.throwIfAborted();
        // The engine failed: the reading loop below reports that.
        return;
      }
      exhausted = true;
      engine.end();
    } catch (error) {
      sourceFailure = { error };
      engine.destroy(error instanceof Error ? error : new Error(messageOf(error)));
    }
  };

  const feeding = feed();
  try {
    for await (const piece of engine) yield piece as Uint8Array;
    if (!exhausted || bytesFed !== engine.bytesWritten) throw new Error('bytes follow the end of the gzip');
  } catch (error) {
    throw sourceFailure === undefined ? damaged(handle, error) : sourceFailure.error;
  } finally {
    leaving.abort();
    engine.destroy();
    await feeding;
  }
}

async function drained(engine: NodeJS.EventEmitter, signal: AbortSignal): Promise<boolean> {
  try {
    await once(engine, 'drain', { signal });
    return true;
  } catch {
    // Either the engine failed, or the reader left or aborted.
    return false;
  }
}

function damaged(handle: FileHandle, cause: unknown): StorageError {
  const bare = isProof(handle) ? { mayBeBare: true } : {};
  return new StorageError('GZIP_DAMAGED', `${handle} is damaged gzip: ${messageOf(cause)}`, {
    cause,
    hint: 'The stored file is altered or cut short: restore it from a copy, or back the range up again.',
    facts: { handle, ...bare },
  });
}
