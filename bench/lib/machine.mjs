import { hash, randomBytes } from 'node:crypto';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { median } from './numbers.mjs';

const NODE_BYTES = 96;
const BATCH = 20_000;
const SAMPLES = 5;
const SAMPLE_MS = 60;

/**
 * Nanoseconds that `crypto.hash('sha3-256', ..., 'buffer')` takes for 96 bytes: what the speed of a machine
 * is told by.
 */
export function cryptoHashNs() {
  const inputs = Array.from({ length: 64 }, () => randomBytes(NODE_BYTES));
  const sample = () => {
    const startedAt = performance.now();
    let rounds = 0;
    do {
      for (let index = 0; index < BATCH; index++) hash('sha3-256', inputs[index & 63], 'buffer');
      rounds++;
    } while (performance.now() - startedAt < SAMPLE_MS);
    return ((performance.now() - startedAt) * 1e6) / (rounds * BATCH);
  };
  sample();
  return median(Array.from({ length: SAMPLES }, sample));
}

/** What a result is worth depends on it. */
export function machineFacts() {
  return {
    node: process.version,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    load: loadavg()[0],
    cryptoHashNs: cryptoHashNs(),
  };
}
