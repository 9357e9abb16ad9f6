import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { LocalFsStorage } from '../storage/local-fs.js';
import { LocalFsWriterStorage } from '../storage/local-fs-writer.js';
import { LocalMaintenance } from '../storage/local-maintenance.js';
import { fixturePath, withoutFixture } from '../test-support/fixtures.js';
import { temporaryCopy, temporaryFolder } from '../test-support/temporary-folder.js';
import { generateLedger, writeReferenceArchive } from '../testing/index.js';
import { type CleanupReport, cleanUp } from './cleanup.js';

const OLD = new Date('2020-01-01');

/** Makes everything below a folder old. */
function age(folder: string): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    utimesSync(path.join(entry.parentPath, entry.name), OLD, OLD);
  }
  utimesSync(folder, OLD, OLD);
}

async function generated(context: TestContext): Promise<string> {
  const folder = temporaryFolder(context);
  const ledger = generateLedger({ seed: 'cleanup', epochs: 2, transactions: 20, stateItems: 10 });
  await writeReferenceArchive(ledger, folder);
  age(folder);
  return folder;
}

async function run(folder: string, apply: boolean): Promise<CleanupReport> {
  const maintenance = new LocalMaintenance(folder);
  try {
    return await cleanUp({ storage: new LocalFsStorage(folder), maintenance, apply, owner: 'test' });
  } finally {
    await maintenance.close();
  }
}

/** What an interrupted backup leaves: some files and no manifest, or a torn one. */
function interrupted(folder: string, name: string, manifest?: string): void {
  mkdirSync(path.join(folder, name));
  writeFileSync(path.join(folder, name, '0-.chunk'), 'some records');
  writeFileSync(path.join(folder, name, '0-9.proof'), '');
  if (manifest !== undefined) writeFileSync(path.join(folder, name, 'transaction.manifest'), manifest);
  age(path.join(folder, name));
}

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .filter((file) => !file.startsWith('.holdfast'))
    .sort();

const outcomes = ({ items }: CleanupReport): string[] =>
  items.map(({ path: name, action, reason }) => `${name} ${action}${reason ? ` ${reason}` : ''}`);

