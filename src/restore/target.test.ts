import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { NodeFileSystem } from '../durable-fs/node-file-system.js';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { publishDatabase } from './publish-database.js';
import { someArguments, someIdentity, someReceipt } from './restore-identity.test.support.js';
import { RestoreJournal } from './restore-journal.js';
import { inspectTarget, requireSameRestore } from './target.js';

function targetFolder(t: TestContext): { readonly folder: string; readonly fileSystem: NodeFileSystem } {
  const folder = temporaryFolder(t);
  return { folder, fileSystem: new NodeFileSystem(folder) };
}

async function restored(folder: string, fileSystem: NodeFileSystem): Promise<void> {
  const journal = await RestoreJournal.begin(fileSystem, someIdentity());
  for (const name of ['ledger_db', 'state_kv_db', 'state_merkle_db']) {
    mkdirSync(path.join(folder, '.holdfast-restore', 'db', name), { recursive: true });
  }
  await journal.beginPublishing(someReceipt());
  await publishDatabase(fileSystem, journal);
}

describe('the target of a restore', () => {
  it('may be missing or empty, or hold what a fresh disk holds', async (t) => {
    const { folder, fileSystem } = targetFolder(t);
    assert.equal((await inspectTarget(new NodeFileSystem(path.join(folder, 'none')))).kind, 'missing');
    mkdirSync(path.join(folder, 'lost+found'));
    assert.deepEqual(await inspectTarget(fileSystem), { kind: 'empty' });
    // A run that was cut off before it wrote its journal.
    mkdirSync(path.join(folder, '.holdfast-restore'));
    writeFileSync(path.join(folder, '.holdfast-restore', 'journal.json.next'), '{"pha');
    assert.deepEqual(await inspectTarget(fileSystem), { kind: 'empty' });
  });

  it('may hold an unfinished restore, whose journal says how far it is', async (t) => {
    const { fileSystem } = targetFolder(t);
    const journal = await RestoreJournal.begin(fileSystem, someIdentity());
    await journal.save({ step: 'values', items: 12 });
    const state = await inspectTarget(fileSystem);
    assert.equal(state.kind, 'unfinished');
    assert.deepEqual(state.journal, {
      phase: 'restoring',
      identity: someIdentity(),
      progress: { step: 'values', items: 12 },
    });
  });

  it('is empty where a restore ended before anything of it counted', async (t) => {
    const { folder, fileSystem } = targetFolder(t);
    const journal = await RestoreJournal.begin(fileSystem, someIdentity());
    assert.deepEqual(await inspectTarget(fileSystem), { kind: 'empty' });
    await journal.save({ step: 'state' });
    assert.deepEqual(await inspectTarget(fileSystem), { kind: 'empty' });
    // Transactions count by the markers in the database, of which the journal says nothing.
    for (const progress of [{ step: 'history' }, { step: 'tail' }, { step: 'state', snapshot: {} }]) {
      await journal.save(progress);
      assert.equal((await inspectTarget(fileSystem)).kind, 'unfinished', JSON.stringify(progress));
    }
    mkdirSync(path.join(folder, 'elsewhere'));
    const { choice } = someIdentity();
    const base = { version: '290', rootHash: 'ef'.repeat(32) };
    const elsewhere = new NodeFileSystem(path.join(folder, 'elsewhere'));
    const behindValues = await RestoreJournal.begin(elsewhere, someIdentity({ choice: { ...choice, base } }));
    await behindValues.save({ step: 'values' });
    assert.equal((await inspectTarget(elsewhere)).kind, 'empty');
    await behindValues.save({ step: 'state' });
    assert.equal((await inspectTarget(elsewhere)).kind, 'unfinished');
  });

  it('may hold a finished restore, and whatever a node put beside it since', async (t) => {
    const { folder, fileSystem } = targetFolder(t);
    await restored(folder, fileSystem);
    mkdirSync(path.join(folder, 'hot_state_kv_db'));
    assert.deepEqual(await inspectTarget(fileSystem), { kind: 'done', receipt: someReceipt() });
  });

  it('is refused with a database that is not ours, and untouched', async (t) => {
    const { folder, fileSystem } = targetFolder(t);
    mkdirSync(path.join(folder, 'ledger_db'));
    await assert.rejects(inspectTarget(fileSystem), { code: 'RESTORE_TARGET_HAS_DATABASE' });
    assert.deepEqual(readdirSync(folder), ['ledger_db']);
  });

  it('is refused with a database that appeared while a restore was unfinished', async (t) => {
    const { folder, fileSystem } = targetFolder(t);
    await RestoreJournal.begin(fileSystem, someIdentity());
    mkdirSync(path.join(folder, 'ledger_db'));
    await assert.rejects(inspectTarget(fileSystem), { code: 'RESTORE_TARGET_HAS_DATABASE' });
  });

  it('is refused with anything else in it, which is named', async (t) => {
    const { folder, fileSystem } = targetFolder(t);
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) writeFileSync(path.join(folder, name), '');
    await assert.rejects(inspectTarget(fileSystem), {
      code: 'RESTORE_TARGET_NOT_EMPTY',
      message: 'the target is not empty: it holds a, b, c, d, e and 2 more',
    });
  });

  it('is refused where its database is gone', async (t) => {
    const { folder, fileSystem } = targetFolder(t);
    await restored(folder, fileSystem);
    for (const name of ['ledger_db', 'state_kv_db', 'state_merkle_db']) await fileSystem.rmdir(name);
    await assert.rejects(inspectTarget(fileSystem), { code: 'RESTORE_TARGET_NOT_EMPTY' });
    mkdirSync(path.join(folder, 'state_kv_db'));
    await assert.rejects(inspectTarget(fileSystem), { code: 'RESTORE_TARGET_HAS_DATABASE' });
  });

  it('is refused where it is a file', async (t) => {
    const { folder } = targetFolder(t);
    writeFileSync(path.join(folder, 'file'), '');
    const fileSystem = new NodeFileSystem(path.join(folder, 'file'));
    await assert.rejects(inspectTarget(fileSystem), { code: 'RESTORE_TARGET_UNREADABLE' });
  });

  for (const [what, text] of [
    ['empty', ''],
    ['torn', '{"phase":"restoring","identity":{'],
    ['of a phase that is not known', JSON.stringify({ phase: 'dreaming', identity: someIdentity() })],
    ['without an identity', JSON.stringify({ phase: 'restoring', progress: {} })],
  ] as const) {
    it(`is refused with a journal that is ${what}`, async (t) => {
      const { folder, fileSystem } = targetFolder(t);
      mkdirSync(path.join(folder, '.holdfast-restore'));
      writeFileSync(path.join(folder, '.holdfast-restore', 'journal.json'), text);
      await assert.rejects(inspectTarget(fileSystem), { code: 'RESTORE_JOURNAL_UNREADABLE' });
    });
  }
});

