import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { AptosDatabaseFiles } from '../aptosdb/driver/aptos-database-files.js';
import { NodeFileSystem } from '../durable-fs/node-file-system.js';
import { HoldfastError } from '../errors/holdfast-error.js';
import { dumpRows } from '../test-support/load-rows.js';
import { memoryFolder } from '../test-support/memory-folder.js';
import { restoreInto } from '../test-support/restore-into.js';
import { seededRandom } from '../test-support/seeded-random.js';
import { generateLedger, writeReferenceArchive } from '../testing/index.js';
import { inspectTarget } from './target.js';

/** Kills for each beginning of the history; set to 100 for the full campaign. */
const ROUNDS = Number(process.env['HOLDFAST_KILL_ROUNDS'] ?? 3);
const SCRIPT = fileURLToPath(new URL('../test-support/restore-process.js', import.meta.url));
const COMMIT_EVERY_MS = 30;

interface Ended {
  readonly signal: NodeJS.Signals | null;
  readonly code: number | null;
  readonly output: string;
  /** From when signals were heard. */
  readonly elapsedMs: number;
}

/** Whether it has said that its work is done; a signal that comes then only finds it on its way out. */
function saysRestored({ output }: Ended): boolean {
  return /^(?:already-)?restored 799 /m.test(output);
}

class Restoring {
  /** Signals are heard from here on. */
  readonly started: Promise<void>;
  readonly ended: Promise<Ended>;
  readonly #child;

  constructor(archive: string, directory: string, historyStart: string) {
    let startedAt = performance.now();
    const args = [SCRIPT, archive, directory, historyStart, String(COMMIT_EVERY_MS)];
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.started = new Promise((resolve) => {
      this.#child.stdout.once('data', () => {
        startedAt = performance.now();
        resolve();
      });
    });
    const closed = new Promise<Omit<Ended, 'output'>>((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code, signal) => {
        resolve({ code, signal, elapsedMs: performance.now() - startedAt });
      });
    });
    this.ended = Promise.all([closed, text(this.#child.stdout)]).then(([end, output]) => ({
      ...end,
      output,
    }));
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}

/** Where a run was killed: by what its target holds, and by what it said last. */
async function placeOfKill(directory: string, { output }: Ended): Promise<string> {
  const target = await inspectTarget(new NodeFileSystem(directory));
  if (target.kind === 'missing' || target.kind === 'empty') return 'before the first commit point';
  if (target.kind === 'done') return 'when all was done';
  if (target.journal.phase === 'publishing') return 'publishing';
  return [...output.matchAll(/^stage (.*)$/gm)].at(-1)?.[1] ?? 'beginning to go on';
}

/** Where kills fell, the most frequent place first. */
function tallyInWords(places: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const place of places) counts.set(place, (counts.get(place) ?? 0) + 1);
  const sorted = [...counts].sort(([, left], [, right]) => right - left);
  return sorted.map(([place, count]) => `${place} ${count}`).join(', ');
}

async function rowsIn(directory: string): Promise<Map<string, string[]>> {
  await using database = await AptosDatabaseFiles.open(directory, { mode: 'read' });
  return await dumpRows(database);
}

describe('a restore that is ended by force', () => {
  const folder = memoryFolder({ after });
  const archive = path.join(folder, 'archive');
  before(async () => {
    mkdirSync(archive);
    const ledger = generateLedger({
      seed: 'killed restore',
      epochs: 4,
      transactions: 800,
      stateItems: 1000,
      profile: 'transfers',
    });
    await writeReferenceArchive(ledger, archive, { maxChunkSize: 200_000, transactionBatch: 300 });
  });

  for (const historyStart of ['0', 'none']) {
    it(`gives the same rows as one in one go, history from ${historyStart}`, async (test) => {
      const whole = path.join(folder, `whole-${historyStart}`);
      const first = await new Restoring(archive, whole, historyStart).ended;
      assert.equal(first.code, 0);
      const expected = await rowsIn(whole);
      const random = seededRandom(7);
      const places: string[] = [];
      let round = 0;
      for (; places.length < ROUNDS; round++) {
        const directory = path.join(folder, `killed-${historyStart}-${round}`);
        let ended: Ended;
        for (;;) {
          const restoring = new Restoring(archive, directory, historyStart);
          await restoring.started;
          // Within the time of a whole run; what goes on has less to do, and comes to its end at some time.
          const deadline = new AbortController();
          const waiting = pause(random(Math.ceil(first.elapsedMs)), undefined, { signal: deadline.signal });
          const killed = waiting.then(() => restoring.kill('SIGKILL')).catch(() => undefined);
          ended = await restoring.ended;
          deadline.abort();
          await killed;
          if (ended.signal === null) break;
          places.push(await placeOfKill(directory, ended));
          if (places.length % 4 === 1) await assertNoneOrWhole(directory, expected);
        }
        assert.equal(ended.code, 0);
        assert.ok(saysRestored(ended), ended.output);
        assertSameRows(await rowsIn(directory), expected);
        rmSync(directory, { recursive: true });
      }
      const wholeMs = Math.round(first.elapsedMs);
      test.diagnostic(
        `${places.length} kills of ${round} restores, ${wholeMs} ms each: ${tallyInWords(places)}`,
      );
    });
  }

  it('by SIGTERM comes to a commit point, says how far it is, and is gone on with', async () => {
    const directory = path.join(folder, 'terminated');
    let runs = 0;
    for (;;) {
      const restoring = new Restoring(archive, directory, '0');
      await restoring.started;
      const timer = setTimeout(() => restoring.kill('SIGTERM'), 100 + runs * 150);
      const ended = await restoring.ended;
      clearTimeout(timer);
      runs++;
      if (saysRestored(ended)) {
        // On its way out it has no handler any more, and the signal ends it.
        assert.ok(ended.code === 0 || ended.signal === 'SIGTERM', `exit code ${ended.code}`);
        break;
      }
      assert.equal(ended.code, 130);
      assert.match(
        ended.output,
        /^started\n(?:(?:stage|commit point) .*\n)*(?:safe and proven so far: .*\n)?$/,
      );
    }
    assertSameRows(await rowsIn(directory), await rowsIn(path.join(folder, 'whole-0')));
    const again = await restoreInto(directory, archive, { historyStartVersion: 0n });
    assert.equal(again.outcome, 'already-restored');
  });
});

/** A half-restored database can be taken for none: either there is none, or it is whole. */
async function assertNoneOrWhole(directory: string, whole: ReadonlyMap<string, string[]>): Promise<void> {
  let rows: Map<string, string[]>;
  try {
    rows = await rowsIn(directory);
  } catch (error) {
    assert.ok(error instanceof HoldfastError && error.code === 'DB_MISSING');
    return;
  }
  assertSameRows(rows, whole);
}

function assertSameRows(
  actual: ReadonlyMap<string, string[]>,
  expected: ReadonlyMap<string, string[]>,
): void {
  assert.deepEqual([...actual.keys()].sort(), [...expected.keys()].sort());
  for (const [family, rows] of expected) assert.deepEqual(actual.get(family), rows, family);
}
