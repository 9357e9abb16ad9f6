import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'node:test';
import { memoryFolder } from '../test-support/memory-folder.js';
import { verifyFolder } from '../test-support/verify-folder.js';
import {
  type ArchiveFileKind,
  countRecords,
  dropRecord,
  duplicateRecord,
  flipBit,
  generateLedger,
  truncateFile,
  writeReferenceArchive,
} from '../testing/index.js';
import type { VerifyReport } from './report.js';

const ledger = generateLedger({ seed: 'threads', epochs: 2, transactions: 900, stateItems: 700 });

/** A report without what may differ from run to run. */
function lasting({ elapsedMs: _, ...report }: VerifyReport): Omit<VerifyReport, 'elapsedMs'> {
  return report;
}

describe('a verification on several threads', () => {
  for (const gzip of [false, true]) {
    it(`says what it says on one, of ${gzip ? 'packed' : 'bare'} archives, sound and damaged`, async (t) => {
      const folder = memoryFolder(t);
      const options = { maxChunkSize: 200_000, transactionBatch: 400, gzip };
      const { files, genesisWaypoint } = await writeReferenceArchive(ledger, folder, options);
      // One file at a time, so that findings of several files come in one order.
      const compare = async (): Promise<VerifyReport> => {
        const one = await verifyFolder(folder, genesisWaypoint, { concurrency: 1, threads: 1 });
        for (const threads of [2, 3]) {
          const report = await verifyFolder(folder, genesisWaypoint, { concurrency: 1, threads });
          assert.deepEqual(lasting(report), lasting(one), `${threads} threads`);
        }
        return one;
      };
      assert.equal((await compare()).outcome, 'proven');
      for (const kind of ['state-chunk', 'transaction-chunk'] satisfies ArchiveFileKind[]) {
        const file = files.findLast((each) => each.kind === kind);
        assert.ok(file);
        const place = path.join(folder, file.handle);
        const damages = [() => flipBit(place, 80_001), () => truncateFile(place, 9000)];
        if (!gzip) {
          const last = (await countRecords(place)) - 1;
          damages.push(
            () => duplicateRecord(place, 3),
            () => dropRecord(place, last),
            () => flipBit(place, 37),
          );
        }
        for (const damage of damages) {
          const sound = await readFile(place);
          await damage();
          assert.equal((await compare()).outcome, 'findings');
          await writeFile(place, sound);
        }
      }
    });
  }
});