describe('the same restore', () => {
  it('is one with the same arguments and of the same archive, wherever a copy of that is', () => {
    const { arguments: given, archive } = someIdentity();
    requireSameRestore(someIdentity(), { arguments: given, archive: { ...archive, place: 'a copy' } });
    requireSameRestore(someIdentity(), {
      arguments: given,
      archive: { ...archive, ids: [...archive.ids, 'ff'] },
    });
    requireSameRestore(someIdentity(), { arguments: given, archive: { ids: [], place: 'without identity' } });
  });

  it('is not one of another chain', () => {
    const { arguments: given, archive } = someIdentity();
    const other = { ...archive, genesisWaypoint: `0:${'00'.repeat(32)}` };
    assert.throws(() => requireSameRestore(someIdentity(), { arguments: given, archive: other }), {
      code: 'RESTORE_TARGET_OTHER_CHAIN',
    });
  });

  it('is not one of another archive', () => {
    const { arguments: given, archive } = someIdentity();
    assert.throws(
      () => requireSameRestore(someIdentity(), { arguments: given, archive: { ...archive, ids: ['00'] } }),
      { code: 'RESTORE_TARGET_OTHER_RESTORE' },
    );
  });

  it('is not one with other arguments, and each is named', () => {
    const { archive } = someIdentity();
    const other = someArguments({ targetVersion: '400', replayAll: true });
    assert.throws(() => requireSameRestore(someIdentity(), { arguments: other, archive }), {
      code: 'RESTORE_TARGET_OTHER_RESTORE',
      message:
        'the target was begun with other arguments: --target-version was not given, is 400, ' +
        '--replay-all was not given, is given',
    });
  });
});
