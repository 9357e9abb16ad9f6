import assert from 'node:assert/strict';
import { decode, encode } from '../bcs/codec.js';
import { GeneratedLedger } from '../testing/generated-ledger.js';
import { SeededRandom } from '../testing/seeded-random.js';
import { ValidatorSet } from '../testing/validator-set.js';
import { ledgerInfoSigningMessage } from '../types/ledger-info.js';
import { TransactionInfo } from '../types/transaction-info.js';
import { WriteSet } from '../types/write-set.js';

/**
 * The same ledger, except that at one version an entry of the write set is left out. Its transaction info
 * names the write set as it is, and validators have signed all of it: nothing but the state can tell.
 */
export function ledgerWithMissingWrite(original: GeneratedLedger, lie: number): GeneratedLedger {
  const random = SeededRandom.fromSeed('liars');
  const { hashers } = original;
  const lying = new GeneratedLedger(hashers);
  let validators = ValidatorSet.random(random, 4);
  for (const epoch of original.epochs) {
    for (let version = lying.transactionCount; version <= Number(epoch.lastVersion); version++) {
      const parts = original.parts(version);
      lying.append(version === lie ? withMissingWrite(original, parts) : parts);
    }
    const { ledger_info: ledgerInfo } = epoch.ledgerInfo.value;
    const next = epoch.ended ? validators.rotate(random) : undefined;
    const ledger_info = {
      ...ledgerInfo,
      commit_info: {
        ...ledgerInfo.commit_info,
        executed_state_id: lying.accumulator.root(),
        next_epoch_state: next?.epochState(epoch.epoch + 1n),
      },
    };
    const message = ledgerInfoSigningMessage(hashers, ledger_info);
    const unsigned = epoch.ledgerInfo.value.signatures;
    const signatures = epoch.lastVersion === 0n ? unsigned : validators.sign(random, message);
    lying.endEpoch({ variant: 'V0', value: { ledger_info, signatures } }, epoch.snapshot);
    validators = next ?? validators;
  }
  return lying;
}

function withMissingWrite(
  { hashers }: GeneratedLedger,
  parts: ReturnType<GeneratedLedger['parts']>,
): ReturnType<GeneratedLedger['parts']> {
  const { write_set: entries } = decode(WriteSet, parts.writeSet).value;
  assert(entries.length > 0, 'there is something to leave out');
  const writeSet = encode(WriteSet, { variant: 'V0', value: { write_set: entries.slice(1) } });
  const info = decode(TransactionInfo, parts.transactionInfo);
  const value = { ...info.value, state_change_hash: hashers.writeSet.hash(writeSet) };
  return { ...parts, writeSet, transactionInfo: encode(TransactionInfo, { ...info, value }) };
}
