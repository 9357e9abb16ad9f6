import type { TransactionChunk } from '../aptosdb/commit/ledger-writer.js';
import type { GeneratedLedger } from '../testing/generated-ledger.js';
import { generateLedger } from '../testing/ledger-generator.js';
import type { LedgerInfoWithSignatures } from '../types/ledger-info.js';

/** Blocks between two ledger infos inside of an epoch. */
const BLOCKS_A_LEDGER_INFO = 3;

/** The ledger that a process commits which is to be killed: small, but with several epochs. */
export function killedLedger(seed: string): GeneratedLedger {
  return generateLedger({ seed, epochs: 4, transactions: 150, stateItems: 40 });
}

/** An unsigned ledger info of the middle of an epoch: who only stores it does not look at signatures. */
export function ledgerInfoAt(ledger: GeneratedLedger, version: number): LedgerInfoWithSignatures {
  const { epoch } = ledger.epochOf(version);
  return {
    variant: 'V0',
    value: {
      ledger_info: {
        commit_info: {
          epoch,
          round: BigInt(version),
          id: new Uint8Array(32).fill(version % 251),
          executed_state_id: ledger.accumulator.root(version + 1),
          version: BigInt(version),
          timestamp_usecs: BigInt(version),
          next_epoch_state: undefined,
        },
        consensus_data_hash: new Uint8Array(32),
      },
      signatures: { validator_bitmask: { inner: new Uint8Array() }, sig: undefined },
    },
  };
}

/** A ledger cut into its blocks, each of which ends with a state checkpoint; some with a ledger info. */
export function generatedBlocks(ledger: GeneratedLedger): TransactionChunk[] {
  const blocks: TransactionChunk[] = [];
  let first = 0;
  for (let version = 0; version < ledger.transactionCount; version++) {
    if (!ledger.transactionInfo(version).value.state_checkpoint_hash) continue;
    const records = Array.from({ length: version - first + 1 }, (_, index) =>
      ledger.record(first + index, 'V1'),
    );
    const epoch = ledger.epochOf(version);
    const ofEpoch = BigInt(version) === epoch.lastVersion ? epoch.ledgerInfo : undefined;
    const ofBlock = blocks.length % BLOCKS_A_LEDGER_INFO === 0 ? ledgerInfoAt(ledger, version) : undefined;
    blocks.push({ firstVersion: BigInt(first), records, ledgerInfo: ofEpoch ?? ofBlock });
    first = version + 1;
  }
  return blocks;
}
