import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { attestationExtras } from '../archive/attestation.js';
import { parseMetadataFile, serializeMetadataEntry } from '../archive/metadata-entry.js';
import { CommandAdapterWriterStorage } from '../storage/command-adapter-writer.js';
import { localFolderCommands } from '../storage/local-folder-commands.test.support.js';
import { LocalFsWriterStorage } from '../storage/local-fs-writer.js';
import { rewriteArchive } from '../test-support/rewrite-archive.js';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { codesOf, names, verifyFolder } from '../test-support/verify-folder.js';
import { generateLedger, SeededRandom, writeReferenceArchive } from '../testing/index.js';
import { LEDGER_FAMILIES } from '../types/ledger-family.js';
import { parseWaypoint } from '../types/waypoint.js';
import { verifyArchive } from './verify-archive.js';

describe('an archive that carries sizes and digests', () => {
  const atTheEnd = { after: (hook: unknown) => after(hook as () => void) };
  const source = temporaryFolder(atTheEnd);
  const root = temporaryFolder(atTheEnd);
  let waypoint = '';

  before(async () => {
    const ledger = generateLedger({ seed: 'attested', epochs: 3, transactions: 24, stateItems: 20 });
    const written = await writeReferenceArchive(ledger, source, { maxChunkSize: 8000, transactionBatch: 12 });
    waypoint = written.genesisWaypoint;
    const storage = await LocalFsWriterStorage.open(root, { owner: 'test' });
    await rewriteArchive(source, storage);
    await storage.close();
  });

  const verify = () => verifyFolder(root, waypoint);
  const filesIn = (folder: string): string[] =>
    readdirSync(path.join(root, folder)).map((name) => `${folder}/${name}`);
  const original = (handle: string): Buffer => readFileSync(path.join(root, handle));

  /** Changes files, verifies, and puts the files back. */
  async function verifyWith(handle: string, bytes: Uint8Array | undefined) {
    const was = original(handle);
    if (bytes === undefined) rmSync(path.join(root, handle));
    else writeFileSync(path.join(root, handle), bytes);
    try {
      return await verify();
    } finally {
      writeFileSync(path.join(root, handle), was);
    }
  }

  it('is proven with no file unattested, where the one of the reference has them all', async () => {
    const report = await verify();
    assert.deepEqual(report.findings, []);
    assert.equal(report.outcome, 'proven');
    assert.equal(report.checked.unattestedFiles, 0);
    const before = await verifyFolder(source, waypoint);
    assert.equal(before.checked.unattestedFiles, before.checked.files + before.checked.manifests);
    assert.deepEqual([before.checked.files, before.proven], [report.checked.files, report.proven]);
  });

  it('names the very file when any byte of any data or proof file is altered', async () => {
    const random = SeededRandom.fromSeed('flips');
    const folders = readdirSync(root).filter((name) => !name.startsWith('.') && name !== 'metadata');
    for (const handle of folders.flatMap(filesIn)) {
      const bytes = original(handle);
      bytes[random.int(0, bytes.length - 1)] = random.int(0, 255);
      if (bytes.equals(original(handle))) continue;
      const report = await verifyWith(handle, bytes);
      assert.equal(report.outcome, 'findings', handle);
      assert.ok(
        report.findings.some((finding) => names(finding, handle)),
        handle,
      );
    }
  });

  it('finds meaningless white space in a manifest, since it is not the one that was written', async () => {
    const [folder = ''] = readdirSync(root).filter((name) => name.startsWith('transaction_0'));
    const handle = `${folder}/transaction.manifest`;
    const report = await verifyWith(handle, Buffer.from(`${original(handle)}\n`));
    assert.deepEqual(codesOf(report), ['ATTESTATION_MISMATCH']);
    assert.equal(report.findings[0]?.file, handle);
    assert.equal(report.findings[0]?.otherFiles?.length, 2, 'entry and side file agree against it');
  });

  it('finds every altered bit of the attestation in a metadata entry', async () => {
    const [handle = ''] = filesIn('metadata').filter((name) => name.includes('state_snapshot'));
    const bytes = original(handle);
    const start = bytes.indexOf('"holdfast"');
    assert.ok(start > 0);
    const random = SeededRandom.fromSeed('bits');
    for (let offset = start; offset < bytes.length - 1; offset++) {
      const altered = Buffer.from(bytes);
      altered[offset] = (altered[offset] ?? 0) ^ (1 << random.int(0, 7));
      const report = await verifyWith(handle, altered);
      const isCaseOfHex = altered.toString().toLowerCase() === bytes.toString().toLowerCase();
      if (isCaseOfHex && report.outcome === 'proven') continue;
      assert.equal(report.outcome, 'findings', `byte ${offset}: ${altered}`);
      assert.ok(
        report.findings.some((finding) => names(finding, handle)),
        `byte ${offset}`,
      );
    }
  });

  it('blames the entry or the side file that lies alone, not the manifest', async () => {
    const [entry = ''] = filesIn('metadata').filter((name) => name.includes('state_snapshot'));
    const parsed = parseMetadataFile(original(entry), entry).entries[0]?.entry;
    assert.ok(parsed?.kind === 'StateSnapshotBackup');
    const lie = attestationExtras({ manifest: { size: 5n, sha256: new Uint8Array(32) } });
    const lying = await verifyWith(
      entry,
      Buffer.from(`${serializeMetadataEntry({ ...parsed, extras: lie })}\n`),
    );
    assert.deepEqual(codesOf(lying), ['ATTESTATION_MISMATCH']);
    assert.equal(lying.findings[0]?.file, entry);

    const [side = ''] = filesIn('.holdfast/attestations').filter((name) => name.includes('state_epoch'));
    const text = original(side)
      .toString()
      .replace(/"size":\d+/, '"size":1');
    const report = await verifyWith(side, Buffer.from(text));
    assert.deepEqual(codesOf(report), ['ATTESTATION_MISMATCH']);
    assert.equal(report.findings[0]?.file, side);
  });

  it('stays attested by its side file when a compaction drops the field of the entry', async () => {
    const [entry = ''] = filesIn('metadata').filter((name) => name.includes('state_snapshot'));
    const parsed = parseMetadataFile(original(entry), entry).entries[0]?.entry;
    assert.ok(parsed?.kind === 'StateSnapshotBackup');
    const { extras: _, ...bare } = parsed;
    const compacted = `metadata/state_snapshot_compacted_epoch_${parsed.epoch}_${parsed.epoch}.meta`;
    const was = original(entry);
    rmSync(path.join(root, entry));
    writeFileSync(path.join(root, compacted), `${serializeMetadataEntry(bare)}\n`);
    const report = await verify();
    rmSync(path.join(root, compacted));
    writeFileSync(path.join(root, entry), was);
    assert.deepEqual(report.findings, []);
    assert.equal(report.checked.unattestedFiles, 0);
  });

  it('counts a manifest as attested by its entry alone when the side file is gone', async () => {
    const [side = ''] = filesIn('.holdfast/attestations');
    const report = await verifyWith(side, undefined);
    assert.equal(report.outcome, 'proven');
    assert.equal(report.checked.unattestedFiles, 0);
  });

  it('names a side file that is torn, empty or about another manifest', async () => {
    const [side = '', other = ''] = filesIn('.holdfast/attestations');
    for (const bytes of [original(side).subarray(0, 40), Buffer.alloc(0), original(other)]) {
      const report = await verifyWith(side, bytes);
      assert.deepEqual(codesOf(report), ['ATTESTATION_UNREADABLE']);
      assert.equal(report.findings[0]?.file, side);
    }
  });

  it('is as well attested behind commands that compress every file', async (context) => {
    const folder = temporaryFolder(context);
    const storage = new CommandAdapterWriterStorage(localFolderCommands(folder), { verifyWrites: true });
    await rewriteArchive(source, storage);
    const report = await verifyArchive({
      storage,
      family: LEDGER_FAMILIES.aptos,
      trustedWaypoints: [parseWaypoint(waypoint)],
      allStateSnapshots: true,
    });
    await storage.close();
    assert.deepEqual(report.findings, []);
    assert.equal(report.checked.unattestedFiles, 0);
    // The same folder, read as it is: the digests are of the content.
    const local = await verifyFolder(folder, waypoint);
    assert.equal(local.outcome, 'proven');
    assert.equal(local.checked.unattestedFiles, 0);
  });
});
