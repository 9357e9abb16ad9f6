import {
  type EpochState,
  type LedgerInfoWithSignatures,
  ledgerInfoSigningMessage,
} from '../types/ledger-info.js';
import type { LedgerHashers } from '../types/ledger-family.js';
import { verifyMultiSignature } from './multi-signature.js';
import { TrustError } from './trust-error.js';

/** Voting power that a set of validators needs: two thirds of all and one more; 0 without validators. */
export function quorumVotingPower(totalVotingPower: bigint): bigint {
  return totalVotingPower === 0n ? 0n : (totalVotingPower * 2n) / 3n + 1n;
}

/** Indices of the set bits, the most significant bit of each byte first. */
export function signerIndices(bitmask: Uint8Array, validatorCount: number): readonly number[] {
  const invalid = (why: string): TrustError =>
    new TrustError('SIGNER_BITMASK_INVALID', `the bit mask of signers is invalid: ${why}`, {
      facts: { bitmaskBytes: bitmask.length, validatorCount },
    });
  if (bitmask.length !== Math.ceil(validatorCount / 8)) {
    throw invalid(`${bitmask.length} bytes for ${validatorCount} validators`);
  }
  const indices: number[] = [];
  for (const [byteIndex, byte] of bitmask.entries()) {
    for (let bit = 0; bit < 8; bit++) {
      if (byte & (0x80 >> bit)) indices.push(byteIndex * 8 + bit);
    }
  }
  if ((indices.at(-1) ?? -1) >= validatorCount) throw invalid('it names a validator that does not exist');
  return indices;
}

/**
 * Checks that a quorum of `epochState`'s validators signed the ledger info (spec: formats.md, section 4).
 * @throws TrustError LEDGER_INFO_EPOCH_UNEXPECTED, SIGNER_BITMASK_INVALID, VOTING_POWER_TOO_LOW,
 *   SIGNATURE_MISSING, PUBLIC_KEY_INVALID or SIGNATURE_INVALID
 */
export function verifyQuorum(
  hashers: LedgerHashers,
  epochState: EpochState,
  signed: LedgerInfoWithSignatures,
): void {
  const { ledger_info: ledgerInfo, signatures } = signed.value;
  const { epoch } = ledgerInfo.commit_info;
  if (epoch !== epochState.epoch) {
    throw new TrustError(
      'LEDGER_INFO_EPOCH_UNEXPECTED',
      'the ledger info is of another epoch than its validators',
      {
        facts: { expected: epochState.epoch, actual: epoch },
      },
    );
  }
  const validators = epochState.verifier.validator_infos;
  const signers = signerIndices(signatures.validator_bitmask.inner, validators.length).flatMap(
    (index) => validators[index] ?? [],
  );
  const sum = (infos: readonly { readonly voting_power: bigint }[]): bigint =>
    infos.reduce((total, info) => total + info.voting_power, 0n);
  const expected = quorumVotingPower(sum(validators));
  const actual = sum(signers);
  if (actual < expected) {
    const message = `the signers hold a voting power of ${actual}, a quorum is ${expected}`;
    throw new TrustError('VOTING_POWER_TOO_LOW', message, { facts: { expected, actual } });
  }
  if (signatures.sig === undefined)
    throw new TrustError('SIGNATURE_MISSING', 'the ledger info is not signed');
  verifyMultiSignature(
    ledgerInfoSigningMessage(hashers, ledgerInfo),
    signers.map((signer) => signer.public_key),
    signatures.sig,
  );
}
