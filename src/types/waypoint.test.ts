import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decode, encode } from '../bcs/codec.js';
import { toHex } from '../hashing/hash-value.js';
import { LEDGER_FAMILIES, ledgerHashers } from './ledger-family.js';
import { LedgerInfo, ledgerInfoSigningMessage, nextBlockEpoch } from './ledger-info.js';
import { hashLedgerInfo } from './hashes.js';
import {
  epochBoundaryWaypoint,
  equalWaypoints,
  formatWaypoint,
  parseWaypoint,
  Waypoint,
  WaypointError,
  waypointOf,
} from './waypoint.js';

const hashers = ledgerHashers(LEDGER_FAMILIES.aptos);
const HASH = 'ab'.repeat(32);

/** The ledger info that the specification signs with the secret key 1 (formats.md, section 10). */
const ledgerInfo: LedgerInfo = {
  commit_info: {
    epoch: 1n,
    round: 2n,
    id: new Uint8Array(32).fill(0x11),
    executed_state_id: new Uint8Array(32).fill(0x22),
    version: 100n,
    timestamp_usecs: 5_000_000n,
    next_epoch_state: undefined,
  },
  consensus_data_hash: new Uint8Array(32).fill(0x33),
};

function isWaypointError(code: string): (error: unknown) => boolean {
  return (error) => error instanceof WaypointError && error.code === code;
}

describe('a waypoint', () => {
  it('reads and prints a version and a hash', () => {
    const waypoint = parseWaypoint(`18446744073709551615:${HASH}`);
    assert.equal(waypoint.version, 2n ** 64n - 1n);
    assert.equal(formatWaypoint(waypoint), `18446744073709551615:${HASH}`);
  });

  it('reads upper case, a leading plus, leading zeros, and ignores what follows another colon', () => {
    for (const text of [`7:${HASH.toUpperCase()}`, `+7:${HASH}`, `007:${HASH}`, `7:${HASH}:more:`]) {
      assert.equal(formatWaypoint(parseWaypoint(text)), `7:${HASH}`);
    }
  });

  it('refuses every other text', () => {
    const texts = [
      '',
      ':',
      '7',
      '7:',
      `:${HASH}`,
      `-7:${HASH}`,
      `++7:${HASH}`,
      ` 7:${HASH}`,
      `7 :${HASH}`,
      `7: ${HASH}`,
      `7:0x${HASH}`,
      `7:${HASH.slice(1)}`,
      `7:${HASH}a`,
      `7:${HASH}\n`,
      `7:g${HASH.slice(1)}`,
      `1e3:${HASH}`,
      `0x7:${HASH}`,
      `18446744073709551616:${HASH}`,
    ];
    for (const text of texts) {
      assert.throws(() => parseWaypoint(text), isWaypointError('WAYPOINT_TEXT_INVALID'), text);
    }
  });

  it('survives text and BCS', () => {
    const any = fc.record({
      version: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      value: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    });
    fc.assert(
      fc.property(any, (waypoint) => {
        assert(equalWaypoints(parseWaypoint(formatWaypoint(waypoint)), waypoint));
        assert(equalWaypoints(decode(Waypoint, encode(Waypoint, waypoint)), waypoint));
      }),
    );
  });

  it('equals only a waypoint with the same version and value', () => {
    const waypoint = parseWaypoint(`7:${HASH}`);
    assert(!equalWaypoints(waypoint, parseWaypoint(`8:${HASH}`)));
    assert(!equalWaypoints(waypoint, parseWaypoint(`7:${'ac'.repeat(32)}`)));
  });

  it('of a ledger info inside of an epoch is the one of the specification', () => {
    assert.equal(
      formatWaypoint(waypointOf(hashers, ledgerInfo)),
      '100:acc46df188ab095531c8a4394630421c5949f12fd76d65f70905cb371c7f3978',
    );
  });

  it('at an epoch boundary needs the next validators', () => {
    assert.throws(
      () => epochBoundaryWaypoint(hashers, ledgerInfo),
      isWaypointError('WAYPOINT_NO_VALIDATOR_SET'),
    );
  });

  it('covers epoch, root, version, time and next validators, and nothing else of a ledger info', () => {
    const next_epoch_state = { epoch: 2n, verifier: { validator_infos: [] } };
    const base = toHex(waypointOf(hashers, ledgerInfo).value);
    const withField = (changed: Partial<LedgerInfo['commit_info']>): string =>
      toHex(
        waypointOf(hashers, { ...ledgerInfo, commit_info: { ...ledgerInfo.commit_info, ...changed } }).value,
      );
    assert.notEqual(withField({ epoch: 2n }), base);
    assert.notEqual(withField({ executed_state_id: new Uint8Array(32) }), base);
    assert.notEqual(withField({ version: 101n }), base);
    assert.notEqual(withField({ timestamp_usecs: 0n }), base);
    assert.notEqual(withField({ next_epoch_state }), base);
    assert.equal(withField({ round: 3n, id: new Uint8Array(32) }), base);
  });
});

describe('a ledger info', () => {
  const expected = [
    '01000000000000000200000000000000',
    '11'.repeat(32),
    '22'.repeat(32),
    '6400000000000000404b4c000000000000',
    '33'.repeat(32),
  ].join('');

  it('takes 129 bytes without next validators', () => {
    const encoded = encode(LedgerInfo, ledgerInfo);
    assert.equal(encoded.length, 129);
    assert.equal(toHex(encoded), expected);
  });

  it('is signed as its seed and its bytes', () => {
    const message = ledgerInfoSigningMessage(hashers, ledgerInfo);
    assert.equal(toHex(message), toHex(hashers.ledgerInfo.seed) + expected);
    assert.equal(
      toHex(hashLedgerInfo(hashers, ledgerInfo)),
      '757b7fc7cc7f833c01f2caf42613737818abf2d4540bf59013a4249f65913392',
    );
  });

  it('is followed by its own epoch, or by the next one when it ends its epoch', () => {
    assert.equal(nextBlockEpoch(ledgerInfo), 1n);
    const next_epoch_state = { epoch: 2n, verifier: { validator_infos: [] } };
    const ending = { ...ledgerInfo, commit_info: { ...ledgerInfo.commit_info, next_epoch_state } };
    assert.equal(nextBlockEpoch(ending), 2n);
  });
});
