import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { aggregateSignatures, SecretKey } from '@chainsafe/blst';
import { decode } from '../bcs/codec.js';
import { LEDGER_FAMILIES, ledgerHashers } from '../types/ledger-family.js';
import {
  type EpochState,
  type LedgerInfo,
  LedgerInfoWithSignatures,
  ledgerInfoSigningMessage,
} from '../types/ledger-info.js';
import { quorumVotingPower, signerIndices, verifyQuorum } from './quorum.js';
import { TrustError, type TrustErrorCode } from './trust-error.js';

const hashers = ledgerHashers(LEDGER_FAMILIES.aptos);
const filled = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

const secretKeys = Array.from({ length: 5 }, (_, index) => SecretKey.fromKeygen(filled(index + 1)));
const POWERS = [10n, 20n, 30n, 25n, 15n];

function epochState(keys: readonly SecretKey[] = secretKeys): EpochState {
  const validators = keys.map((key, index) => ({
    address: filled(index),
    public_key: key.toPublicKey().toBytes(),
    voting_power: POWERS[index] ?? 1n,
  }));
  return { epoch: 7n, verifier: { validator_infos: validators } };
}

const ledgerInfo: LedgerInfo = {
  commit_info: {
    epoch: 7n,
    round: 3n,
    id: filled(1),
    executed_state_id: filled(2),
    version: 2n ** 60n,
    timestamp_usecs: 5n,
    next_epoch_state: undefined,
  },
  consensus_data_hash: filled(9),
};

function signedBy(indices: readonly number[], info = ledgerInfo): LedgerInfoWithSignatures {
  const message = ledgerInfoSigningMessage(hashers, info);
  const signatures = indices.flatMap((index) => secretKeys[index]?.sign(message) ?? []);
  const bitmask = new Uint8Array(1);
  for (const index of indices) bitmask[0] = (bitmask[0] ?? 0) | (0x80 >> index);
  return {
    variant: 'V0',
    value: {
      ledger_info: info,
      signatures: { validator_bitmask: { inner: bitmask }, sig: aggregateSignatures(signatures).toBytes() },
    },
  };
}

function refusal(signed: LedgerInfoWithSignatures, state = epochState()): TrustErrorCode {
  try {
    verifyQuorum(hashers, state, signed);
  } catch (error) {
    assert.ok(error instanceof TrustError);
    return error.code;
  }
  return assert.fail('it was accepted');
}

describe('the quorum of an epoch', () => {
  it('is two thirds of the voting power and one more', () => {
    assert.equal(quorumVotingPower(100n), 67n);
    assert.equal(quorumVotingPower(3n), 3n);
    assert.equal(quorumVotingPower(1n), 1n);
    assert.equal(quorumVotingPower(0n), 0n);
    assert.equal(quorumVotingPower(2n ** 70n), 2n ** 71n / 3n + 1n);
  });

  it('accepts any signers that hold it, and no others', () => {
    for (let mask = 1; mask < 32; mask++) {
      const signers = [0, 1, 2, 3, 4].filter((index) => mask & (1 << index));
      const power = signers.reduce((sum, index) => sum + (POWERS[index] ?? 0n), 0n);
      if (power >= 67n) verifyQuorum(hashers, epochState(), signedBy(signers));
      else assert.equal(refusal(signedBy(signers)), 'VOTING_POWER_TOO_LOW');
    }
  });

  it('refuses a signature of other validators, of another message, and none', () => {
    const signed = signedBy([1, 2, 3, 4]);
    const others = epochState([...secretKeys].reverse());
    assert.equal(refusal(signed, others), 'SIGNATURE_INVALID');
    const { signatures } = signed.value;
    const altered = { ...ledgerInfo, consensus_data_hash: filled(8) };
    const moved = { ...signed, value: { ledger_info: altered, signatures } };
    assert.equal(refusal(moved), 'SIGNATURE_INVALID');
    const unsigned = {
      ...signed,
      value: { ledger_info: ledgerInfo, signatures: { ...signatures, sig: undefined } },
    };
    assert.equal(refusal(unsigned), 'SIGNATURE_MISSING');
  });

  it('refuses every flipped bit of a signature', () => {
    const signed = signedBy([1, 2, 3]);
    const { sig = new Uint8Array(), validator_bitmask } = signed.value.signatures;
    for (let bit = 0; bit < sig.length * 8; bit += 7) {
      const flipped = sig.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const value = { ledger_info: ledgerInfo, signatures: { validator_bitmask, sig: flipped } };
      assert.equal(refusal({ ...signed, value }), 'SIGNATURE_INVALID');
    }
  });

  it('refuses another epoch, and a bit mask that does not fit', () => {
    const signed = signedBy([0, 1, 2, 3, 4]);
    assert.equal(refusal(signed, { ...epochState(), epoch: 8n }), 'LEDGER_INFO_EPOCH_UNEXPECTED');
    for (const inner of [new Uint8Array(), new Uint8Array(2), Uint8Array.of(0b11111_100)]) {
      const signatures = { ...signed.value.signatures, validator_bitmask: { inner } };
      assert.equal(
        refusal({ ...signed, value: { ledger_info: ledgerInfo, signatures } }),
        'SIGNER_BITMASK_INVALID',
      );
    }
  });

  it('refuses a signer whose key is no point of the curve', () => {
    const state = epochState();
    const validators = state.verifier.validator_infos.map((info) => ({ ...info, public_key: filled(0xff) }));
    const broken = { ...state, verifier: { validator_infos: validators } };
    assert.equal(refusal(signedBy([1, 2, 3]), broken), 'PUBLIC_KEY_INVALID');
  });

  it('counts signers from the most significant bit', () => {
    assert.deepEqual(signerIndices(Uint8Array.of(0b1000_0001, 0b0100_0000), 10), [0, 7, 9]);
    assert.deepEqual(signerIndices(new Uint8Array(), 0), []);
  });

  it('accepts the golden signature (spec: formats.md, section 10)', () => {
    const publicKey =
      '97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb';
    const signature =
      'b4738dbb98380c4af08c264d099328fecb2c1022c02a8e96e8c2e79cef521339' +
      '30a21b0a3bcc7e144f8655319ef880790c0371e2e4d1fcb3d71ad65d65c8f88e' +
      '17bfc3d7076cedaf71dd43f20564b286359f00488c42d65ba210c82579a29502';
    const info = `01000000000000000200000000000000${'11'.repeat(32)}${'22'.repeat(32)}6400000000000000404b4c000000000000${'33'.repeat(32)}`;
    const signed = decode(LedgerInfoWithSignatures, Buffer.from(`00${info}01800160${signature}`, 'hex'));
    const validator = { address: filled(0), public_key: Buffer.from(publicKey, 'hex'), voting_power: 1n };
    verifyQuorum(hashers, { epoch: 1n, verifier: { validator_infos: [validator] } }, signed);
  });
});
