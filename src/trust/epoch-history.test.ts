import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { generateLedger } from '../testing/index.js';
import type { LedgerInfoWithSignatures } from '../types/ledger-info.js';
import { parseWaypoint } from '../types/waypoint.js';
import { EpochHistory } from './epoch-history.js';
import { TrustError, type TrustErrorCode } from './trust-error.js';
import { TrustedWaypoints } from './trusted-waypoints.js';

const ledger = generateLedger({ seed: 'epoch history', epochs: 4, transactions: 60, stateItems: 10 });
const other = generateLedger({ seed: 'another chain', epochs: 4, transactions: 60, stateItems: 10 });
const endings = ledger.epochs.filter(({ ended }) => ended).map(({ ledgerInfo }) => ledgerInfo);
const open = ledger.epochs.find(({ ended }) => !ended)?.ledgerInfo as LedgerInfoWithSignatures;
const waypointOfEpoch = (epoch: number): string => ledger.epochs[epoch]?.waypoint ?? '';

function history(...waypoints: readonly string[]): EpochHistory {
  return new EpochHistory(ledger.hashers, new TrustedWaypoints(waypoints.map(parseWaypoint)));
}

function refusal(call: () => unknown): TrustErrorCode {
  try {
    call();
  } catch (error) {
    assert.ok(error instanceof TrustError);
    return error.code;
  }
  return assert.fail('it was accepted');
}

describe('the epoch history', () => {
  it('leads from the genesis waypoint to every ending and to the open epoch', () => {
    const chain = history(ledger.genesisWaypoint);
    const vouched = endings.map((ending) => chain.add(ending));
    assert.deepEqual(
      vouched.map(({ by }) => by),
      ['waypoint', 'signature', 'signature', 'signature'],
    );
    assert.ok(vouched.every(({ anchored }) => anchored));
    assert.deepEqual(chain.verify(open), { by: 'signature', anchored: true });
    assert.equal(chain.size, 4);
  });

  it('without a waypoint rests on its own ending of epoch 0', () => {
    const chain = history();
    assert.deepEqual(
      endings.map((ending) => chain.add(ending).anchored),
      [true, true, true, true],
    );
  });

  it('refuses another chain at the trusted version', () => {
    const [genesis] = other.epochs;
    assert.ok(genesis);
    assert.equal(
      refusal(() => history(ledger.genesisWaypoint).add(genesis.ledgerInfo)),
      'WAYPOINT_MISMATCH',
    );
  });

  it('does not anchor what lies before the only trusted waypoint, and anchors what lies behind', () => {
    const chain = history(waypointOfEpoch(2));
    assert.deepEqual(
      endings.map((ending) => chain.add(ending).anchored),
      [false, false, true, true],
    );
  });

  it('knows no validators behind a gap, until a waypoint is trusted there', () => {
    const [zero, , two, three] = endings;
    assert.ok(zero && two && three);
    const chain = history(ledger.genesisWaypoint);
    chain.add(zero);
    assert.equal(
      refusal(() => chain.add(two)),
      'VALIDATORS_UNKNOWN',
    );
    chain.addUnanchored(two);
    assert.equal(chain.add(three).anchored, false);
    const mended = history(ledger.genesisWaypoint, waypointOfEpoch(2));
    mended.add(zero);
    assert.equal(mended.add(two).anchored, true);
    assert.equal(mended.add(three).anchored, true);
  });

  it('refuses a ledger info of an epoch that it does not reach', () => {
    const chain = history(ledger.genesisWaypoint);
    for (const ending of endings.slice(0, 2)) chain.add(ending);
    assert.equal(
      refusal(() => chain.verify(open)),
      'VALIDATORS_UNKNOWN',
    );
  });

  it('takes a ledger info of epoch 0 only if it is the root to the byte', () => {
    const chain = history();
    const [zero] = endings;
    const [foreign] = other.epochs;
    assert.ok(zero && foreign);
    chain.add(zero);
    assert.equal(chain.verify(zero).by, 'root');
    assert.equal(
      refusal(() => chain.verify(foreign.ledgerInfo)),
      'GENESIS_LEDGER_INFO_MISMATCH',
    );
  });

  it('takes the first ledger info of epoch 0 that it meets for the root, if nothing else is known', () => {
    const chain = history();
    const [zero, one] = endings;
    assert.ok(zero && one);
    assert.deepEqual(chain.verify(zero), { by: 'root', anchored: true });
    assert.equal(chain.verify(one).anchored, true);
  });

  it('refuses a ledger info of version 0 with a round, an id, a consensus hash or a signature', () => {
    const [zero] = endings;
    assert.ok(zero);
    const { ledger_info: info, signatures } = zero.value;
    const ones = new Uint8Array(32).fill(1);
    const block = (change: object) => ({ ...info, commit_info: { ...info.commit_info, ...change } });
    const altered = [
      { ledger_info: block({ round: 1n }), signatures },
      { ledger_info: block({ id: ones }), signatures },
      { ledger_info: { ...info, consensus_data_hash: ones }, signatures },
      { ledger_info: info, signatures: { ...signatures, sig: new Uint8Array(96) } },
      { ledger_info: info, signatures: { ...signatures, validator_bitmask: { inner: Uint8Array.of(0) } } },
    ];
    for (const value of altered) {
      const code = refusal(() => history(ledger.genesisWaypoint).add({ variant: 'V0', value }));
      assert.equal(code, 'GENESIS_LEDGER_INFO_SIGNED');
    }
  });

  it('refuses two trusted waypoints of one version', () => {
    const twice = [parseWaypoint(`5:${'ab'.repeat(32)}`), parseWaypoint(`5:${'cd'.repeat(32)}`)];
    assert.equal(
      refusal(() => new TrustedWaypoints(twice)),
      'WAYPOINT_DUPLICATED',
    );
  });
});
