import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HoldfastError } from '../errors/holdfast-error.js';

/** Why metrics are not shown. */
export type MetricsErrorCode =
  /** The address to show metrics at is taken, not ours, or wrong. */
  'METRICS_ADDRESS_UNAVAILABLE';

export class MetricsError extends HoldfastError<MetricsErrorCode> {}

/** Where metrics come from: a registry of `prom-client`. */
export interface MetricsSource {
  readonly contentType: string;
  /** All of them as Prometheus text. */
  metrics(): Promise<string>;
}

/** Shows metrics as Prometheus text at `/metrics` over plain HTTP. */
export class MetricsServer {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @throws MetricsError METRICS_ADDRESS_UNAVAILABLE */
  static async start(registry: MetricsSource, host: string, port: number): Promise<MetricsServer> {
    const server = createServer((request, response) => {
      if (request.url !== '/metrics') {
        response.writeHead(404).end();
        return;
      }
      registry.metrics().then(
        (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
        () => response.writeHead(500).end(),
      );
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => {
        const message = `cannot show metrics at ${host}:${port}: ${cause.message}`;
        reject(new MetricsError('METRICS_ADDRESS_UNAVAILABLE', message, { cause, facts: { host, port } }));
      });
      server.listen(port, host, () => resolve());
    });
    return new MetricsServer(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

export interface MetricsPushOptions {
  readonly endpoint: string;
  /** Default 15. */
  readonly everySeconds?: number | undefined;
  readonly apiToken?: string | undefined;
  readonly onFailure?: (error: unknown) => void;
}

/** Where the reference's environment variables say that metrics go (spec: cli.md, section 10). */
export function metricsPushOptions(
  environment: Readonly<Record<string, string | undefined>>,
): Omit<MetricsPushOptions, 'onFailure'> | undefined {
  const endpoint = environment['PUSH_METRICS_ENDPOINT'];
  const frequency = environment['PUSH_METRICS_FREQUENCY_SECS'];
  // As in the reference, a frequency that is no number means no pushing at all.
  if (!endpoint || (frequency !== undefined && !/^[1-9][0-9]{0,6}$/.test(frequency))) return undefined;
  return {
    endpoint,
    everySeconds: frequency === undefined ? undefined : Number(frequency),
    apiToken: environment['PUSH_METRICS_API_TOKEN'],
  };
}

const PUSH_LIMIT_MS = 10_000;

/** Posts metrics every so often, and once more at the end; failures are told, and do no harm. */
export class MetricsPusher {
  readonly #registry: MetricsSource;
  readonly #options: MetricsPushOptions;
  readonly #timer: NodeJS.Timeout;

  constructor(registry: MetricsSource, options: MetricsPushOptions) {
    this.#registry = registry;
    this.#options = options;
    this.#timer = setInterval(() => void this.#push(), (options.everySeconds ?? 15) * 1000);
    this.#timer.unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#push();
  }

  async #push(): Promise<void> {
    const { endpoint, apiToken, onFailure } = this.#options;
    try {
      const response = await fetch(endpoint, {
        method: 'POST',
        headers: {
          'content-type': this.#registry.contentType,
          ...(apiToken === undefined ? {} : { apikey: apiToken }),
        },
        body: await this.#registry.metrics(),
        signal: AbortSignal.timeout(PUSH_LIMIT_MS),
      });
      await response.arrayBuffer();
      if (!response.ok) throw new Error(`status ${response.status}`);
    } catch (error) {
      onFailure?.(error);
    }
  }
}
