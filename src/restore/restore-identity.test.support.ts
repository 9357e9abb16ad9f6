import type { RestoreArguments, RestoreIdentity } from './restore-identity.js';
import type { RestoreReceipt } from './restore-journal.js';

export function someArguments(changes: Partial<RestoreArguments> = {}): RestoreArguments {
  return { replayAll: false, skipEpochEndings: false, trustWaypoints: [], ledgerFamily: 'aptos', ...changes };
}

/** What a restore might be kept under. */
export function someIdentity(changes: Partial<RestoreIdentity> = {}): RestoreIdentity {
  return {
    arguments: someArguments(),
    archive: { ids: ['ab'.repeat(32)], genesisWaypoint: `0:${'cd'.repeat(32)}`, place: 'a folder' },
    choice: {
      version: '580',
      firstVersion: '290',
      base: { version: '490', rootHash: 'ef'.repeat(32) },
      tree: { version: '490', rootHash: 'ef'.repeat(32) },
    },
    ...changes,
  };
}

export function someReceipt(identity = someIdentity()): RestoreReceipt {
  return {
    identity,
    version: identity.choice.version,
    epoch: '6',
    rootHash: '12'.repeat(32),
    finishedAt: '2026-01-02T03:04:05.000Z',
    report: { stateVersion: '580' },
  };
}
