import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decode } from '../../bcs/codec.js';
import { Accumulator } from '../../merkle/accumulator.js';
import { fixturePath, withoutFixture } from '../../test-support/fixtures.js';
import { dumpRowFiles, dumpRows } from '../../test-support/load-rows.js';
import { memoryFolder } from '../../test-support/memory-folder.js';
import { type ReferenceLedger, readReferenceLedger } from '../../test-support/reference-ledger.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../../types/ledger-family.js';
import type { LedgerInfoWithSignatures } from '../../types/ledger-info.js';
import { TransactionRecordV1 } from '../../types/transaction-record.js';
import { TransactionRecordWalk } from '../../types/transaction-record-walk.js';
import { checkOpenDatabase } from '../check/check-database.js';
import type { CommitError } from '../commit/commit-error.js';
import { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { writePrunerProgress } from './finish-pruning.js';
import { saveLastLedgerInfo, saveLedgerInfos } from './ledger-info-rows.js';
import type { ProvenTransactions } from './transaction-records.js';
import { chunkOf, loadSomeRows } from './transaction-restore.test.support.js';
import { TransactionSaver } from './transaction-saver.js';
import { TransactionTail } from './transaction-tail.js';

const hashers = ledgerHashers(LEDGER_FAMILIES.aptos);
const skip = withoutFixture('reference-ledger', 'rows');
const VALUES = 'state_value_by_key_hash';

function rowsFolder(name: string): string {
  return fixturePath('reference-ledger', 'rows', name);
}

function numberAt(key: Uint8Array, at: number): bigint {
  return new DataView(key.buffer, key.byteOffset).getBigUint64(at);
}

/** What a restored key-value snapshot leaves. */
function isValueOf(version: bigint) {
  return (instance: string, columnFamily: string, key: Uint8Array): boolean => {
    if (columnFamily === VALUES) return BigInt.asUintN(64, ~numberAt(key, 32)) === version;
    if (instance === 'state_kv_db/metadata') return key[0] === 4;
    return columnFamily === 'version_data' && numberAt(key, 0) === version;
  };
}

/** What a restored tree leaves. */
function isNodeOf(version: bigint) {
  return (_: string, columnFamily: string, key: Uint8Array): boolean =>
    columnFamily === 'jellyfish_merkle_node' && numberAt(key, 0) === version;
}

/** A writer of either kind. */
interface Step {
  readonly nextVersion: bigint | undefined;
  readonly write: (chunk: ProvenTransactions) => Promise<void>;
  readonly commit: () => Promise<void>;
}

/**
 * Writes versions `first..=last` in groups. With `cutOff`, every other group is not committed: the writer
 * is opened again, and goes on where the last commit stands.
 */
async function writeInGroups(
  open: () => Promise<Step>,
  records: readonly Uint8Array[],
  { first, last, size, cutOff }: { first: number; last: number; size: number; cutOff: boolean },
): Promise<void> {
  let writer = await open();
  let next = first;
  for (let turn = 0; next <= last; turn++) {
    const ahead = cutOff && turn % 2 === 0;
    const end = Math.min(next + (ahead ? 2 * size : size), last + 1);
    await writer.write(chunkOf(BigInt(next), records.slice(next, end)));
    if (ahead) writer = await open();
    else {
      await writer.commit();
      next = end;
    }
  }
}

async function openSaver(database: AptosDatabaseFiles, replayFrom: bigint | undefined): Promise<Step> {
  const saver = await TransactionSaver.open(database, hashers, { replayFrom });
  const { nextVersion } = saver;
  return { nextVersion, write: (chunk) => saver.save(chunk), commit: () => saver.commit() };
}

async function openTail(database: AptosDatabaseFiles): Promise<Step> {
  const tail = await TransactionTail.open(database, hashers);
  const { nextVersion } = tail;
  return { nextVersion, write: (chunk) => tail.append(chunk), commit: () => tail.commit() };
}

/** The endings that the archive has: that of the last epoch is not among them. */
function epochEndings({ ledgerInfos }: ReferenceLedger): LedgerInfoWithSignatures[] {
  return [...ledgerInfos.values()].filter(({ value }) => {
    const { next_epoch_state, version } = value.ledger_info.commit_info;
    return next_epoch_state !== undefined && version < 580n;
  });
}

interface History {
  readonly name: string;
  readonly snapshot: number;
  readonly target: number;
}

interface Pace {
  readonly size: number;
  readonly cutOff: boolean;
}

/** Restores with all history; what snapshots leave comes from the reference's rows. */
async function restore(
  database: AptosDatabaseFiles,
  { name, snapshot, target }: History,
  pace: Pace,
): Promise<void> {
  const ledger = readReferenceLedger();
  const { records } = ledger;
  await saveLedgerInfos(database, epochEndings(ledger), BigInt(target));
  await loadSomeRows(database, rowsFolder(name), isValueOf(0n));
  await writeInGroups(() => openSaver(database, 1n), records, { first: 0, last: snapshot, ...pace });
  await loadSomeRows(database, rowsFolder(name), isNodeOf(BigInt(snapshot)));
  const tail = { first: snapshot + 1, last: target, ...pace };
  await writeInGroups(() => openTail(database), records, tail);
  await (await TransactionTail.open(database, hashers)).finish();
  const last = ledger.ledgerInfos.get(BigInt(target));
  if (last) await saveLastLedgerInfo(database, hashers, last);
}

/** Column families that differ: rows that only we have, and rows that only the reference has. */
function differences(
  actual: Map<string, string[]>,
  expected: Map<string, string[]>,
): Record<string, number[]> {
  const found: Record<string, number[]> = {};
  for (const name of new Set([...actual.keys(), ...expected.keys()])) {
    const [ours, theirs] = [new Set(actual.get(name)), new Set(expected.get(name))];
    const more = [...ours].filter((line) => !theirs.has(line)).length;
    const less = [...theirs].filter((line) => !ours.has(line)).length;
    if (more + less > 0) found[name] = [more, less];
  }
  return found;
}

async function assertFit(database: AptosDatabaseFiles): Promise<void> {
  const report = await checkOpenDatabase(database, { hashers });
  assert.deepEqual(
    report.results.filter(({ status }) => status === 'failed'),
    [],
  );
}

const WRITE_SETS = 'ledger_db/write_set_db/write_set';
const USAGE = 'ledger_db/metadata/version_data';
const EPOCH_ENDS = 'ledger_db/metadata/epoch_by_version';
const LEDGER_INFOS = 'ledger_db/metadata/ledger_info';

describe('rows of a restore', () => {
  // Usage: we write it at every checkpoint, the reference at the end of each batch. Write sets behind the
  // snapshot: the reference executes those transactions, and lists keys that its hot state took up. Ledger
  // info: that of the last version, which the reference drops.
  for (const { expected, ...history } of [
    {
      name: 'restored-580',
      snapshot: 490,
      target: 580,
      expected: { [USAGE]: [28, 0], [WRITE_SETS]: [90, 90], [EPOCH_ENDS]: [1, 0], [LEDGER_INFOS]: [1, 0] },
    },
    {
      name: 'restored-400',
      snapshot: 310,
      target: 400,
      expected: { [USAGE]: [18, 0], [WRITE_SETS]: [90, 90] },
    },
  ]) {
    it(`are those of ${history.name}, wherever it was cut off`, { skip }, async (t) => {
      const theirs = await dumpRowFiles(rowsFolder(history.name));
      let inOneGo: Map<string, string[]> | undefined;
      for (const pace of [
        { size: 1000, cutOff: false },
        { size: 61, cutOff: true },
      ]) {
        await using database = await AptosDatabaseFiles.open(memoryFolder(t), { mode: 'create' });
        await restore(database, history, pace);
        const ours = await dumpRows(database);
        assert.deepEqual(differences(ours, theirs), expected);
        inOneGo ??= ours;
        assert.deepEqual(ours, inOneGo);
        await assertFit(database);
      }
    });
  }

  it('are those of a snapshot with the transactions around it', { skip }, async (t) => {
    const name = 'restored-490-snapshot-only';
    const ledger = readReferenceLedger();
    await using database = await AptosDatabaseFiles.open(memoryFolder(t), { mode: 'create' });
    await saveLedgerInfos(database, epochEndings(ledger), 490n);
    await loadSomeRows(database, rowsFolder(name), isValueOf(490n));
    await loadSomeRows(database, rowsFolder(name), isNodeOf(490n));
    const accumulator = new Accumulator(hashers.transactionAccumulator);
    for (const record of ledger.records.slice(0, 290)) accumulator.append(infoHashOf(record));
    const saver = await TransactionSaver.open(database, hashers);
    const siblings = accumulator.frozenRoots.toReversed();
    await saver.confirmOrSaveFrozenSubtrees(290n, siblings);
    await assert.rejects(saver.confirmOrSaveFrozenSubtrees(290n, siblings.toReversed()), {
      code: 'COMMIT_FROZEN_SUBTREE_MISMATCH',
    });
    await saver.save(chunkOf(290n, ledger.records.slice(290, 491)));
    await saver.commit();
    assert.deepEqual(differences(await dumpRows(database), await dumpRowFiles(rowsFolder(name))), {});
    await writePrunerProgress(database, { transactions: 290n, values: 490n, trees: 490n });
    await assertFit(database);
  });

  it('count the state exactly from genesis, with no snapshot before it', { skip }, async (t) => {
    const ledger = readReferenceLedger();
    const { records } = ledger;
    await using database = await AptosDatabaseFiles.open(memoryFolder(t), { mode: 'create' });
    await saveLedgerInfos(database, epochEndings(ledger), 490n);
    const pace = { size: 90, cutOff: true };
    await writeInGroups(() => openSaver(database, 0n), records, { first: 0, last: 490, ...pace });
    const name = 'ledger_db/metadata/version_data';
    const ours = (await dumpRows(database)).get(name) ?? [];
    for (const line of (await dumpRowFiles(rowsFolder('restored-400'))).get(name) ?? []) {
      assert.ok(ours.includes(line), line);
    }
    await loadSomeRows(database, rowsFolder('restored-580'), isNodeOf(490n));
    await assertFit(database);
  });

  it('stop behind the snapshot at a write set that leads to another root', { skip }, async (t) => {
    const ledger = readReferenceLedger();
    const history = { name: 'restored-400', snapshot: 310, target: 320 };
    await using database = await AptosDatabaseFiles.open(memoryFolder(t), { mode: 'create' });
    await restore(database, history, { size: 1000, cutOff: false });
    const before = await dumpRows(database);
    const records = ledger.records.slice(321, 401).map((record) => record.slice());
    const target = records.findIndex(hasValueAtEnd);
    const changed = records[target];
    assert.ok(changed);
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    const tail = await TransactionTail.open(database, hashers);
    await assert.rejects(tail.append(chunkOf(321n, records)), (error: CommitError) => {
      assert.equal(error.code, 'COMMIT_STATE_ROOT_MISMATCH');
      // The first one that shows it, of many that are compared together.
      const checkpoints = records.map((record, index) => index >= target && hasCheckpoint(record));
      assert.equal(error.facts['version'], 321n + BigInt(checkpoints.indexOf(true)));
      assert.ok(checkpoints.indexOf(true) < checkpoints.lastIndexOf(true));
      return true;
    });
    await assert.rejects(tail.commit(), { code: 'COMMIT_WRITER_FAILED' });
    assert.deepEqual(await dumpRows(database), before);
  });
});

const walk = new TransactionRecordWalk();

function infoHashOf(record: Uint8Array): Uint8Array {
  walk.walk(record, 0, record.length, 'V1');
  return hashers.transactionInfo.hash(record.subarray(walk.infoStart, walk.infoEnd));
}

function hasCheckpoint(record: Uint8Array): boolean {
  walk.walk(record, 0, record.length, 'V1');
  return walk.stateCheckpointHash >= 0;
}

/** Whether the last byte of a record belongs to the data of a value: there is no metadata behind it. */
function hasValueAtEnd(record: Uint8Array): boolean {
  const { write_set } = decode(TransactionRecordV1, record)[4].value;
  const [, op] = write_set.at(-1) ?? [];
  return op?.variant === 'Modification' && op.value.length > 0;
}
