// The process that is cut off: `node writer-process.js <options as JSON>`. It prints `started`, then a line
// `ack <label>` for each acknowledged unit of work, and `finished` after each whole run of the workload.
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { PowerLossWorkload } from './workload.js';

/** The one argument, as JSON. */
export interface WriterProcessOptions {
  /** Absolute path of a module that exports `workloads`. */
  readonly module: string;
  readonly workload: string;
  readonly folder: string;
  readonly inputFolder: string;
  readonly seed: number;
  readonly unitsMax?: number;
  /** Sync a file of nobody's beside the work every so many ms, as other programs on a volume do. */
  readonly neighbourMs?: number;
}

async function main(options: WriterProcessOptions): Promise<void> {
  const module = (await import(pathToFileURL(options.module).href)) as {
    readonly workloads: readonly PowerLossWorkload[];
  };
  const workload = module.workloads.find(({ name }) => name === options.workload);
  if (workload === undefined) throw new Error(`${options.module} has no workload ${options.workload}`);
  const neighbour = options.neighbourMs === undefined ? undefined : startNeighbour(options);
  // The descriptor itself: a line is in the pipe when the call returns, whatever happens to this process.
  const say = (line: string): void => void writeSync(1, `${line}\n`);
  await workload.write({
    ...options,
    acknowledge: (label) => say(`ack ${label}`),
    started: () => say('started'),
    finished: () => say('finished'),
  });
  clearInterval(neighbour);
}

/** Syncs of others make the journal commit names whose content nobody synced. */
function startNeighbour({ folder, neighbourMs }: WriterProcessOptions): NodeJS.Timeout {
  const file = openSync(path.join(folder, 'neighbour'), 'a');
  return setInterval(() => {
    try {
      writeSync(file, 'x');
      fsyncSync(file);
    } catch {
      // The volume was cut off: the writer under test meets the same and says so.
      closeSync(file);
      process.exit(1);
    }
  }, neighbourMs);
}

await main(JSON.parse(process.argv[2] ?? '') as WriterProcessOptions);
