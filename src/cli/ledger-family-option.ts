import { type Command, Option } from 'commander';
import { LEDGER_FAMILIES } from '../types/ledger-family.js';

export interface LedgerFamilyFlag {
  readonly ledgerFamily: keyof typeof LEDGER_FAMILIES;
}

/** Which hash prefix and which revision of the types an archive or genesis is of. */
export function addLedgerFamilyOption(command: Command): Command {
  return command.addOption(
    new Option('--ledger-family <NAME>', 'hash prefix and revision of the types')
      .choices(Object.keys(LEDGER_FAMILIES))
      .default('aptos'),
  );
}
