import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { FileSystem } from '../durable-fs/file-system.js';
import { FaultFileSystem } from '../durable-fs/fault-file-system.js';
import { CommandAdapterWriterStorage } from '../storage/command-adapter-writer.js';
import { localFolderCommands } from '../storage/local-folder-commands.test.support.js';
import { LocalFsWriterStorage } from '../storage/local-fs-writer.js';
import { fixturePath, withoutFixture } from '../test-support/fixtures.js';
import { temporaryCopy, temporaryFolder } from '../test-support/temporary-folder.js';
import { codesOf, verifyFolder } from '../test-support/verify-folder.js';
import { generateLedger, writeReferenceArchive } from '../testing/index.js';
import { LEDGER_FAMILIES } from '../types/ledger-family.js';
import { parseWaypoint } from '../types/waypoint.js';
import { adoptArchive } from './adopt.js';

async function generated(context: TestContext) {
  const folder = temporaryFolder(context);
  const ledger = generateLedger({ seed: 'adopt', epochs: 2, transactions: 30, stateItems: 15 });
  const { genesisWaypoint } = await writeReferenceArchive(ledger, folder, {
    maxChunkSize: 9000,
    gzip: 'mixed',
    transactionBatch: 10,
  });
  return { folder, waypoint: genesisWaypoint };
}

async function adopt(folder: string, waypoint: string, wrap?: (inner: FileSystem) => FileSystem) {
  const storage = await LocalFsWriterStorage.open(folder, {
    owner: 'test',
    role: 'maintenance',
    ...(wrap === undefined ? {} : { wrapFileSystem: wrap }),
  });
  try {
    const trustedWaypoints = [parseWaypoint(waypoint)];
    return await adoptArchive({ storage, family: LEDGER_FAMILIES.aptos, trustedWaypoints });
  } finally {
    await storage.close().catch(() => undefined);
  }
}

/** Every file of the reference with its digest. */
function digests(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => !path.relative(folder, file).startsWith('.holdfast'))
    .sort()
    .map((file) => `${file} ${createHash('sha256').update(readFileSync(file)).digest('hex')}`);
}

describe('adopting an archive', () => {
  test('attests every file beside it, touches nothing, and does nothing the second time', async (context) => {
    const { folder, waypoint } = await generated(context);
    const before = digests(folder);
    const plain = await verifyFolder(folder, waypoint);
    const first = await adopt(folder, waypoint);
    assert.equal(first.filesAttested, plain.checked.unattestedFiles);
    assert.equal(first.adopted, plain.checked.manifests);
    assert.deepEqual(digests(folder), before);
    const after = await verifyFolder(folder, waypoint);
    assert.deepEqual([after.outcome, after.checked.unattestedFiles], ['proven', 0]);
    const second = await adopt(folder, waypoint);
    assert.deepEqual(
      [second.adopted, second.alreadyAdopted, second.filesAttested],
      [0, plain.checked.manifests, 0],
    );
  });

  test('makes damage visible that no proof can see', async (context) => {
    const { folder, waypoint } = await generated(context);
    await adopt(folder, waypoint);
    const [backup = ''] = readdirSync(folder).filter((name) => name.startsWith('transaction_0-'));
    const manifest = path.join(folder, backup, 'transaction.manifest');
    const bytes = readFileSync(manifest);
    if (bytes[0] === 0x7b) writeFileSync(manifest, `${bytes} `);
    else writeFileSync(manifest, Buffer.from('{}'));
    const report = await verifyFolder(folder, waypoint);
    assert.notEqual(report.outcome, 'proven');
    assert.ok(
      codesOf(report).some((code) => code === 'ATTESTATION_MISMATCH' || code === 'MANIFEST_UNREADABLE'),
    );
  });

  test('writes nothing when anything is not proven', async (context) => {
    const { folder, waypoint } = await generated(context);
    const [backup = ''] = readdirSync(folder).filter((name) => name.startsWith('transaction_0-'));
    const [chunk = ''] = readdirSync(path.join(folder, backup)).filter((name) => name.endsWith('.proof'));
    writeFileSync(path.join(folder, backup, chunk), 'damaged');
    const report = await adopt(folder, waypoint);
    assert.equal(report.verification.outcome, 'findings');
    assert.equal(report.adopted, 0);
    assert.ok(!existsSync(path.join(folder, '.holdfast', 'attestations')));
  });

  test('stopped at any call goes on when it is started again', async (context) => {
    const { folder, waypoint } = await generated(context);
    const before = digests(folder);
    let faults: FaultFileSystem | undefined;
    for (let nth = 0; nth < 200; nth += 7) {
      await adopt(folder, waypoint, (inner) => {
        faults = new FaultFileSystem(inner, [{ nth, effect: { type: 'death' } }]);
        return faults;
      }).catch(() => undefined);
      assert.deepEqual(digests(folder), before);
      const report = await verifyFolder(folder, waypoint);
      assert.deepEqual(report.findings, [], `stopped at call ${nth}`);
      if (report.checked.unattestedFiles === 0) break;
    }
    await adopt(folder, waypoint);
    assert.equal((await verifyFolder(folder, waypoint)).checked.unattestedFiles, 0);
  });

  test('works beside a live writer', async (context) => {
    const { folder, waypoint } = await generated(context);
    const writer = await LocalFsWriterStorage.open(folder, { owner: 'writer' });
    assert.ok((await adopt(folder, waypoint)).adopted > 0);
    await writer.close();
  });

  test('is refused where there is no place for side files', async (context) => {
    const storage = new CommandAdapterWriterStorage(localFolderCommands(temporaryFolder(context)));
    const work = adoptArchive({ storage, family: LEDGER_FAMILIES.aptos });
    await assert.rejects(work, { code: 'OPERATION_UNSUPPORTED' });
  });

  test('that the reference wrote leaves it byte for byte', {
    skip: withoutFixture('reference-ledger', 'archive'),
  }, async (context) => {
    const folder = await temporaryCopy(context, fixturePath('reference-ledger', 'archive'));
    const waypoint = '0:cda249717441d5a732df74ffe644ccce8e371a64529859bed5699abf258547df';
    const before = digests(folder);
    const { verification, adopted } = await adopt(folder, waypoint);
    assert.deepEqual(verification.findings, []);
    assert.ok(adopted >= 5);
    assert.deepEqual(digests(folder), before);
    const after = await verifyFolder(folder, waypoint);
    assert.deepEqual([after.outcome, after.checked.unattestedFiles], ['proven', 0]);
  });
});
