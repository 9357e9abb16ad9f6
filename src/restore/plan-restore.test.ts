import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { LocalFsWriterStorage } from '../storage/local-fs-writer.js';
import { LocalFsStorage } from '../storage/local-fs.js';
import { fixturePath, withoutFixture } from '../test-support/fixtures.js';
import { rewriteArchive } from '../test-support/rewrite-archive.js';
import { temporaryCopy, temporaryFolder } from '../test-support/temporary-folder.js';
import {
  type GeneratedLedger,
  generateLedger,
  type ReferenceArchiveOptions,
  writeReferenceArchive,
} from '../testing/index.js';
import { LEDGER_FAMILIES } from '../types/ledger-family.js';
import { type Waypoint, parseWaypoint } from '../types/waypoint.js';
import { type PlannedRange, type RestorePlan, type RestoreRequest, refusals } from './plan.js';
import { firstVersionOf, type PlanOptions, planRestore } from './plan-restore.js';
import { requireFeasible } from './plan-refusal.js';

const family = LEDGER_FAMILIES.aptos;

async function planOf(
  folder: string,
  request: RestoreRequest = {},
  options: Partial<PlanOptions> & { readonly waypoints?: readonly Waypoint[] } = {},
): Promise<RestorePlan> {
  const storage = options.storage ?? new LocalFsStorage(folder);
  return await planRestore({ trustedWaypoints: [], ...options, storage, family, request });
}

const text = (range: PlannedRange | undefined): string | undefined => range && `${range.first}-${range.last}`;

/** The plan in few words. */
function inShort({ steps, epoch }: RestorePlan) {
  assert.ok(steps);
  const { kvSnapshot, treeSnapshot, saved, replayed, tail, transactions, version } = steps;
  const entries = transactions.map(({ entry }) => ({ first: entry.firstVersion, last: entry.lastVersion }));
  return {
    kv: kvSnapshot?.version,
    tree: treeSnapshot && `${treeSnapshot.mode} ${treeSnapshot.version}`,
    saved: text(saved),
    replayed: text(replayed),
    tail: text(tail),
    backups: entries.map(text).join(' '),
    version,
    epoch,
  };
}

const codes = (plan: RestorePlan): string[] => plan.remarks.map(({ code, level }) => `${level} ${code}`);
const refused = (plan: RestorePlan): string[] => refusals(plan).map(({ code }) => code);

const ANCHOR = 'warning TRUST_FROM_ARCHIVE';

