import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { seededRandom } from '../seeded-random.js';
import { temporaryFolder } from '../temporary-folder.js';
import { workloads } from './archive-workload.js';
import { StartedWriter } from './started-writer.js';
import { isDamaged, type PowerLossWorkload } from './workload.js';

const MODULE = fileURLToPath(new URL('./archive-workload.js', import.meta.url));
const SEED = 1;
const KILLS = process.env['HOLDFAST_CAMPAIGN'] === 'full' ? 200 : 40;
/** So many runs go on with what the earlier ones left; then all of it is proven, and a new folder begins. */
const KILLS_PER_FOLDER = 20;
/** The longest a writer lives after its start, in ms. */
const LIFE_MS_MAX = 250;

interface KillFigures {
  kills: number;
  acknowledged: number;
  damaged: number;
}

/** Kills one writer after the other at random moments. What a killed process wrote stays in the page cache. */
async function killAgainAndAgain(
  workload: PowerLossWorkload,
  context: TestContext,
  killsMax: number,
  untilDamaged: boolean,
): Promise<KillFigures> {
  const base = temporaryFolder(context);
  const inputFolder = path.join(base, 'input');
  mkdirSync(inputFolder);
  await workload.prepare(inputFolder, SEED);
  const random = seededRandom(SEED);
  const figures: KillFigures = { kills: 0, acknowledged: 0, damaged: 0 };
  let acknowledged: string[] = [];
  for (; figures.kills < killsMax && !(untilDamaged && figures.damaged > 0); figures.kills++) {
    const folder = path.join(base, `volume-${Math.floor(figures.kills / KILLS_PER_FOLDER)}`);
    if (figures.kills % KILLS_PER_FOLDER === 0) {
      mkdirSync(folder);
      acknowledged = [];
    }
    const place = { folder, inputFolder, seed: SEED * 1000 + figures.kills };
    const added = await writeAndKill(
      { ...place, module: MODULE, workload: workload.name },
      random(LIFE_MS_MAX),
    );
    acknowledged.push(...added);
    figures.acknowledged += added.length;
    const inspection = await workload.inspect(place, acknowledged);
    if (isDamaged(inspection)) figures.damaged++;
    if (workload.kind === 'control') continue;
    assert.deepEqual(
      { ...inspection, whole: 0 },
      { lost: [], torn: [], incomplete: [], foreign: [], whole: 0 },
    );
    if ((figures.kills + 1) % KILLS_PER_FOLDER === 0) {
      assert.deepEqual(await workload.recover?.(place), [], 'the next writer and a full verify');
    }
  }
  return figures;
}

async function writeAndKill(
  options: ConstructorParameters<typeof StartedWriter>[0],
  lifeMs: number,
): Promise<readonly string[]> {
  const writer = new StartedWriter(options);
  try {
    await writer.started;
    await pause(lifeMs);
    assert.equal(writer.failure, undefined, 'the writer failed by itself');
  } finally {
    await writer.kill();
  }
  return await writer.kill();
}

describe('a writing process that is killed with SIGKILL at a random moment', () => {
  for (const workload of workloads.filter(({ kind }) => kind === 'writer')) {
    test(`leaves whole files only, and all that it acknowledged: ${workload.name}`, async (context) => {
      const { kills, acknowledged } = await killAgainAndAgain(workload, context, KILLS, false);
      context.diagnostic(`${kills} kills, ${acknowledged} backups acknowledged, none lost, no name torn`);
      assert.ok(acknowledged > 0);
    });
  }

  test('is seen to tear files if it writes them under their final names (control)', async (context) => {
    const naive = workloads.find(({ name }) => name === 'naive') ?? assert.fail();
    const { kills, damaged } = await killAgainAndAgain(naive, context, 100, true);
    context.diagnostic(`caught after ${kills} kills`);
    assert.equal(damaged, 1);
  });
});
