import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { RECORD_PREFIX_SIZE, writeRecord } from '../archive/record-framing.js';

/** Bytes that are handed to the connection at once; the reference's 10 KiB are the least. */
const BUFFER_BYTES = 64 * 1024;

export interface SendRecordsOptions {
  /** Ends the stream by breaking the connection. */
  readonly signal: AbortSignal;
  /** Milliseconds after which a client that takes nothing is given up. */
  readonly clientStallMs: number;
  /** Called when bytes are handed over, with the number of records sent so far. */
  readonly onSent: (bytes: number, recordsInAll: number) => void;
}

/**
 * Sends records, each behind its length, as a chunked body (spec: backup-service.md, section 4). Nothing
 * is read ahead of what the client takes: memory is one buffer, one record and the connection's own.
 * A failure of the records, an abort, or a client that is gone breaks the connection without the
 * terminating chunk, and is thrown.
 */
export async function sendRecords(
  response: ServerResponse,
  open: (signal: AbortSignal) => AsyncIterable<Uint8Array>,
  { signal, clientStallMs, onSent }: SendRecordsOptions,
): Promise<void> {
  const ending = new AbortController();
  const onClose = (): void => ending.abort(new Error('the client closed the connection'));
  const onAbort = (): void => ending.abort(signal.reason);
  response.once('close', onClose);
  signal.addEventListener('abort', onAbort, { once: true });
  const send = async (bytes: Uint8Array): Promise<void> => {
    ending.signal.throwIfAborted();
    if (!response.write(bytes)) await taken(response, 'drain', ending, clientStallMs);
  };
  try {
    signal.throwIfAborted();
    response.writeHead(200);
    response.flushHeaders();
    await sendAll(open(ending.signal), send, onSent, ending.signal);
    response.end();
    await taken(response, 'finish', ending, clientStallMs);
  } catch (error) {
    response.destroy();
    throw error;
  } finally {
    response.removeListener('close', onClose);
    signal.removeEventListener('abort', onAbort);
  }
}

async function sendAll(
  records: AsyncIterable<Uint8Array>,
  send: (bytes: Uint8Array) => Promise<void>,
  onSent: SendRecordsOptions['onSent'],
  signal: AbortSignal,
): Promise<void> {
  let buffer = new Uint8Array(BUFFER_BYTES);
  let filled = 0;
  let count = 0;
  const flush = async (): Promise<void> => {
    await send(buffer.subarray(0, filled));
    onSent(filled, count);
    // The connection keeps what it was given, so the next bytes need room of their own.
    buffer = new Uint8Array(BUFFER_BYTES);
    filled = 0;
  };
  for await (const record of records) {
    signal.throwIfAborted();
    const size = RECORD_PREFIX_SIZE + record.length;
    if (filled > 0 && filled + size > buffer.length) await flush();
    if (size > buffer.length) buffer = new Uint8Array(size);
    filled = writeRecord(buffer, filled, record);
    count++;
    if (filled >= BUFFER_BYTES) await flush();
  }
  signal.throwIfAborted();
  if (filled > 0) await flush();
}

/** Waits until the client has made room, or has everything. */
async function taken(
  response: ServerResponse,
  event: 'drain' | 'finish',
  ending: AbortController,
  clientStallMs: number,
): Promise<void> {
  const timer = setTimeout(() => {
    ending.abort(new Error(`the client took nothing for ${clientStallMs} ms`));
  }, clientStallMs);
  try {
    await once(response, event, { signal: ending.signal });
  } catch (error) {
    ending.signal.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
