import type { LedgerInfoWithSignatures } from '../../types/ledger-info.js';
import type { KeyValueStore } from '../driver/key-value-store.js';
import { epochByVersionRows } from '../schema/epoch-by-version.js';
import { ledgerInfoRows } from '../schema/ledger-info.js';
import { getRowBytes, lastRow } from '../schema/rows.js';
import { LedgerReadError } from './read-error.js';

/** The epoch that a version belongs to, whether or not there is such a version. */
export async function epochOf(ledgerMetadata: KeyValueStore, version: bigint): Promise<bigint> {
  const lastEnd = await lastRow(ledgerMetadata, epochByVersionRows, { lte: version });
  if (lastEnd === undefined) return 0n;
  return lastEnd.key === version ? lastEnd.value : lastEnd.value + 1n;
}

/** The newest ledger info of an epoch, with its bytes. */
export interface FoundLedgerInfo {
  readonly bytes: Uint8Array;
  /** The version that it is of. */
  readonly version: bigint;
}

/**
 * What vouches for a version: the ledger info that ends its epoch, or the latest one while that is open.
 * @throws LedgerReadError LEDGER_INFO_MISSING
 */
export async function ledgerInfoFor(
  ledgerMetadata: KeyValueStore,
  version: bigint,
): Promise<FoundLedgerInfo> {
  const epoch = await epochOf(ledgerMetadata, version);
  const bytes = await getRowBytes(ledgerMetadata, ledgerInfoRows, epoch);
  if (bytes === undefined) {
    throw new LedgerReadError('LEDGER_INFO_MISSING', `Last LedgerInfo of epoch ${epoch} not found`, {
      facts: { epoch, version },
    });
  }
  const decoded: LedgerInfoWithSignatures = ledgerInfoRows.value.decode(bytes);
  return { bytes, version: decoded.value.ledger_info.commit_info.version };
}
