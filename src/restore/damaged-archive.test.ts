import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { AptosDatabaseFiles } from '../aptosdb/driver/aptos-database-files.js';
import { beginsAsGzip } from '../storage/decompress.js';
import { dumpRows } from '../test-support/load-rows.js';
import { memoryFolder } from '../test-support/memory-folder.js';
import { restoreInto } from '../test-support/restore-into.js';
import { codesOf, verifyFolder } from '../test-support/verify-folder.js';
import {
  type Alteration,
  type ArchiveFile,
  deleteFile,
  dropRecord,
  duplicateRecord,
  flipBit,
  generateLedger,
  SeededRandom,
  truncateFile,
  writeReferenceArchive,
} from '../testing/index.js';
import { RestoreError } from './restore-error.js';

/** Set to some hundred for the full campaign. */
const ROUNDS = Number(process.env['HOLDFAST_DAMAGES'] ?? 5);
const SEED = process.env['HOLDFAST_SEED'] ?? 'damaged';

const ledger = generateLedger({ seed: 'damaged', epochs: 3, transactions: 300, stateItems: 200 });

async function rowsIn(directory: string): Promise<Map<string, string[]>> {
  await using database = await AptosDatabaseFiles.open(directory, { mode: 'read' });
  return await dumpRows(database);
}

describe('restoring from a damaged archive', () => {
  const folder = memoryFolder({ after });
  const archive = path.join(folder, 'archive');
  const request = { historyStartVersion: 0n };
  let waypoint = '';
  let files: readonly ArchiveFile[] = [];
  let expected = new Map<string, string[]>();
  before(async () => {
    mkdirSync(archive);
    const written = await writeReferenceArchive(ledger, archive, {
      maxChunkSize: 25_000,
      transactionBatch: 120,
    });
    waypoint = written.genesisWaypoint;
    files = written.files;
    await restoreInto(path.join(folder, 'whole'), archive, { ...request, waypoint });
    expected = await rowsIn(path.join(folder, 'whole'));
  });

  it('stops with a finding of verify, and a corrected archive completes the database', async () => {
    const random = SeededRandom.fromSeed(SEED);
    const candidates = files.filter(({ kind }) => kind !== 'metadata');
    for (let round = 0, damaged = 0; damaged < ROUNDS; round++) {
      const { handle, kind } = random.pick(candidates);
      const file = path.join(archive, handle);
      const bytes = readFileSync(file);
      const isChunk = kind.endsWith('-chunk') && !beginsAsGzip(bytes, handle);
      const alterations: (() => Promise<Alteration>)[] = [
        () => flipBit(file, random.int(0, bytes.length * 8 - 1)),
        () => truncateFile(file, random.int(0, bytes.length - 1)),
        () => deleteFile(file),
        ...(isChunk ? [() => dropRecord(file, 0), () => duplicateRecord(file, 0)] : []),
      ];
      const { kind: how, detail } = await random.pick(alterations)();
      const what = `round ${round}: ${how} ${handle}, ${detail}`;
      const directory = path.join(folder, `round-${round}`);
      let error: unknown;
      try {
        const report = await verifyFolder(archive, waypoint);
        let standing = '';
        const onStanding = (words: string): void => {
          standing = words;
        };
        error = await restoreInto(directory, archive, { ...request, waypoint, onStanding }).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        // Not everything in an archive is read: then there is nothing to stop for.
        if (error === undefined) continue;
        damaged++;
        assert.ok(error instanceof RestoreError, `${what}: ${String(error)}`);
        const { code } = error.facts['finding'] as { readonly code: string };
        assert.equal(error.code, 'RESTORE_FINDING', what);
        assert.ok(codesOf(report).includes(code), `${what}: ${code}, verify says ${codesOf(report).join()}`);
        if (standing !== '') assert.match(standing, /^safe and proven so far: /);
      } finally {
        writeFileSync(file, bytes);
      }
      await restoreInto(directory, archive, { ...request, waypoint });
      const rows = await rowsIn(directory);
      assert.deepEqual([...rows.keys()], [...expected.keys()], what);
      for (const [family, lines] of expected) assert.deepEqual(rows.get(family), lines, `${what}: ${family}`);
    }
  });
});