describe('clean-up', () => {
  test('finds nothing in a whole archive, and writes nothing while looking', async (context) => {
    const folder = await generated(context);
    const report = await run(folder, false);
    assert.deepEqual([report.items, report.blocked], [[], []]);
    assert.ok(!existsSync(path.join(folder, '.holdfast')));
  });

  test('lists old folders without a whole manifest, and removes them only with apply', async (context) => {
    const folder = await generated(context);
    const before = filesBelow(folder);
    interrupted(folder, 'transaction_500-.0a1b');
    interrupted(folder, 'transaction_600-.0a1b', '{"first_version":600,');
    interrupted(folder, 'state_epoch_9_ver_900.ffff', '');
    const named = ['state_epoch_9_ver_900.ffff', 'transaction_500-.0a1b', 'transaction_600-.0a1b'];
    const listed = await run(folder, false);
    assert.deepEqual(
      outcomes(listed),
      named.map((name) => `${name} would-remove`),
    );
    assert.ok(!listed.applied && !existsSync(path.join(folder, '.holdfast')));
    const applied = await run(folder, true);
    assert.deepEqual(
      outcomes(applied),
      named.map((name) => `${name} removed`),
    );
    assert.deepEqual(filesBelow(folder), before);
    assert.deepEqual((await run(folder, true)).items, []);
  });

  test('keeps what is young, foreign, or a whole backup that nothing names', async (context) => {
    const folder = await generated(context);
    interrupted(folder, 'transaction_500-.0a1b');
    writeFileSync(path.join(folder, 'transaction_500-.0a1b', '10-.chunk'), 'a moment ago');
    mkdirSync(path.join(folder, 'my-notes'));
    writeFileSync(path.join(folder, 'my-notes', 'todo.txt'), 'precious');
    interrupted(folder, 'transaction_600-.0a1b');
    writeFileSync(path.join(folder, 'transaction_600-.0a1b', 'readme.txt'), 'precious, too');
    interrupted(folder, 'transaction_700-.0a1b');
    mkdirSync(path.join(folder, 'transaction_700-.0a1b', 'deeper'));
    rmSync(
      path.join(
        folder,
        'metadata',
        readdirSync(path.join(folder, 'metadata')).find((name) => name.startsWith('transaction')) ?? '',
      ),
    );
    age(path.join(folder, 'my-notes'));
    age(path.join(folder, 'transaction_600-.0a1b'));
    age(path.join(folder, 'transaction_700-.0a1b'));
    const before = filesBelow(folder);
    const report = await run(folder, true);
    assert.deepEqual(
      outcomes(report).map((line) => line.replace(/^transaction_0-\.[0-9a-f]{4}/, 'whole')),
      [
        'my-notes kept foreign',
        'whole kept unlisted-backup',
        'transaction_500-.0a1b kept recent',
        'transaction_600-.0a1b kept foreign',
        'transaction_700-.0a1b kept foreign',
      ],
    );
    assert.deepEqual(filesBelow(folder), before);
  });

  test('keeps what only metadata that was moved away still names', async (context) => {
    const folder = await generated(context);
    cpSync(path.join(folder, 'metadata'), path.join(folder, 'metadata_backup'), { recursive: true });
    for (const name of readdirSync(folder).filter((each) => each.startsWith('transaction_'))) {
      rmSync(path.join(folder, name, 'transaction.manifest'));
      age(path.join(folder, name));
    }
    for (const name of readdirSync(path.join(folder, 'metadata'))) {
      if (name.startsWith('transaction')) rmSync(path.join(folder, 'metadata', name));
    }
    assert.deepEqual((await run(folder, true)).items, []);
  });

  for (const [what, content] of [
    ['empty', ''],
    ['torn', '{"TransactionBackup":{"first_ver'],
    ['zeroed', '\0\0\0\0'],
  ] as const) {
    test(`removes nothing at all while a metadata entry is ${what}`, async (context) => {
      const folder = await generated(context);
      interrupted(folder, 'transaction_500-.0a1b');
      writeFileSync(path.join(folder, 'metadata', 'transaction_500-509.meta'), content);
      mkdirSync(path.join(folder, '.holdfast', 'staging'), { recursive: true });
      writeFileSync(
        path.join(folder, '.holdfast', 'staging', '6f1c1f8e-0000-4000-8000-000000000000-1.0'),
        'x',
      );
      const before = filesBelow(folder);
      const report = await run(folder, true);
      assert.equal(report.applied, false);
      assert.deepEqual(
        report.blocked.map(({ file }) => file),
        ['metadata/transaction_500-509.meta'],
      );
      assert.ok(outcomes(report).every((line) => !line.endsWith('removed')));
      assert.deepEqual(filesBelow(folder), before);
      assert.equal(readdirSync(path.join(folder, '.holdfast', 'staging')).length, 1);
    });
  }

  test('removes nothing while a listed manifest cannot be read', async (context) => {
    const folder = await generated(context);
    interrupted(folder, 'transaction_500-.0a1b');
    const [name = ''] = readdirSync(folder).filter((each) => each.startsWith('transaction_0-'));
    writeFileSync(path.join(folder, name, 'transaction.manifest'), '');
    const report = await run(folder, true);
    assert.equal(report.blocked[0]?.code, 'MANIFEST_UNREADABLE');
    assert.ok(existsSync(path.join(folder, 'transaction_500-.0a1b')));
    assert.ok(existsSync(path.join(folder, name)));
  });

  test('leaves a live writer’s backup alone, however old it looks', async (context) => {
    const folder = await generated(context);
    const writer = await LocalFsWriterStorage.open(folder, { owner: 'test' });
    const backup = await writer.createBackup('transaction_500-.0a1b');
    const file = await writer.createForWrite(backup, '500-.chunk');
    await file.commit();
    const half = await writer.createForWrite(backup, '510-.chunk');
    await half.write(Buffer.from('half'));
    age(path.join(folder, backup));
    assert.deepEqual(outcomes(await run(folder, true)), ['transaction_500-.0a1b kept in-use']);
    await half.commit();
    await writer.close();
    age(path.join(folder, backup));
    assert.deepEqual(outcomes(await run(folder, true)), ['transaction_500-.0a1b removed']);
  });

  test('and a writer that meet over a folder: the later one is told so', async (context) => {
    const folder = await generated(context);
    interrupted(folder, 'transaction_500-.0a1b');
    const writer = await LocalFsWriterStorage.open(folder, { owner: 'test' });
    const maintenance = new LocalMaintenance(folder);
    await maintenance.beginRemoving('clean-up');
    const outcome = await maintenance.removeFolder('transaction_500-.0a1b', async () => {
      await assert.rejects(writer.createBackup('transaction_500-.0a1b'), { code: 'BACKUP_BUSY' });
      return true;
    });
    assert.equal(outcome, 'removed');
    await writer.createBackup('transaction_500-.0a1b');
    await maintenance.close();
    await writer.close();
  });

  test('keeps a folder whose last state is not the one that was judged', async (context) => {
    const folder = await generated(context);
    interrupted(folder, 'transaction_500-.0a1b');
    const storage = new LocalFsStorage(folder);
    // A writer without a lock lists a backup right after the metadata was read.
    let listings = 0;
    const list = storage.listMetadataFiles.bind(storage);
    storage.listMetadataFiles = async (options) => {
      if (++listings === 2) writeFileSync(path.join(folder, 'metadata', 'transaction_500-509.meta'), '{}');
      return await list(options);
    };
    const maintenance = new LocalMaintenance(folder);
    const report = await cleanUp({ storage, maintenance, apply: true, owner: 'test' });
    await maintenance.close();
    assert.deepEqual(outcomes(report), ['transaction_500-.0a1b kept changed']);
  });

  test('removes staging of dead writers and side files of backups that are gone', async (context) => {
    const folder = await generated(context);
    const own = path.join(folder, '.holdfast');
    mkdirSync(path.join(own, 'staging'), { recursive: true });
    mkdirSync(path.join(own, 'attestations'));
    const staged = '6f1c1f8e-0000-4000-8000-000000000000-1.0';
    writeFileSync(path.join(own, 'staging', staged), 'half');
    const [kept = ''] = readdirSync(folder).filter((name) => name.startsWith('transaction_0-'));
    writeFileSync(path.join(own, 'attestations', `${kept}~transaction.manifest`), '{}');
    writeFileSync(path.join(own, 'attestations', 'transaction_9-.0a1b~transaction.manifest'), '{}');
    age(own);
    assert.deepEqual(outcomes(await run(folder, true)), [
      `.holdfast/staging/${staged} removed`,
      '.holdfast/attestations/transaction_9-.0a1b~transaction.manifest removed',
    ]);
    assert.deepEqual(readdirSync(path.join(own, 'staging')), []);
    assert.deepEqual(readdirSync(path.join(own, 'attestations')), [`${kept}~transaction.manifest`]);
  });
});

for (const name of ['ext4-a', 'ext4-b']) {
  test(`what a power cut left (${name}) blocks clean-up, and stays`, {
    skip: withoutFixture('archives-after-a-power-cut', name),
  }, async (context) => {
    const folder = await temporaryCopy(context, fixturePath('archives-after-a-power-cut', name));
    age(folder);
    const before = filesBelow(folder).map(
      (file) => `${file} ${readFileSync(path.join(folder, file)).length}`,
    );
    const report = await run(folder, true);
    assert.equal(report.applied, false);
    assert.ok(report.blocked.some(({ code }) => code === 'METADATA_EMPTY'));
    const after = filesBelow(folder).map((file) => `${file} ${readFileSync(path.join(folder, file)).length}`);
    assert.deepEqual(after, before);
  });
}
