import { type Codec, type Infer, encode } from '../bcs/codec.js';
import { enumeration, option, struct, vector } from '../bcs/containers.js';
import { bytes, u64 } from '../bcs/primitives.js';
import { AccountAddress, BitVec, HashValue } from './basic.js';
import type { LedgerHashers } from './ledger-family.js';

/** One validator: a compressed BLS12-381 G1 key (48 bytes) and its power. */
export const ValidatorConsensusInfo = struct('ValidatorConsensusInfo', {
  address: AccountAddress,
  public_key: bytes,
  voting_power: u64,
});
export type ValidatorConsensusInfo = Infer<typeof ValidatorConsensusInfo>;

/** The validators of an epoch, in the order that signature bit masks count them. */
export const ValidatorVerifier = struct('ValidatorVerifier', {
  validator_infos: vector(ValidatorConsensusInfo),
});
export type ValidatorVerifier = Infer<typeof ValidatorVerifier>;

const epochStateFields = struct('EpochState', { epoch: u64, verifier: ValidatorVerifier });
/** The validators of an epoch: who may sign its ledger infos. */
export interface EpochState extends Infer<typeof epochStateFields> {}
export const EpochState: Codec<EpochState> = epochStateFields;

/** `executed_state_id` is the root of the transaction accumulator after `version`. */
export const BlockInfo = struct('BlockInfo', {
  epoch: u64,
  round: u64,
  id: HashValue,
  executed_state_id: HashValue,
  version: u64,
  timestamp_usecs: u64,
  next_epoch_state: option(EpochState),
});
export type BlockInfo = Infer<typeof BlockInfo>;

const ledgerInfoFields = struct('LedgerInfo', { commit_info: BlockInfo, consensus_data_hash: HashValue });
/** What validators sign (spec: aptos-types.md, section 2). */
export interface LedgerInfo extends Infer<typeof ledgerInfoFields> {}
export const LedgerInfo: Codec<LedgerInfo> = ledgerInfoFields;

const aggregateSignatureFields = struct('AggregateSignature', {
  validator_bitmask: BitVec,
  sig: option(bytes),
});
/** One BLS signature of all validators whose bit is set; `sig` is a compressed G2 point (96 bytes). */
export interface AggregateSignature extends Infer<typeof aggregateSignatureFields> {}
export const AggregateSignature: Codec<AggregateSignature> = aggregateSignatureFields;

const ledgerInfoWithV0Fields = struct('LedgerInfoWithV0', {
  ledger_info: LedgerInfo,
  signatures: AggregateSignature,
});
export interface LedgerInfoWithV0 extends Infer<typeof ledgerInfoWithV0Fields> {}
export const LedgerInfoWithV0: Codec<LedgerInfoWithV0> = ledgerInfoWithV0Fields;

/** A ledger info and who signed it: a bit mask over the validators, and their aggregated signature. */
export const LedgerInfoWithSignatures = enumeration('LedgerInfoWithSignatures', ['V0', LedgerInfoWithV0]);
export type LedgerInfoWithSignatures = Infer<typeof LedgerInfoWithSignatures>;

/** The epoch of the block that follows: the next one when this ledger info ends its epoch. */
export function nextBlockEpoch(ledgerInfo: LedgerInfo): bigint {
  return ledgerInfo.commit_info.next_epoch_state?.epoch ?? ledgerInfo.commit_info.epoch;
}

/** The bytes that validators sign: seed || BCS, not hashed (spec: formats.md, section 4). A new array. */
export function ledgerInfoSigningMessage(hashers: LedgerHashers, ledgerInfo: LedgerInfo): Uint8Array {
  const body = encode(LedgerInfo, ledgerInfo);
  const message = new Uint8Array(hashers.ledgerInfo.seed.length + body.length);
  message.set(hashers.ledgerInfo.seed, 0);
  message.set(body, hashers.ledgerInfo.seed.length);
  return message;
}
