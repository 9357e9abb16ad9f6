// `backup verify` of a state snapshot in chunks of 128 MiB, against the kernel alone on the same bytes.
//   node bench/verify-state.mjs [--quick] [--scale N] [--turns N] [--json FILE]
import { availableParallelism } from 'node:os';
import { benchmark, benchmarkFlags } from './lib/benchmark.mjs';
import { generatedArchive } from './lib/ledgers.mjs';
import { threadCounts, verifyRow } from './lib/verify-bench.mjs';

const flags = benchmarkFlags();
const ITEMS = 1_000_000;
/** Genesis has the items; nothing else is to be verified. */
const TRANSACTIONS = 20;
const STATE_ALONE = ['--start-version', 'max'];

await benchmark('verify-state', flags, async () => {
  const rows = [];
  const threads = await threadCounts(availableParallelism());
  for (const stateItems of flags.sizes(ITEMS)) {
    const archive = await generatedArchive({ stateItems, transactions: TRANSACTIONS, profile: 'transfers' });
    for (const count of threads) {
      rows.push(
        await verifyRow({ archive, kind: 'state', threads: count, turns: flags.turns, args: STATE_ALONE }),
      );
    }
  }
  return rows;
});