describe('the plan for the reference ledger', { skip: withoutFixture('reference-ledger') }, () => {
  const archive = fixturePath('reference-ledger', 'archive');

  it('with all history takes the snapshots 0 and 490', async () => {
    const plan = await planOf(archive, { historyStartVersion: 0n });
    assert.deepEqual(inShort(plan), {
      kv: 0n,
      tree: 'tree_only 490',
      saved: '0-0',
      replayed: '1-490',
      tail: '491-580',
      backups: '0-289 290-580',
      version: 580n,
      epoch: 6n,
    });
    assert.equal(plan.endsEpoch, false);
    assert.deepEqual(codes(plan), [ANCHOR]);
    assert.equal(plan.estimate?.stateItems, 701n);
    assert.equal(plan.sizes.total.unknown, 0);
  });

  it('up to 400 takes the snapshots 0 and 310', async () => {
    const plan = await planOf(archive, { targetVersion: 400n, historyStartVersion: 0n });
    assert.deepEqual(inShort(plan), {
      kv: 0n,
      tree: 'tree_only 310',
      saved: '0-0',
      replayed: '1-310',
      tail: '311-400',
      backups: '0-289 290-580',
      version: 400n,
      epoch: 4n,
    });
  });

  it('up to 490 without history takes that snapshot and what its backup of transactions holds', async () => {
    const waypoint = 'cda249717441d5a732df74ffe644ccce8e371a64529859bed5699abf258547df';
    const trustedWaypoints = [parseWaypoint(`0:${waypoint}`)];
    const plan = await planOf(archive, { targetVersion: 490n }, { trustedWaypoints });
    assert.deepEqual(inShort(plan), {
      kv: undefined,
      tree: 'default 490',
      saved: '290-490',
      replayed: undefined,
      tail: undefined,
      backups: '290-580',
      version: 490n,
      epoch: 5n,
    });
    assert.equal(plan.endsEpoch, true);
    assert.deepEqual(codes(plan), []);
    assert.equal(plan.identity?.archive.genesisWaypoint, `0:${waypoint}`);
  });

  it('with all history and --replay-all uses no snapshot but the first', async () => {
    const plan = await planOf(archive, { historyStartVersion: 0n, replayAll: true });
    const { tree, saved, replayed, tail } = inShort(plan);
    assert.deepEqual([tree, saved, replayed, tail], ['default 0', '0-0', undefined, '1-580']);
  });

  it('without a snapshot at version 0 begins the history with nothing', async (t) => {
    const folder = await temporaryCopy(t, archive);
    rmSync(path.join(folder, 'metadata', 'state_snapshot_ver_0.meta'));
    rmSync(path.join(folder, 'state_epoch_0_ver_0.adc6'), { recursive: true });
    const plan = await planOf(folder, { historyStartVersion: 0n });
    const { kv, tree, saved, replayed, tail } = inShort(plan);
    assert.deepEqual(
      [kv, tree, saved, replayed, tail],
      [undefined, 'tree_only 490', undefined, '0-490', '491-580'],
    );
    assert.deepEqual(codes(plan), [ANCHOR, 'note HISTORY_STARTS_AT_GENESIS']);
    assert.equal(plan.identity?.choice.base, undefined);
    const all = await planOf(folder, { historyStartVersion: 0n, replayAll: true });
    assert.deepEqual([inShort(all).tree, inShort(all).tail], [undefined, '0-580']);
    const before = await planOf(folder, { targetVersion: 300n });
    assert.deepEqual([inShort(before).tree, inShort(before).tail], [undefined, '0-300']);
    assert.deepEqual(codes(before), [ANCHOR, 'note SNAPSHOT_MISSING']);
  });

  it('estimates the rows that the reference wrote within a tenth', async () => {
    const counts = [
      [{ historyStartVersion: 0n }, 15_035],
      [{ targetVersion: 400n, historyStartVersion: 0n }, 10_544],
      [{ targetVersion: 490n }, 4_271],
    ] as const;
    for (const [request, rows] of counts) {
      const { estimate } = await planOf(archive, request);
      assert.ok(Math.abs(Number(estimate?.rows) - rows) < rows / 10, `${estimate?.rows} for ${rows}`);
    }
  });
});

let ledgerOfAll: GeneratedLedger | undefined;

/** 5 epochs, 500 versions; transactions 0, 1-100, ..., 401-499. */
async function generated(t: TestContext, options: ReferenceArchiveOptions = {}) {
  const folder = temporaryFolder(t);
  ledgerOfAll ??= generateLedger({ seed: 'plan', epochs: 5, transactions: 500, stateItems: 60 });
  const ledger = ledgerOfAll;
  const written = await writeReferenceArchive(ledger, folder, {
    transactionBatch: 100,
    epochEndingBatch: 1,
    maxChunkSize: 30_000,
    ...options,
  });
  const snapshots = ledger.epochs.flatMap(({ snapshot }) => snapshot?.version ?? []).map(BigInt);
  const remove = (prefix: string): void => {
    const names = readdirSync(path.join(folder, 'metadata')).filter((name) => name.startsWith(prefix));
    assert.ok(names.length > 0, prefix);
    for (const name of names) {
      const file = path.join(folder, 'metadata', name);
      const entry = Object.values(JSON.parse(readFileSync(file, 'utf8')))[0] as { readonly manifest: string };
      rmSync(path.join(folder, path.dirname(entry.manifest)), { recursive: true });
      rmSync(file);
    }
  };
  return { ...written, folder, snapshots, remove };
}

/** The newest snapshot at or before a version. */
const newest = (snapshots: readonly bigint[], version: bigint): bigint => {
  const found = snapshots.findLast((snapshot) => snapshot <= version);
  assert.ok(found !== undefined);
  return found;
};

