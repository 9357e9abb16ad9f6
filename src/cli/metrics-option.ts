import type { Command } from 'commander';
import type { MetricsSource } from '../telemetry/metrics-exposure.js';
import { type ListenAddress, parseListenAddress } from './argument-parsers.js';
import { type Console, printLine, warn } from './console.js';

export interface MetricsFlag {
  readonly metricsAddress?: ListenAddress;
}

/** Adds `--metrics-address`. */
export function addMetricsOption(command: Command): Command {
  return command.option(
    '--metrics-address <HOST:PORT>',
    'show Prometheus metrics here while it runs, at /metrics',
    parseListenAddress,
  );
}

/**
 * Shows metrics as Prometheus text at an address, and pushes them to where the environment says.
 * @returns what ends both, after a last push
 * @throws MetricsError METRICS_ADDRESS_UNAVAILABLE
 */
export async function exposeMetrics(
  registry: MetricsSource,
  { metricsAddress: address }: MetricsFlag,
  console: Console,
): Promise<() => Promise<void>> {
  const { MetricsPusher, MetricsServer, metricsPushOptions } = await import(
    '../telemetry/metrics-exposure.js'
  );
  const server = address && (await MetricsServer.start(registry, address.host, address.port));
  if (server) printLine(console.stderr, `metrics at http://${address?.host}:${server.port}/metrics`);
  const push = metricsPushOptions(process.env);
  const onFailure = (error: unknown): void => {
    const reason = error instanceof Error ? error.message : String(error);
    warn(console, 'METRICS_NOT_PUSHED', `metrics could not be pushed: ${reason}`);
  };
  const pusher = push && new MetricsPusher(registry, { ...push, onFailure });
  return async () => {
    server?.close();
    await pusher?.close();
  };
}

/**
 * Works with metrics where somebody is to see them, and otherwise without: to load them takes longer than to
 * verify a small archive.
 * @throws MetricsError METRICS_ADDRESS_UNAVAILABLE; what `work` throws
 */
export async function withMetrics<Metrics extends { readonly registry: MetricsSource }, Result>(
  flags: MetricsFlag,
  console: Console,
  make: () => Promise<Metrics>,
  work: (metrics: Metrics | undefined) => Promise<Result>,
): Promise<Result> {
  if (flags.metricsAddress === undefined && !process.env['PUSH_METRICS_ENDPOINT']) {
    return await work(undefined);
  }
  const metrics = await make();
  const stop = await exposeMetrics(metrics.registry, flags, console);
  try {
    return await work(metrics);
  } finally {
    await stop();
  }
}
