// Loaded into a measured process (`node --import`): says at its end what it took, in a file.
import { readFileSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const file = process.env.HOLDFAST_BENCH_USAGE;
if (isMainThread && file !== undefined) {
  // Processes that this one starts are measured with it, or not at all.
  delete process.env.HOLDFAST_BENCH_USAGE;
  process.on('exit', () => {
    const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
    // `maxRSS` begins with what the parent had at the fork; the kernel's own mark does not.
    const peakKiB = highWaterKiB() ?? maxRSS;
    writeFileSync(
      file,
      JSON.stringify({ userMs: userCPUTime / 1000, systemMs: systemCPUTime / 1000, peakKiB }),
    );
  });
}

function highWaterKiB() {
  try {
    const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    return kib === undefined ? undefined : Number(kib);
  } catch {
    return undefined;
  }
}