describe('the plan for an archive with gaps', () => {
  it('goes by without what it does not need, and says what is missing', async (t) => {
    const { folder, snapshots, remove } = await generated(t);
    remove('transaction_101-200');
    const last = newest(snapshots, 499n);
    assert.ok(last > 200n);
    const plan = await planOf(folder);
    assert.equal(plan.steps?.version, 499n);
    assert.equal(plan.steps?.treeSnapshot?.version, last);
    assert.deepEqual(codes(plan), ['warning VERSIONS_MISSING', ANCHOR]);
    assert.match(plan.remarks[0]?.message ?? '', /^versions 101 to 200 are missing/);
  });

  it('refuses to be silently older than the archive, and names the version that can be had', async (t) => {
    const { folder, snapshots, remove } = await generated(t);
    remove('transaction_401-');
    remove('transaction_201-300');
    const afterGap = snapshots.filter((version) => version > 300n && version <= 400n);
    const plan = await planOf(folder, { targetVersion: 300n });
    assert.deepEqual(refused(plan), ['VERSIONS_MISSING']);
    assert.equal(plan.steps?.version, 200n);
    assert.match(plan.remarks[0]?.message ?? '', /up to version 200 only: versions 201 to 300 are missing/);
    assert.match(plan.remarks[0]?.hint ?? '', /--target-version 200\.$/);
    assert.throws(() => requireFeasible(plan), { code: 'RESTORE_UNREACHABLE' });
    assert.deepEqual(refused(await planOf(folder, { targetVersion: 200n })), []);
    const newestPlan = await planOf(folder);
    assert.equal(newestPlan.steps?.version, afterGap.length > 0 ? 400n : 200n);
  });

  it('refuses a history that cannot begin where it was asked to', async (t) => {
    const { folder, snapshots, remove } = await generated(t);
    remove('transaction_1-100');
    const oldest = snapshots.find((version) => version > 100n);
    const plan = await planOf(folder, { historyStartVersion: 0n });
    assert.deepEqual(refused(plan), ['HISTORY_STARTS_LATER']);
    assert.match(plan.remarks[0]?.message ?? '', new RegExp(`begin with version ${oldest} only, not 0`));
    const accepted = await planOf(folder, { historyStartVersion: oldest });
    assert.deepEqual(refused(accepted), []);
    assert.equal(firstVersionOf(accepted.steps ?? assert.fail()) <= (oldest ?? 0n), true);
  });

  it('has nothing to restore where neither a snapshot nor the beginning is there', async (t) => {
    const { folder, remove } = await generated(t);
    remove('state_snapshot_');
    remove('transaction_0-0');
    const plan = await planOf(folder);
    assert.deepEqual(refused(plan), ['NOTHING_TO_RESTORE']);
    assert.match(plan.remarks[0]?.message ?? '', /no state snapshot.*version 0 on: versions 0 are missing/);
    assert.equal(plan.steps, undefined);
  });

  it('has nothing to restore without transactions', async (t) => {
    const { folder, remove } = await generated(t);
    remove('transaction_');
    assert.deepEqual(refused(await planOf(folder)), ['NOTHING_TO_RESTORE']);
    assert.deepEqual(refused(await planOf(folder, { targetVersion: 5n })), ['NOTHING_TO_RESTORE']);
  });

  it('replays the whole ledger where there is no snapshot', async (t) => {
    const { folder, remove } = await generated(t);
    remove('state_snapshot_');
    const plan = await planOf(folder);
    assert.deepEqual([inShort(plan).tail, inShort(plan).tree], ['0-499', undefined]);
    assert.deepEqual(codes(plan), [ANCHOR, 'note SNAPSHOT_MISSING']);
  });

  it('ends where the archive ends, and says that more was asked for', async (t) => {
    const { folder } = await generated(t);
    const plan = await planOf(folder, { targetVersion: 10_000n });
    assert.equal(plan.steps?.version, 499n);
    assert.deepEqual(codes(plan), ['warning ARCHIVE_ENDS_EARLIER', ANCHOR]);
  });

  it('refuses a chain of epochs with a hole in it, unless no signature is wanted', async (t) => {
    const { folder, remove } = await generated(t);
    remove('epoch_ending_1-1');
    const plan = await planOf(folder);
    assert.deepEqual(refused(plan), ['EPOCH_ENDINGS_MISSING']);
    const skipped = await planOf(folder, { skipEpochEndings: true });
    assert.deepEqual(codes(skipped), ['warning SIGNATURES_NOT_CHECKED']);
    assert.deepEqual(skipped.steps?.epochEndings, []);
  });

  it('takes the first of two backups of the same versions', async (t) => {
    const { folder } = await generated(t);
    const name = path.join(folder, 'metadata', 'transaction_101-200.meta');
    const twice = readFileSync(name, 'utf8').replace('transaction_101-.', 'transaction_101-.zz');
    writeFileSync(path.join(folder, 'metadata', 'another.meta'), twice);
    const plan = await planOf(folder, { historyStartVersion: 0n });
    assert.equal(inShort(plan).backups, '0-0 1-100 101-200 201-300 301-400 401-499');
  });
});

