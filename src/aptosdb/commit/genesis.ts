import { decode, encode } from '../../bcs/codec.js';
import { type GenesisLedger, genesisLedger } from '../../ledger/genesis.js';
import type { LedgerHashers } from '../../types/ledger-family.js';
import { Transaction } from '../../types/transaction.js';
import { TransactionRecordV1 } from '../../types/transaction-record.js';
import { equalWaypoints, formatWaypoint, type Waypoint } from '../../types/waypoint.js';
import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';
import { CommitError } from './commit-error.js';
import { LedgerWriter } from './ledger-writer.js';

/**
 * Makes an empty database the ledger of a genesis transaction, durably (spec: aptosdb-schema.md,
 * section 13).
 * @param transactionBytes the bare BCS of the transaction
 * @param expected nothing is written unless this is the waypoint
 * @throws GenesisError GENESIS_UNREADABLE, GENESIS_NOT_DIRECT, GENESIS_NO_VALIDATOR_SET
 * @throws CommitError COMMIT_DATABASE_NOT_EMPTY, COMMIT_LEDGER_INFO_MISMATCH (another waypoint)
 */
export async function commitGenesis(
  database: AptosDatabaseFiles,
  hashers: LedgerHashers,
  transactionBytes: Uint8Array,
  expected: Waypoint,
): Promise<GenesisLedger> {
  const genesis = genesisLedger(hashers, transactionBytes);
  if (!equalWaypoints(expected, genesis.waypoint)) {
    const facts = { expected: formatWaypoint(expected), actual: formatWaypoint(genesis.waypoint) };
    const message = `the genesis has waypoint ${facts.actual}, not ${facts.expected}`;
    throw new CommitError('COMMIT_LEDGER_INFO_MISMATCH', message, { facts });
  }
  const writer = await LedgerWriter.open(database, hashers);
  if (writer.lastVersion !== undefined) {
    const message = `the database has versions up to ${writer.lastVersion} already`;
    throw new CommitError('COMMIT_DATABASE_NOT_EMPTY', message, {
      facts: { lastVersion: writer.lastVersion },
    });
  }
  const record = genesisRecord(genesis, transactionBytes);
  await writer.append({ firstVersion: 0n, records: [record], ledgerInfo: genesis.ledgerInfo });
  await writer.commit();
  return genesis;
}

/** The transaction is nothing but its own output. */
function genesisRecord({ transactionInfo }: GenesisLedger, transactionBytes: Uint8Array): Uint8Array {
  const transaction = decode(Transaction, transactionBytes);
  if (transaction.variant !== 'GenesisTransaction' || transaction.value.variant !== 'Direct') {
    throw new RangeError('a genesis ledger is made of a direct genesis transaction');
  }
  const { write_set, events } = transaction.value.value;
  const noAuxiliaryInfo = { variant: 'None' } as const;
  return encode(TransactionRecordV1, [transaction, noAuxiliaryInfo, transactionInfo, events, write_set]);
}
