import { cli, runChild, runJson } from './child.mjs';
import { kernelBoundArgs } from './kernel-bound.mjs';
import { medians, perSecond } from './numbers.mjs';

const MIB = 1024 * 1024;
const VERIFY = ['backup', 'verify'];

/** Numbers of threads to measure with; only the calling one where the command cannot have more. */
export async function threadCounts(cores) {
  const { stdout } = await runChild(cli, [...VERIFY, '--help']);
  return stdout.includes('--threads') ? [...new Set([1, Math.min(2, cores)])] : [undefined];
}

/**
 * Verifies a part of an archive in turns with the bound of the same bytes. `perSecond` is of the verification
 * itself, `whole per second` of the whole process.
 */
export async function verifyRow({ archive, kind, threads, turns, args }) {
  const unit = kind === 'state' ? 'stateItems' : 'transactions';
  const boundThreads = threads ?? 1;
  const threadArgs = threads === undefined ? [] : ['--threads', threads];
  const common = ['--local-fs-dir', archive.directory, '--trust-waypoint', archive.waypoint, '--json'];
  const samples = [];
  let bytes = 0;
  let amount = 0;
  for (let turn = 0; turn < turns; turn++) {
    const run = await runChild(cli, [...VERIFY, ...common, ...threadArgs, ...args]);
    const report = JSON.parse(run.stdout);
    const boundRun = await runJson(
      ...kernelBoundArgs({ directory: archive.directory, kind, threads: boundThreads, samples: 3 }),
    );
    bytes = boundRun.result.bytes;
    amount = boundRun.result.records;
    if (report.checked[unit] !== amount)
      throw new Error(`${report.checked[unit]} verified, ${amount} are there`);
    samples.push({
      verifyMs: report.elapsedMs,
      wholeMs: run.ms,
      cpuMs: run.userMs + run.systemMs,
      peakMiB: run.peakMiB,
      boundMs: boundRun.result.ms,
      boundCpuMs: boundRun.result.cpuMs,
      ratio: boundRun.result.ms / report.elapsedMs,
    });
  }
  const { verifyMs, wholeMs, cpuMs, peakMiB, boundMs, boundCpuMs, ratio } = medians(
    samples,
    Object.keys(samples[0]),
  );
  const with_ = threads === undefined ? '' : `, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  return {
    case: `${amount.toLocaleString('en-US')}${with_}`,
    amount,
    threads: boundThreads,
    unit: kind === 'state' ? 'items' : 'transactions',
    perSecond: perSecond(amount, verifyMs),
    peakMiB,
    bound: `kernel alone, ${boundThreads} ${boundThreads === 1 ? 'thread' : 'threads'}`,
    boundPerSecond: perSecond(amount, boundMs),
    ratio,
    'MiB/s': perSecond(bytes / MIB, verifyMs),
    'whole per second': perSecond(amount, wholeMs),
    // What other work on the machine changes least; the start of the process is in it.
    'cpu s': cpuMs / 1000,
    'cpu s of the bound': boundCpuMs / 1000,
    'bytes a record': bytes / amount,
  };
}
