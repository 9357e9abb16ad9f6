import type { AddressInfo } from 'node:net';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { BackupReader } from '../aptosdb/backup-reader.js';
import { JellyfishError } from '../aptosdb/jellyfish/jellyfish-error.js';
import { carriesToken } from './bearer-token.js';
import { sendRecords } from './record-sender.js';
import { matchRoute, type RouteCall } from './routes.js';
import { ServiceError } from './service-error.js';
import { ServiceMetrics } from './service-metrics.js';

/** A request that was not answered as it asked. */
export interface ServiceEvent {
  /** What asks for something that there is not is refused, whatever the status; all else has failed. */
  readonly kind: 'failed' | 'refused';
  readonly endpoint: string;
  readonly target: string;
  /** 200 for a stream that broke after its headers. */
  readonly status: number;
  readonly error?: unknown;
}

export interface BackupServerOptions {
  readonly reader: BackupReader;
  /** An address of this machine; 127.0.0.1 by default. */
  readonly host?: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Asked for on everything but the health endpoints. */
  readonly bearerToken?: string | undefined;
  /** PEM; without it the service speaks plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Streams at a time; one more is answered with 503. Default 64. */
  readonly streamsMax?: number;
  /** Connections at a time; one more is closed at once. Default 512. */
  readonly connectionsMax?: number;
  /** Milliseconds after which a client that takes no byte of its stream is given up. Default 30 minutes. */
  readonly clientStallMs?: number;
  /** Hears of refusals and failures; must not throw. */
  readonly onEvent?: (event: ServiceEvent) => void;
}

const METRICS = '/metrics';
const HEALTHY = '/-/healthy';
const READY = '/-/ready';
const BACKUP = '/backup';
const OWN_PATHS: readonly string[] = [METRICS, HEALTHY, READY];

/**
 * The HTTP backup service over a ledger (spec: backup-service.md). Beside the reference's endpoints it has
 * `/metrics`, `/-/healthy` (the process answers) and `/-/ready` (the ledger can be read).
 */
export class BackupServer {
  readonly metrics = new ServiceMetrics();
  readonly #options: BackupServerOptions;
  readonly #app: FastifyInstance;
  /** All that reads from the ledger, which may be closed when these have ended. */
  readonly #running = new Set<Promise<unknown>>();
  /** One for each stream that is under way. */
  readonly #streams = new Set<AbortController>();
  readonly #streamsMax: number;
  #closing: Promise<void> | undefined;

