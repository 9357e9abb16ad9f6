import type { Infer } from '../bcs/codec.js';
import { enumeration, struct, vector } from '../bcs/containers.js';
import { bytes, string, u64 } from '../bcs/primitives.js';
import { AccountAddress } from './basic.js';
import { AggregateSignature } from './ledger-info.js';

const transcriptMetadata = struct('DKGTranscriptMetadata', { epoch: u64, author: AccountAddress });

export const JWK = struct('JWK', { variant: struct('Any', { type_name: string, data: bytes }) });
export type JWK = Infer<typeof JWK>;

export const ProviderJWKs = struct('ProviderJWKs', { issuer: bytes, version: u64, jwks: vector(JWK) });
export type ProviderJWKs = Infer<typeof ProviderJWKs>;

const certifiedTranscript = struct('CertifiedTranscript', {
  metadata: transcriptMetadata,
  transcript_bytes: bytes,
  signature: AggregateSignature,
});

/** What validators agreed on among themselves (spec: aptos-types.md, section 8.2). */
export const ValidatorTransaction = enumeration(
  'ValidatorTransaction',
  ['DKGResult', struct('DKGResult', { metadata: transcriptMetadata, transcript_bytes: bytes })],
  ['ObservedJWKUpdate', struct('ObservedJWKUpdate', { update: ProviderJWKs, multi_sig: AggregateSignature })],
  [
    'ChunkyDKGResult',
    struct('ChunkyDKGResult', { certified_transcript: certifiedTranscript, encryption_key: bytes }),
  ],
);
export type ValidatorTransaction = Infer<typeof ValidatorTransaction>;
