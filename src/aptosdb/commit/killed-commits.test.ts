import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { killedLedger } from '../../test-support/killed-ledger.js';
import { seededRandom } from '../../test-support/seeded-random.js';
import { memoryFolder } from '../../test-support/memory-folder.js';
import { checkDatabase } from '../check/check-database.js';
import { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { LedgerWriter } from './ledger-writer.js';

/** Set to 100 for the full campaign. */
const ROUNDS = Number(process.env['HOLDFAST_KILL_ROUNDS'] ?? 4);
const SEED = 'killed';
const SCRIPT = fileURLToPath(new URL('../../test-support/commit-until-killed.js', import.meta.url));
/** Operations on disk within which a process is killed: a whole ledger takes some thousand. */
const OPERATIONS = 500;

interface Outcome {
  readonly killed: boolean;
  /** What the process said was committed. */
  readonly promised: bigint | undefined;
}

async function commitUntilKilled(folder: string, dieAt: number): Promise<Outcome> {
  const child = spawn(process.execPath, [SCRIPT, folder, SEED, String(dieAt)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<NodeJS.Signals | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (signal === null && code !== 0) reject(new Error(`the process ended with code ${code}`));
      else resolve(signal);
    });
  });
  const [output, signal] = await Promise.all([text(child.stdout), ended]);
  const promised = [...output.matchAll(/^(?:committed|opened at) (\d+)$/gm)].at(-1)?.[1];
  return { killed: signal === 'SIGKILL', promised: promised === undefined ? undefined : BigInt(promised) };
}

/** Opens the database for writing, as whoever goes on would, and has it checked. */
async function reopen(folder: string): Promise<bigint | undefined> {
  const { hashers } = killedLedger(SEED);
  const database = await AptosDatabaseFiles.open(folder, { mode: 'create' });
  const { lastVersion } = await LedgerWriter.open(database, hashers);
  await database.close();
  const { results } = await checkDatabase(folder, { hashers });
  assert.deepEqual(
    results.filter(({ status }) => status === 'failed'),
    [],
  );
  return lastVersion;
}

describe('a process that is killed while it commits', () => {
  it('leaves a database that opens, is fit, holds what was promised, and can be committed to', async (t) => {
    const random = seededRandom(20_240);
    const last = killedLedger(SEED).lastVersion;
    let folder = path.join(memoryFolder(t), 'db');
    let kills = 0;
    for (let round = 0; kills < ROUNDS; round++) {
      const { killed, promised } = await commitUntilKilled(folder, 1 + random(OPERATIONS));
      const found = await reopen(folder);
      if (promised !== undefined) assert.ok(found !== undefined && found >= promised, `round ${round}`);
      if (killed) kills++;
      if (found !== last) continue;
      // A whole ledger: begin another one.
      assert.equal(killed ? found : promised, last);
      folder = path.join(memoryFolder(t), 'db');
    }
    // What the kills left goes on to the end.
    const { killed, promised } = await commitUntilKilled(folder, 0);
    assert.equal(killed, false);
    assert.equal(promised, last);
    assert.equal(await reopen(folder), last);
  });
});
