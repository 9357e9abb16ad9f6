import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { memoryFolder } from '../test-support/memory-folder.js';
import { proveInto, type RestoreIntoOptions, restoreInto } from '../test-support/restore-into.js';
import { temporaryCopy } from '../test-support/temporary-folder.js';
import { flipBit, generateLedger, writeReferenceArchive } from '../testing/index.js';
import { RestoreFindingError } from './restore-finding.js';

const ledger = generateLedger({ seed: 'detours', epochs: 4, transactions: 400, stateItems: 200 });
const LAST = 399n;

/** The options of each way that a hint names. */
function waysIn(hint: string): RestoreIntoOptions[] {
  const ways = hint.matchAll(
    /`((?:--replay-all )?--ledger-history-start-version (\d+)|--target-version (\d+))`/g,
  );
  return [...ways].map(([, flags = '', history, target]) => ({
    replayAll: flags.includes('--replay-all'),
    ...(history === undefined ? {} : { historyStartVersion: BigInt(history) }),
    ...(target === undefined ? {} : { targetVersion: BigInt(target) }),
  }));
}

describe('a damaged snapshot', () => {
  const folder = memoryFolder({ after });
  const sound = path.join(folder, 'archive');
  before(async () => {
    mkdirSync(sound);
    await writeReferenceArchive(ledger, sound, { maxChunkSize: 10_000, transactionBatch: 150 });
  });
  const snapshots = ledger.epochs.filter(({ ended }) => ended).map(({ lastVersion }) => lastVersion);
  const newest = snapshots.at(-1) ?? assert.fail();

  /** A copy of the archive with a damaged file in the last backup of the name. */
  async function damaged(t: TestContext, backupName: string, name: RegExp): Promise<string> {
    const archive = await temporaryCopy(t, sound);
    const backup = readdirSync(archive).findLast((each) => each.includes(backupName)) ?? assert.fail();
    const file = readdirSync(path.join(archive, backup))
      .filter((each) => name.test(each))
      .sort()
      .at(-1);
    await flipBit(path.join(archive, backup, file ?? assert.fail()), 300);
    return archive;
  }

  async function hintOf(restoring: Promise<unknown>): Promise<string> {
    const error = await restoring.then(
      () => assert.fail('it is restored'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof RestoreFindingError, String(error));
    return error.hint ?? '';
  }

  /** The last versions that all of the ways lead to, each in a folder of its own. */
  async function followed(archive: string, hint: string, request: RestoreIntoOptions = {}) {
    const dbs = memoryFolder({ after });
    const reports = [];
    for (const [index, way] of waysIn(hint).entries()) {
      reports.push(await restoreInto(path.join(dbs, `${index}`), archive, { ...request, ...way }));
    }
    return reports;
  }

  it('can be gone round as the error says, to the same versions or to earlier ones', async (t) => {
    const archive = await damaged(t, `_ver_${newest}.`, /\.chunk$/);
    const dbs = memoryFolder(t);
    const hint = await hintOf(restoreInto(path.join(dbs, 'stopped'), archive));
    const [whole, earlier, ...others] = await followed(archive, hint);
    assert.deepEqual([whole?.version, earlier?.version, others.length], [LAST, newest - 1n, 0], hint);
    const expected = await restoreInto(path.join(dbs, 'sound'), sound);
    assert.equal(whole?.stateRoot, expected.stateRoot);
    assert.equal(await hintOf(proveInto(archive)), hint);
  });

  it('is gone round with the history that was asked for', async (t) => {
    const archive = await damaged(t, `_ver_${newest}.`, /\.chunk$/);
    const request = { historyStartVersion: 5n };
    const hint = await hintOf(restoreInto(path.join(memoryFolder(t), 'stopped'), archive, request));
    const reports = await followed(archive, hint, request);
    assert.deepEqual(
      reports.map(({ version, firstVersion }) => [version, firstVersion]),
      [
        [LAST, 0n],
        [newest - 1n, 0n],
      ],
    );
  });

  it('is gone round where its manifest is damaged, or missing, before anything is written', async (t) => {
    const archive = await damaged(t, `_ver_${newest}.`, /\.manifest$/);
    const target = path.join(memoryFolder(t), 'db');
    const hint = await hintOf(restoreInto(target, archive));
    assert.equal(existsSync(target), false);
    assert.deepEqual(
      (await followed(archive, hint)).map(({ version }) => version),
      [LAST, newest - 1n],
    );
    const [backup = ''] = readdirSync(archive).filter((each) => each.includes(`_ver_${newest}.`));
    rmSync(path.join(archive, backup, 'state.manifest'));
    assert.deepEqual(waysIn(await hintOf(restoreInto(target, archive))), waysIn(hint));
  });

  it('at the beginning of the history is gone round with a longer one, or without', async (t) => {
    const older = snapshots.at(1) ?? assert.fail();
    const archive = await damaged(t, `_ver_${older}.`, /\.chunk$/);
    const request = { historyStartVersion: older + 1n };
    const hint = await hintOf(restoreInto(path.join(memoryFolder(t), 'stopped'), archive, request));
    const [whole, ...others] = await followed(archive, hint, request);
    assert.deepEqual([whole?.version, whole?.firstVersion, others.length], [LAST, 0n, 0], hint);
    assert.ok(
      hint.includes(`no \`--ledger-history-start-version\`: the history begins with version ${newest}`),
    );
    assert.equal((await restoreInto(path.join(memoryFolder(t), 'db'), archive)).version, LAST);
  });

  it('that is the only one is gone round from genesis on', async (t) => {
    const archive = await damaged(t, `_ver_${newest}.`, /\.chunk$/);
    for (const name of readdirSync(archive)) {
      if (name.startsWith('state_') && !name.includes(`_ver_${newest}.`)) {
        rmSync(path.join(archive, name), { recursive: true });
      }
    }
    for (const name of readdirSync(path.join(archive, 'metadata'))) {
      if (name.startsWith('state_snapshot_ver_') && name !== `state_snapshot_ver_${newest}.meta`) {
        rmSync(path.join(archive, 'metadata', name));
      }
    }
    const hint = await hintOf(restoreInto(path.join(memoryFolder(t), 'stopped'), archive));
    assert.match(hint, /replays all from genesis on/);
    assert.deepEqual(
      (await followed(archive, hint)).map(({ version }) => version),
      [LAST, newest - 1n],
    );
  });

  it('says nothing of the kind of other damage', async (t) => {
    const archive = await damaged(t, 'transaction_', /\.chunk$/);
    const hint = await hintOf(restoreInto(path.join(memoryFolder(t), 'stopped'), archive));
    assert.doesNotMatch(hint, /go round/);
  });
});
