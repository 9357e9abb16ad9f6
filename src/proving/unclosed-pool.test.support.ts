// A program that uses a pool of threads and never closes it.
import { frameRecord } from '../archive/record-framing.js';
import { LEDGER_FAMILIES } from '../types/ledger-family.js';
import { openProvingPool } from './open-proving-pool.js';

const pool = openProvingPool({ family: LEDGER_FAMILIES.aptos, threads: 2 });
const record = Uint8Array.of(2, 1, 7, 0, 0);
const batch = {
  bytes: frameRecord(record),
  count: 1,
  starts: Uint32Array.of(4),
  ends: Uint32Array.of(4 + record.length),
  firstRecord: 0,
  fileOffset: 0,
};
for await (const { segment } of pool.stateItems(async function* () {
  yield batch;
})) {
  process.stdout.write(`${segment?.leafCount} item`);
}