describe('the plan for a damaged archive', () => {
  it('refuses where damaged metadata may have named something newer', async (t) => {
    const { folder } = await generated(t);
    writeFileSync(path.join(folder, 'metadata', 'transaction_401-499.meta'), '');
    const plan = await planOf(folder);
    assert.deepEqual(refused(plan), ['METADATA_DAMAGED']);
    assert.equal(plan.steps?.version, 400n);
    assert.throws(() => requireFeasible(plan), { code: 'RESTORE_FINDING', message: /^METADATA_EMPTY/ });
    const accepted = await planOf(folder, { targetVersion: 400n });
    assert.deepEqual(codes(accepted), [ANCHOR, 'warning METADATA_DAMAGED']);
  });

  it('only warns where the snapshot or the identity is forgotten that is not needed', async (t) => {
    const { folder, snapshots } = await generated(t);
    writeFileSync(path.join(folder, 'metadata', `state_snapshot_ver_${snapshots[0]}.meta`), '{"Sta');
    const plan = await planOf(folder);
    assert.deepEqual(codes(plan), [ANCHOR, 'warning METADATA_DAMAGED']);
  });

  it('refuses a metadata file that may name anything', async (t) => {
    const { folder } = await generated(t);
    writeFileSync(path.join(folder, 'metadata', 'unknown.meta'), 'x');
    assert.deepEqual(refused(await planOf(folder)), ['METADATA_DAMAGED']);
    assert.deepEqual(refused(await planOf(folder, { targetVersion: 499n })), []);
  });

  it('refuses a damaged manifest with what a verification finds', async (t) => {
    const { folder, files } = await generated(t);
    const manifest = files.findLast(({ kind }) => kind === 'transaction-manifest')?.handle ?? '';
    writeFileSync(path.join(folder, manifest), '{"first_version":');
    const plan = await planOf(folder);
    assert.deepEqual(
      refusals(plan).map(({ finding }) => [finding?.code, finding?.file]),
      [['MANIFEST_UNREADABLE', manifest]],
    );
    assert.throws(() => requireFeasible(plan), { code: 'RESTORE_FINDING' });
  });

  it('refuses before anything is written where a file is gone that will be read', async (t) => {
    const { folder, files } = await generated(t);
    const chunk = files.findLast(({ kind }) => kind === 'transaction-chunk')?.handle ?? '';
    rmSync(path.join(folder, chunk));
    const plan = await planOf(folder);
    assert.deepEqual(
      refusals(plan).map(({ finding }) => [finding?.code, finding?.file]),
      [['FILE_MISSING', chunk]],
    );
    // Nor is it needed for less.
    assert.deepEqual(refused(await planOf(folder, { targetVersion: 300n })), []);
  });
});

