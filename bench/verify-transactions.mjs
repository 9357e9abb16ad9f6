// `backup verify` of transactions, against the kernel alone on the same bytes: of every kind (`everything`),
// and as a network has them whose users send coins (`transfers`: 5 events, 7 writes).
//   node bench/verify-transactions.mjs [--quick] [--scale N] [--turns N] [--json FILE]
import { availableParallelism } from 'node:os';
import { benchmark, benchmarkFlags } from './lib/benchmark.mjs';
import { generatedArchive } from './lib/ledgers.mjs';
import { threadCounts, verifyRow } from './lib/verify-bench.mjs';

const flags = benchmarkFlags();
const TRANSACTIONS = 200_000;
/** Few, so that genesis does not count. */
const STATE_ITEMS = 1000;
const NO_STATE = ['--state-snapshot-before-version', '0'];

await benchmark('verify-transactions', flags, async () => {
  const rows = [];
  const threads = await threadCounts(availableParallelism());
  for (const profile of ['everything', 'transfers']) {
    for (const transactions of flags.sizes(TRANSACTIONS)) {
      const archive = await generatedArchive({ stateItems: STATE_ITEMS, transactions, profile });
      for (const count of threads) {
        const { turns } = flags;
        const row = await verifyRow({ archive, kind: 'transactions', threads: count, turns, args: NO_STATE });
        rows.push({ ...row, case: `${profile}, ${row.case}` });
      }
    }
  }
  return rows;
});
