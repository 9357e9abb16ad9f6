import http from 'node:http';
import https from 'node:https';
import { ServiceError } from './service-error.js';

export interface HttpSourceOptions {
  /** Where the service is, such as `http://localhost:6186`; a path in it leads all requests. */
  readonly address: string;
  readonly bearerToken?: string | undefined;
  /** PEM of the authorities that may vouch for the service, in the place of the well-known ones. */
  readonly tlsCa?: string | undefined;
  /** Milliseconds until the response headers; the reference's client waits 60,000. */
  readonly firstByteMs?: number;
  /** Milliseconds that a waiting read takes at most; the reference's client waits 60,000. */
  readonly betweenBytesMs?: number;
  /** Connections at a time. Default 16. */
  readonly connectionsMax?: number;
}

/** An answer with status 200; its pieces must be read to the end, or left by `return`. */
export interface HttpBody {
  /** Undefined for a chunked body. */
  readonly length: number | undefined;
  readonly pieces: AsyncGenerator<Uint8Array>;
}

function parseAddress(address: string): URL {
  const base = URL.canParse(address) ? new URL(address) : undefined;
  if (base && /^https?:$/.test(base.protocol)) return base;
  throw new ServiceError('SERVICE_ADDRESS_UNAVAILABLE', 'the address of the service is no HTTP URL', {
    hint: 'Write it like http://localhost:6186.',
  });
}

const DISCARD_BYTES_MAX = 64 * 1024;
const DEFAULT_LIMIT_MS = 60_000;
const BUSY: ReadonlySet<number> = new Set([408, 429, 502, 503, 504]);

function statusError(path: string, status: number): ServiceError {
  const facts = { path, status };
  if (BUSY.has(status)) {
    const message = `the backup service is busy: status ${status} for ${path}`;
    return new ServiceError('SERVICE_BUSY', message, { retryable: true, facts });
  }
  if (status === 401 || status === 403) {
    const hint = 'Give the bearer token that the service was started with.';
    return new ServiceError('SERVICE_UNAUTHORIZED', `the backup service refuses us: status ${status}`, {
      hint,
      facts,
    });
  }
  if (status === 404) {
    const hint = 'Is the address the one of a backup service? Older nodes lack some endpoints.';
    return new ServiceError('SERVICE_ENDPOINT_UNKNOWN', `the service does not know ${path}`, { hint, facts });
  }
  const hint = 'Nodes prune old data: ask for a newer version, or look into the log of the node.';
  return new ServiceError('SERVICE_REFUSED', `the backup service answers ${path} with status ${status}`, {
    hint,
    facts,
  });
}

function lostConnection(path: string, cause: NodeJS.ErrnoException): ServiceError {
  if (/CERT|SELF_SIGNED|UNABLE_TO_/.test(cause.code ?? '')) {
    const message = `the certificate of the service is not trusted: ${cause.message}`;
    return new ServiceError('SERVICE_CERTIFICATE_REFUSED', message, {
      cause,
      hint: 'Name the authority that vouches for it, and the host that it is made out to.',
      facts: { path },
    });
  }
  return new ServiceError('SERVICE_CONNECTION_LOST', `no whole answer to ${path}: ${cause.message}`, {
    retryable: true,
    cause,
    hint: 'Is the backup service running, and is this its address?',
    facts: { path },
  });
}

/** Keeps the connection only where a short rest is known to come. */
function discard(response: http.IncomingMessage): void {
  if (Number(response.headers['content-length'] ?? Infinity) <= DISCARD_BYTES_MAX) response.resume();
  else response.destroy();
}

/**
 * GET requests to one service over connections that are kept, without retries. Proxies are ignored and
 * redirects are refused, as in the reference's client.
 */
export class HttpSource {
  readonly #base: URL;
  readonly #agent: http.Agent;
  readonly #headers: Record<string, string>;
  readonly #firstByteMs: number;
  readonly #betweenBytesMs: number;