describe('the sizes of a plan', () => {
  it('are those of the files, the recorded ones behind commands, and unknown without either', async (t) => {
    const { folder } = await generated(t);
    const attested = temporaryFolder(t);
    const writer = await LocalFsWriterStorage.open(attested, { owner: 'test' });
    await rewriteArchive(folder, writer);
    await writer.close();
    const plain = await planOf(folder);
    assert.equal(plain.sizes.basis, 'file sizes');
    const elsewhere = (root: string) => {
      const storage = new LocalFsStorage(root);
      return {
        kind: 'command-adapter',
        description: 'elsewhere',
        openForRead: storage.openForRead.bind(storage),
        listMetadataFiles: storage.listMetadataFiles.bind(storage),
        close: storage.close.bind(storage),
      } as const;
    };
    const recorded = await planOf('', {}, { storage: elsewhere(attested) });
    assert.equal(recorded.sizes.basis, 'recorded sizes');
    assert.equal(recorded.sizes.total.bytes, plain.sizes.total.bytes);
    const unknown = await planOf('', {}, { storage: elsewhere(folder) });
    assert.equal(unknown.sizes.basis, 'unknown');
    assert.equal(unknown.sizes.total.unknown, unknown.sizes.total.files);
    assert.match(unknown.estimate?.basis ?? '', /^guessed/);
    assert.equal(unknown.estimate?.bytesMin, 0n);
  });

  it('refuse a disk that is certainly too small, and warn of one that may be', async (t) => {
    const { folder } = await generated(t);
    const { estimate } = await planOf(folder);
    assert.ok(estimate && estimate.bytesMin > 0n && estimate.bytesMin < estimate.bytes);
    const tooSmall = await planOf(folder, {}, { space: { free: estimate.bytesMin / 2n, used: 0n } });
    assert.deepEqual(refused(tooSmall), ['DISK_TOO_SMALL']);
    assert.throws(() => requireFeasible(tooSmall), { code: 'RESTORE_TARGET_FULL' });
    const maybe = await planOf(folder, {}, { space: { free: 0n, used: estimate.bytes } });
    assert.deepEqual(codes(maybe), [ANCHOR, 'warning DISK_MAYBE_TOO_SMALL']);
  });
});

describe('the plan for an unfinished restore', () => {
  it('stays as it was chosen while the archive grows', async (t) => {
    const { folder, snapshots } = await generated(t);
    const before = await planOf(folder, { targetVersion: 300n, historyStartVersion: 150n });
    const unfinished = before.identity ?? assert.fail();
    const asked = { historyStartVersion: 0n };
    const now = await planOf(folder, asked, { unfinished });
    assert.deepEqual(inShort(now), inShort(before));
    assert.deepEqual(now.identity?.choice, unfinished.choice);
    assert.ok(codes(now).includes('note ARCHIVE_GREW'));
    assert.equal(
      before.steps?.kvSnapshot?.version ?? before.steps?.treeSnapshot?.version,
      newest(snapshots, 150n),
    );
  });

  it('is refused where the archive lost the snapshot that it builds upon, or has another', async (t) => {
    const { folder, remove, snapshots } = await generated(t);
    const unfinished = (await planOf(folder)).identity ?? assert.fail();
    const tree = unfinished.choice.tree ?? assert.fail();
    const other = { ...unfinished.choice, tree: { ...tree, rootHash: '00'.repeat(32) } };
    await assert.rejects(planOf(folder, {}, { unfinished: { ...unfinished, choice: other } }), {
      code: 'RESTORE_ARCHIVE_CHANGED',
    });
    remove(`state_snapshot_ver_${newest(snapshots, 499n)}`);
    await assert.rejects(planOf(folder, {}, { unfinished }), { code: 'RESTORE_ARCHIVE_CHANGED' });
  });

  it('is refused where the archive lost transactions', async (t) => {
    const { folder, remove } = await generated(t);
    const unfinished = (await planOf(folder)).identity ?? assert.fail();
    remove('transaction_401-');
    await assert.rejects(planOf(folder, {}, { unfinished }), { code: 'RESTORE_ARCHIVE_CHANGED' });
  });

  it('is replayed from nothing again where it was', async (t) => {
    const { folder, remove, snapshots } = await generated(t);
    remove(`state_snapshot_ver_${snapshots[0]}.`);
    const before = await planOf(folder, { historyStartVersion: 0n });
    const unfinished = before.identity ?? assert.fail();
    assert.deepEqual(
      inShort(await planOf(folder, { historyStartVersion: 0n }, { unfinished })),
      inShort(before),
    );
    assert.equal(inShort(before).kv, undefined);
  });
});
