import { readFileSync } from 'node:fs';
import http from 'node:http';
import { gunzipSync } from 'node:zlib';
import { createHash } from 'node:crypto';
import { fixturePath } from './fixtures.js';

/** A request to the reference's backup service and what came back. */
export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  /** Absent where the connection ended without a whole answer. */
  readonly status?: number;
  readonly broken?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly sha256?: string;
  /** The file with the body, below `reference-ledger/service`. */
  readonly body?: string;
}

/** All recorded requests, in their order. */
export function recordedRequests(): readonly RecordedRequest[] {
  const index = readFileSync(fixturePath('reference-ledger', 'service', 'index.json'), 'utf8');
  return JSON.parse(index) as RecordedRequest[];
}

/** The body of a recorded answer. */
export function recordedBody({ body }: RecordedRequest): Uint8Array {
  if (body === undefined) return new Uint8Array();
  return new Uint8Array(gunzipSync(readFileSync(fixturePath('reference-ledger', 'service', body))));
}

/** What a server did with a request. */
export interface RawAnswer {
  /** Undefined where the connection ended before a status line. */
  readonly status: number | undefined;
  readonly headers: http.IncomingHttpHeaders;
  /** As much of it as arrived. */
  readonly body: Buffer;
  /** The connection ended without a whole answer. */
  readonly broken: boolean;
}

export interface RawRequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly agent?: http.Agent;
  readonly body?: string;
}

/** One request, whatever comes of it; the target is sent as it is. */
export function rawRequest(
  server: { readonly port: number },
  target: string,
  { method = 'GET', headers = {}, agent, body }: RawRequestOptions = {},
): Promise<RawAnswer> {
  return new Promise((resolve) => {
    const request = http.request(
      { host: '127.0.0.1', port: server.port, path: target, method, headers, ...(agent ? { agent } : {}) },
      (response) => {
        const pieces: Buffer[] = [];
        const { statusCode: status, headers: answered } = response;
        const settle = (): void => {
          resolve({ status, headers: answered, body: Buffer.concat(pieces), broken: !response.complete });
        };
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('error', settle);
        response.on('end', settle);
      },
    );
    request.on('error', () =>
      resolve({ status: undefined, headers: {}, body: Buffer.alloc(0), broken: true }),
    );
    request.end(body);
  });
}

/** What is wrong with an answer, in comparison with the recorded one; undefined where nothing is. */
export function differenceFromRecorded(recorded: RecordedRequest, answer: RawAnswer): string | undefined {
  if (recorded.broken) return answer.broken ? undefined : `status ${answer.status}, not a broken connection`;
  if (answer.broken) return 'a broken connection';
  if (answer.status !== recorded.status) return `status ${answer.status}, not ${recorded.status}`;
  for (const name of ['content-type', 'content-length', 'transfer-encoding']) {
    const [expected, actual] = [recorded.headers?.[name], answer.headers[name]];
    if (expected !== actual) return `${name} ${actual}, not ${expected}`;
  }
  const digest = createHash('sha256').update(answer.body).digest('hex');
  return digest === recorded.sha256 ? undefined : `another body of ${answer.body.length} bytes`;
}