  /** @throws ServiceError SERVICE_ADDRESS_UNAVAILABLE for an address that is no HTTP URL */
  constructor(options: HttpSourceOptions) {
    const { address, bearerToken, tlsCa, connectionsMax = 16 } = options;
    const base = parseAddress(address);
    this.#base = base;
    const agentOptions = { keepAlive: true, maxSockets: connectionsMax };
    this.#agent =
      base.protocol === 'https:'
        ? new https.Agent({ ...agentOptions, ...(tlsCa === undefined ? {} : { ca: tlsCa }) })
        : new http.Agent(agentOptions);
    this.#headers = bearerToken === undefined ? {} : { authorization: `Bearer ${bearerToken}` };
    this.#firstByteMs = options.firstByteMs ?? DEFAULT_LIMIT_MS;
    this.#betweenBytesMs = options.betweenBytesMs ?? DEFAULT_LIMIT_MS;
  }

  /** Closes all connections; requests that are under way fail. */
  close(): void {
    this.#agent.destroy();
  }

  /**
   * The answer to one request.
   * @throws ServiceError any of the codes for connection, status and time limits; also while pieces are read
   */
  async get(path: string, signal?: AbortSignal): Promise<HttpBody> {
    signal?.throwIfAborted();
    const response = await this.#respond(path, signal);
    if (response.statusCode !== 200) {
      discard(response);
      throw statusError(path, response.statusCode ?? 0);
    }
    const { 'content-length': length, 'transfer-encoding': encoding } = response.headers;
    const chunked = encoding?.toLowerCase() === 'chunked';
    if (!chunked && length === undefined) {
      response.destroy();
      throw new ServiceError(
        'SERVICE_BODY_UNBOUNDED',
        `the end of the answer to ${path} cannot be told from a broken connection`,
        {
          hint: 'Something between the service and here speaks HTTP/1.0: leave it out.',
          facts: { path },
        },
      );
    }
    return { length: chunked ? undefined : Number(length), pieces: this.#pieces(path, response, signal) };
  }

  #respond(path: string, signal: AbortSignal | undefined): Promise<http.IncomingMessage> {
    const { protocol, hostname, port, pathname } = this.#base;
    const request = (protocol === 'https:' ? https : http).request({
      agent: this.#agent,
      protocol,
      hostname: hostname.replace(/^\[|\]$/g, ''),
      port,
      path: pathname.replace(/\/+$/, '') + path,
      headers: this.#headers,
    });
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        request.destroy();
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        reject(
          new ServiceError('SERVICE_SILENT', `no answer to ${path} within ${this.#firstByteMs} ms`, {
            retryable: true,
            facts: { path },
          }),
        );
        request.destroy();
      }, this.#firstByteMs);
      const settle = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      request.once('response', (response) => {
        settle();
        // Whoever reads the body hears of a failure; where nobody does, it must not end the process.
        response.on('error', () => {});
        resolve(response);
      });
      // Stays: a destroyed request may emit more than one error.
      request.on('error', (error) => {
        settle();
        reject(lostConnection(path, error));
      });
      request.end();
    });
  }

  /** The body as it arrives; the time limit runs only while somebody waits for a piece. */
  async *#pieces(
    path: string,
    response: http.IncomingMessage,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array> {
    const onAbort = (): void => void response.destroy();
    signal?.addEventListener('abort', onAbort, { once: true });
    let waiting = false;
    let stalled = false;
    const timer = setTimeout(() => {
      if (!waiting) return;
      stalled = true;
      response.destroy();
    }, this.#betweenBytesMs);
    const iterator: AsyncIterator<Buffer> = response[Symbol.asyncIterator]();
    try {
      for (;;) {
        signal?.throwIfAborted();
        waiting = true;
        timer.refresh();
        const step = await iterator.next();
        waiting = false;
        if (step.done) break;
        const { buffer, byteOffset, byteLength } = step.value;
        yield new Uint8Array(buffer, byteOffset, byteLength);
      }
      if (!response.complete) throw new Error('the connection closed before the end of the answer');
    } catch (error) {
      signal?.throwIfAborted();
      if (!stalled) throw lostConnection(path, error as Error);
      const message = `the answer to ${path} did not go on for ${this.#betweenBytesMs} ms`;
      throw new ServiceError('SERVICE_STALLED', message, { retryable: true, facts: { path } });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      if (!response.complete) response.destroy();
    }
  }
}