  private constructor(options: BackupServerOptions) {
    this.#options = options;
    this.#streamsMax = options.streamsMax ?? 64;
    // The types know an instance with TLS as another one; nothing that is used here differs.
    this.#app = fastify({
      forceCloseConnections: 'idle',
      // Endpoints are matched by `matchRoute`: the framework's router would decode what must not be.
      rewriteUrl: ({ url = '' }) => (OWN_PATHS.includes(url) ? url : BACKUP),
      https: options.tls ? { ...options.tls, minVersion: 'TLSv1.2' } : null,
    }) as unknown as FastifyInstance;
    this.#app.server.maxConnections = options.connectionsMax ?? 512;
    this.#register();
  }

  /**
   * Binds the address and serves from then on.
   * @throws ServiceError SERVICE_ADDRESS_UNAVAILABLE
   */
  static async start(options: BackupServerOptions): Promise<BackupServer> {
    const server = new BackupServer(options);
    const { host = '127.0.0.1', port } = options;
    try {
      await server.#app.listen({ host, port });
    } catch (cause) {
      await server.#app.close();
      const why = (cause as Error).message;
      throw new ServiceError('SERVICE_ADDRESS_UNAVAILABLE', `cannot listen on ${host}:${port}: ${why}`, {
        cause,
        hint: 'Stop what uses the address, or choose another one.',
        facts: { host, port },
      });
    }
    return server;
  }

  /** The bound port. */
  get port(): number {
    return (this.#app.server.address() as AddressInfo).port;
  }

  /** What clients connect to, without a slash at its end. */
  get url(): string {
    const { address, family } = this.#app.server.address() as AddressInfo;
    const host = family === 'IPv6' ? `[${address}]` : address;
    return `${this.#options.tls ? 'https' : 'http'}://${host}:${this.port}`;
  }

  /** Streams that are under way. */
  get streamCount(): number {
    return this.#streams.size;
  }

  /**
   * Takes no more requests, lets answers end, and breaks those that are still under way after `graceMs`.
   * Afterwards nothing reads from the ledger any more. The same promise for every call.
   */
  close(graceMs = 10_000): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    const timer = setTimeout(() => {
      for (const stream of this.#streams) stream.abort(new Error('the service is shutting down'));
      this.#app.server.closeAllConnections();
    }, graceMs);
    try {
      await this.#app.close();
      await Promise.allSettled(this.#running);
    } finally {
      clearTimeout(timer);
    }
  }

  #register(): void {
    const app = this.#app;
    app.addHook('onRequest', async (request, reply) => this.#admit(request, reply));
    app.addHook('onResponse', async () => {
      // A connection that becomes idle while the server closes would be kept until it times out.
      if (this.#closing !== undefined) setImmediate(() => app.server.closeIdleConnections());
    });
    app.get(BACKUP, async (request, reply) => {
      const serving = this.#serve(request, reply);
      this.#running.add(serving);
      try {
        return await serving;
      } finally {
        this.#running.delete(serving);
      }
    });
    app.get(METRICS, async (_request, reply) => {
      const { registry } = this.metrics;
      return reply.header('content-type', registry.contentType).send(await registry.metrics());
    });
    app.get(HEALTHY, (_request, reply) => reply.send('healthy\n'));
    app.get(READY, async (_request, reply) => {
      try {
        await this.#options.reader.dbState();
        return reply.send('ready\n');
      } catch (error) {
        this.#report({ kind: 'failed', endpoint: READY, target: READY, status: 503, error });
        return reply.code(503).send('the ledger cannot be read\n');
      }
    });
  }

  /** What comes before the routes: token and method; an answer given here ends the request. */
  async #admit(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const { bearerToken } = this.#options;
    const isOwn = OWN_PATHS.includes(request.originalUrl);
    const isHealth = isOwn && request.originalUrl !== METRICS;
    if (bearerToken !== undefined && !isHealth && !carriesToken(request.headers.authorization, bearerToken)) {
      this.#answered(request, reply, 401);
      return reply.code(401).header('www-authenticate', 'Bearer').send();
    }
    if (request.method !== 'GET') {
      this.#answered(request, reply, 405);
      return reply.code(405).send('HTTP method not allowed');
    }
    return undefined;
  }

  async #serve(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const { call } = matchRoute(request.originalUrl);
    if (typeof call === 'number') return this.#refuse(request, reply, call);
    if (call.kind === 'stream') return this.#serveStream(call, request, reply);
    try {
      const body = await call.answer(this.#options.reader);
      this.#answered(request, reply, 200);
      this.metrics.sent(call.endpoint, body.length);
      return await reply
        .header('content-type', 'application/octet-stream')
        .send(Buffer.from(body.buffer, body.byteOffset, body.byteLength));
    } catch (error) {
      return this.#refuse(request, reply, 500, error);
    }
  }

  async #serveStream(
    call: Extract<RouteCall, { kind: 'stream' }>,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<unknown> {
    // An HTTP/1.0 body ends with its connection, so that a broken one would look whole.
    if (request.raw.httpVersion === '1.0') return this.#refuse(request, reply, 505);
    if (this.#streams.size >= this.#streamsMax) {
      return this.#refuse(request, reply.header('retry-after', '1'), 503);
    }
    const stream = new AbortController();
    this.#streams.add(stream);
    const startedMs = performance.now();
    reply.hijack();
    this.#answered(request, reply, 200);
    this.metrics.streamed(call.position, 0);
    try {
      await sendRecords(reply.raw, (signal) => call.records(this.#options.reader, { signal }), {
        signal: stream.signal,
        clientStallMs: this.#options.clientStallMs ?? 30 * 60_000,
        onSent: (bytes, recordsInAll) => {
          this.metrics.sent(call.endpoint, bytes);
          this.metrics.streamed(call.position, recordsInAll);
        },
      });
    } catch (error) {
      const { endpoint } = call;
      this.#report({ kind: 'failed', endpoint, target: request.originalUrl, status: 200, error });
    } finally {
      this.#streams.delete(stream);
      this.metrics.streamEnded(call.endpoint, (performance.now() - startedMs) / 1000);
    }
    return reply;
  }

  #refuse(request: FastifyRequest, reply: FastifyReply, status: number, error?: unknown): FastifyReply {
    this.#answered(request, reply, status, error);
    return reply.code(status).send();
  }

  #answered(request: FastifyRequest, reply: FastifyReply, status: number, error?: unknown): void {
    const target = request.originalUrl;
    const { endpoint } = matchRoute(target);
    this.metrics.answered(endpoint, status, reply.elapsedTime / 1000);
    if (status < 400) return;
    const kind = status === 500 && !isMissingTree(error) ? 'failed' : 'refused';
    this.#report({ kind, endpoint, target, status, ...(error === undefined ? {} : { error }) });
  }

  #report(event: ServiceEvent): void {
    this.#options.onEvent?.(event);
  }
}

/** A version without a state tree of its own, which clients ask for to learn what a service knows. */
function isMissingTree(error: unknown): boolean {
  return error instanceof JellyfishError && error.code === 'JELLYFISH_ROOT_MISSING';
}
