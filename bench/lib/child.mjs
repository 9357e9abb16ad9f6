// Every measurement is a process of its own, so that none inherits the heap or the warm code of another.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../../scripts/setup.mjs';

/** The compiled package: `dist`, or another folder to compare with. */
export const compiled = path.resolve(root, process.env.HOLDFAST_DIST ?? 'dist');
export const cli = path.join(compiled, 'cli', 'main.js');

const probe = pathToFileURL(path.join(root, 'bench', 'lib', 'usage-probe.mjs')).href;

/** A module of the compiled package, named as below `src`. */
export function load(file) {
  return import(pathToFileURL(path.join(compiled, file)).href);
}

/**
 * Runs a script to its end. `ms` is the whole process, its start included; `peakMiB` the most that was
 * resident, all threads together.
 * @throws Error when it fails, with what it wrote to stderr
 */
export async function runChild(script, args = [], { env = {}, nodeArgs = [] } = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), 'holdfast-usage-'));
  const usageFile = path.join(folder, 'usage.json');
  try {
    const startedAt = performance.now();
    const child = spawn(process.execPath, ['--import', probe, ...nodeArgs, script, ...args.map(String)], {
      env: { ...process.env, ...env, HOLDFAST_BENCH_USAGE: usageFile },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [stdout, stderr, [code, signal]] = await Promise.all([
      textOf(child.stdout),
      textOf(child.stderr),
      new Promise((resolve, reject) => {
        child.once('error', reject);
        child.once('exit', (...how) => resolve(how));
      }),
    ]);
    const ms = performance.now() - startedAt;
    if (code !== 0) {
      throw new Error(
        `${script} ${args.join(' ')} ended with ${code ?? signal}\n${stderr}\n${stdout.slice(0, 4000)}`,
      );
    }
    const { userMs, systemMs, peakKiB } = JSON.parse(readFileSync(usageFile, 'utf8'));
    return { ms, userMs, systemMs, peakMiB: peakKiB / 1024, stdout };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The same for a script whose last line of output is JSON: `result`. */
export async function runJson(script, args, options) {
  const run = await runChild(script, args, options);
  return { ...run, result: JSON.parse(run.stdout.trimEnd().split('\n').at(-1)) };
}

async function textOf(stream) {
  let text = '';
  for await (const piece of stream.setEncoding('utf8')) text += piece;
  return text;
}
