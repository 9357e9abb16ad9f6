import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as sdk from '@aptos-labs/ts-sdk';
import { type Codec, check, decode, encode } from '../bcs/codec.js';
import { toHex } from '../hashing/hash-value.js';
import {
  AccountAuthenticator,
  AnyPublicKey,
  AnySignature,
  TransactionAuthenticator,
} from './authenticator.js';
import { TransactionArgument } from './script.js';
import { RawTransaction, SignedTransaction } from './transaction.js';
import { TransactionPayload } from './transaction-payload.js';
import { TypeTag } from './type-tag.js';

// The project's own SDK for TypeScript is an independent writer of the same types. It differs from the
// node in one place: it numbers the signed integers of type tags from 11, where the node has function
// tags, so those six are left out here.

/** Decodes what the SDK wrote and requires the same bytes back. */
function readBack<T>(codec: Codec<T>, written: sdk.Serializable): T {
  const bytes = written.bcsToBytes();
  const value = decode(codec, bytes);
  assert.equal(toHex(encode(codec, value)), toHex(bytes));
  check(codec, bytes);
  return value;
}

const filled = (byte: number, size: number): Uint8Array => new Uint8Array(size).fill(byte);
const address = (byte: number): sdk.AccountAddress => new sdk.AccountAddress(filled(byte, 32));

const ed25519Key = new sdk.Ed25519PrivateKey(filled(1, 32));
const ed25519PublicKey = ed25519Key.publicKey();
const ed25519Signature = ed25519Key.sign('0x01');
const secp256k1Key = new sdk.Secp256k1PrivateKey(filled(2, 32));
const secp256k1PublicKey = secp256k1Key.publicKey();
const secp256k1Signature = secp256k1Key.sign('0x01');
const secp256r1PublicKey = new sdk.Secp256r1PrivateKey(filled(3, 32)).publicKey();
const webAuthnSignature = new sdk.WebAuthnSignature(filled(4, 64), filled(5, 37), filled(6, 90));
const keylessPublicKey = new sdk.KeylessPublicKey('https://issuer.example', filled(7, 32));
const federatedKeylessPublicKey = new sdk.FederatedKeylessPublicKey(address(8), keylessPublicKey);

function keylessSignature(full: boolean): sdk.KeylessSignature {
  const proof = new sdk.ZkProof(
    new sdk.Groth16Zkp({ a: filled(1, 32), b: filled(2, 64), c: filled(3, 32) }),
    sdk.ZkpVariant.Groth16,
  );
  const ephemeralSignature = new sdk.EphemeralSignature(ed25519Signature);
  const optional = {
    extraField: '"a":1',
    overrideAudVal: 'aud',
    trainingWheelsSignature: ephemeralSignature,
  };
  const zeroKnowledge = new sdk.ZeroKnowledgeSig({ proof, expHorizonSecs: 1000, ...(full ? optional : {}) });
  return new sdk.KeylessSignature({
    jwtHeader: '{"kid":"1"}',
    ephemeralCertificate: new sdk.EphemeralCertificate(
      zeroKnowledge,
      sdk.EphemeralCertificateVariant.ZkProof,
    ),
    expiryDateSecs: 1_700_000_000,
    ephemeralPublicKey: new sdk.EphemeralPublicKey(ed25519PublicKey),
    ephemeralSignature,
  });
}

const PUBLIC_KEYS: Readonly<Record<AnyPublicKey['variant'], sdk.PublicKey | undefined>> = {
  Ed25519: ed25519PublicKey,
  Secp256k1Ecdsa: secp256k1PublicKey,
  Secp256r1Ecdsa: secp256r1PublicKey,
  Keyless: keylessPublicKey,
  FederatedKeyless: federatedKeylessPublicKey,
  // The SDK has the number but no class.
  SlhDsa_Sha2_128s: undefined,
};

const SIGNATURES: Readonly<Record<AnySignature['variant'], sdk.Signature | undefined>> = {
  Ed25519: ed25519Signature,
  Secp256k1Ecdsa: secp256k1Signature,
  WebAuthn: webAuthnSignature,
  Keyless: keylessSignature(true),
  SlhDsa_Sha2_128s: undefined,
};

describe('what the Aptos SDK writes: keys and signatures', () => {
  for (const [variant, key] of Object.entries(PUBLIC_KEYS)) {
    it(`reads a public key of kind ${variant}`, { skip: key ? false : 'the SDK cannot build it' }, () => {
      assert(key);
      assert.equal(readBack(AnyPublicKey, new sdk.AnyPublicKey(key)).variant, variant);
    });
  }

  for (const [variant, signature] of Object.entries(SIGNATURES)) {
    it(`reads a signature of kind ${variant}`, {
      skip: signature ? false : 'the SDK cannot build it',
    }, () => {
      assert(signature);
      assert.equal(readBack(AnySignature, new sdk.AnySignature(signature)).variant, variant);
    });
  }

  it('reads a keyless signature with and without its optional parts', () => {
    for (const full of [false, true]) {
      const any = readBack(AnySignature, new sdk.AnySignature(keylessSignature(full)));
      assert(any.variant === 'Keyless');
      const { cert, exp_date_secs, jwt_header_json } = any.value.signature;
      assert.equal(exp_date_secs, 1_700_000_000n);
      assert.equal(jwt_header_json, '{"kid":"1"}');
      assert(cert.variant === 'ZeroKnowledgeSig');
      assert.equal(cert.value.extra_field, full ? '"a":1' : undefined);
      assert.equal(cert.value.training_wheels_signature?.variant, full ? 'Ed25519' : undefined);
    }
  });
});

const ed25519Account = new sdk.AccountAuthenticatorEd25519(ed25519PublicKey, ed25519Signature);
const multiEd25519 = [
  new sdk.MultiEd25519PublicKey({ publicKeys: [ed25519PublicKey, ed25519PublicKey], threshold: 1 }),
  new sdk.MultiEd25519Signature({ signatures: [ed25519Signature], bitmap: [1] }),
] as const;
const singleKey = (key: sdk.PublicKey, signature: sdk.Signature): sdk.AccountAuthenticator =>
  new sdk.AccountAuthenticatorSingleKey(new sdk.AnyPublicKey(key), new sdk.AnySignature(signature));
const multiKey = new sdk.AccountAuthenticatorMultiKey(
  new sdk.MultiKey({
    publicKeys: [ed25519PublicKey, secp256k1PublicKey, keylessPublicKey, secp256r1PublicKey],
    signaturesRequired: 3,
  }),
  new sdk.MultiKeySignature({
    signatures: [ed25519Signature, keylessSignature(false), webAuthnSignature],
    bitmap: sdk.MultiKeySignature.createBitmap({ bits: [0, 2, 3] }),
  }),
);

const abstractSignature = new sdk.AbstractSignature(filled(2, 70));

const ACCOUNT_AUTHENTICATORS: readonly (readonly [
  AccountAuthenticator['variant'],
  sdk.AccountAuthenticator,
])[] = [
  ['Ed25519', ed25519Account],
  ['MultiEd25519', new sdk.AccountAuthenticatorMultiEd25519(...multiEd25519)],
  ['SingleKey', singleKey(ed25519PublicKey, ed25519Signature)],
  ['SingleKey', singleKey(secp256k1PublicKey, secp256k1Signature)],
  ['SingleKey', singleKey(secp256r1PublicKey, webAuthnSignature)],
  ['SingleKey', singleKey(keylessPublicKey, keylessSignature(true))],
  ['SingleKey', singleKey(federatedKeylessPublicKey, keylessSignature(false))],
  ['MultiKey', multiKey],
  ['NoAccountAuthenticator', new sdk.AccountAuthenticatorNoAccountAuthenticator()],
  [
    'Abstract',
    // Without an identity the SDK takes the signature as BCS, with its length.
    new sdk.AccountAuthenticatorAbstraction(
      '0x1::permissioned::check',
      filled(1, 32),
      abstractSignature.toUint8Array(),
    ),
  ],
  [
    'Abstract',
    new sdk.AccountAuthenticatorAbstraction(
      '0x1::wallet::check',
      filled(1, 32),
      filled(2, 70),
      filled(3, 20),
    ),
  ],
];

const accounts = ACCOUNT_AUTHENTICATORS.map(([, authenticator]) => authenticator);
const addresses = accounts.map((_, index) => address(index));

const TRANSACTION_AUTHENTICATORS: readonly (readonly [
  TransactionAuthenticator['variant'],
  sdk.TransactionAuthenticator,
])[] = [
  ['Ed25519', new sdk.TransactionAuthenticatorEd25519(ed25519PublicKey, ed25519Signature)],
  ['MultiEd25519', new sdk.TransactionAuthenticatorMultiEd25519(...multiEd25519)],
  ['MultiAgent', new sdk.TransactionAuthenticatorMultiAgent(ed25519Account, addresses, accounts)],
  [
    'FeePayer',
    new sdk.TransactionAuthenticatorFeePayer(multiKey, addresses, accounts, {
      address: address(0xfe),
      authenticator: ed25519Account,
    }),
  ],
  ['SingleSender', new sdk.TransactionAuthenticatorSingleSender(multiKey)],
];

describe('what the Aptos SDK writes: authenticators', () => {
  for (const [index, [variant, authenticator]] of ACCOUNT_AUTHENTICATORS.entries()) {
    it(`reads an account authenticator of kind ${variant} (${index})`, () => {
      assert.equal(readBack(AccountAuthenticator, authenticator).variant, variant);
    });
  }

  it('finds keys, signatures and bitmap of a multi key authenticator', () => {
    const value = readBack(AccountAuthenticator, multiKey);
    assert(value.variant === 'MultiKey');
    const { public_keys, signatures, signatures_bitmap } = value.value.authenticator;
    assert.equal(public_keys.signatures_required, 3);
    const variants = (items: readonly { readonly variant: string }[]): string[] =>
      items.map((one) => one.variant);
    assert.deepEqual(variants(public_keys.public_keys), [
      'Ed25519',
      'Secp256k1Ecdsa',
      'Keyless',
      'Secp256r1Ecdsa',
    ]);
    assert.deepEqual(variants(signatures), ['Ed25519', 'Keyless', 'WebAuthn']);
    assert.equal(toHex(signatures_bitmap.inner), 'b0000000');
  });

  for (const [variant, authenticator] of TRANSACTION_AUTHENTICATORS) {
    it(`reads a transaction authenticator of kind ${variant}`, () => {
      assert.equal(readBack(TransactionAuthenticator, authenticator).variant, variant);
    });
  }

  it('finds the signers of a fee payer transaction', () => {
    const value = readBack(TransactionAuthenticator, TRANSACTION_AUTHENTICATORS[3]?.[1] ?? assert.fail());
    assert(value.variant === 'FeePayer');
    const { sender, secondary_signer_addresses, secondary_signers, fee_payer_address } = value.value;
    assert.equal(sender.variant, 'MultiKey');
    assert.equal(toHex(fee_payer_address), 'fe'.repeat(32));
    assert.equal(secondary_signer_addresses.length, accounts.length);
    assert.deepEqual(
      secondary_signers.map((signer) => signer.variant),
      ACCOUNT_AUTHENTICATORS.map(([variant]) => variant),
    );
  });
});

const ARGUMENTS: readonly (readonly [sdk.ScriptFunctionArgument & sdk.Serializable, TransactionArgument])[] =
  [
    [new sdk.U8(255), { variant: 'U8', value: 255 }],
    [new sdk.U64(2n ** 64n - 1n), { variant: 'U64', value: 2n ** 64n - 1n }],
    [new sdk.U128(2n ** 128n - 1n), { variant: 'U128', value: 2n ** 128n - 1n }],
    [address(9), { variant: 'Address', value: filled(9, 32) }],
    [sdk.MoveVector.U8(filled(5, 200)), { variant: 'U8Vector', value: filled(5, 200) }],
    [new sdk.Bool(true), { variant: 'Bool', value: true }],
    [new sdk.U16(0xfffe), { variant: 'U16', value: 0xfffe }],
    [new sdk.U32(0xfffffffe), { variant: 'U32', value: 0xfffffffe }],
    [new sdk.U256(2n ** 256n - 2n), { variant: 'U256', value: 2n ** 256n - 2n }],
    [new sdk.Serialized(filled(6, 3)), { variant: 'Serialized', value: filled(6, 3) }],
    [new sdk.I8(-128), { variant: 'I8', value: -128 }],
    [new sdk.I16(-2), { variant: 'I16', value: -2 }],
    [new sdk.I32(-(2 ** 31)), { variant: 'I32', value: -(2 ** 31) }],
    [new sdk.I64(-(2n ** 63n)), { variant: 'I64', value: -(2n ** 63n) }],
    [new sdk.I128(-(2n ** 127n)), { variant: 'I128', value: -(2n ** 127n) }],
    [new sdk.I256(-(2n ** 255n) + 1n), { variant: 'I256', value: -(2n ** 255n) + 1n }],
  ];

const coin = new sdk.StructTag(address(1), new sdk.Identifier('coin'), new sdk.Identifier('Coin'), [
  new sdk.TypeTagVector(new sdk.TypeTagU8()),
]);
const TYPE_TAGS: Readonly<Record<string, sdk.TypeTag>> = {
  bool: new sdk.TypeTagBool(),
  u8: new sdk.TypeTagU8(),
  u64: new sdk.TypeTagU64(),
  u128: new sdk.TypeTagU128(),
  address: new sdk.TypeTagAddress(),
  signer: new sdk.TypeTagSigner(),
  vector: new sdk.TypeTagVector(new sdk.TypeTagStruct(coin)),
  struct: new sdk.TypeTagStruct(coin),
  u16: new sdk.TypeTagU16(),
  u32: new sdk.TypeTagU32(),
  u256: new sdk.TypeTagU256(),
};
const typeTags = Object.values(TYPE_TAGS);

const script = new sdk.Script(
  filled(0xa1, 300),
  typeTags,
  ARGUMENTS.map(([written]) => written),
);
const entryFunction = new sdk.EntryFunction(
  new sdk.ModuleId(address(1), new sdk.Identifier('aptos_account')),
  new sdk.Identifier('transfer'),
  typeTags,
  [address(2), new sdk.U64(7)],
);

describe('what the Aptos SDK writes: scripts and type tags', () => {
  for (const [variant, tag] of Object.entries(TYPE_TAGS)) {
    it(`reads a type tag of kind ${variant}`, () => {
      assert.equal(readBack(TypeTag, tag).variant, variant);
    });
  }

  for (const [index, [, expected]] of ARGUMENTS.entries()) {
    it(`reads a script argument of kind ${expected.variant}`, () => {
      const serializer = new sdk.Serializer();
      ARGUMENTS[index]?.[0].serializeForScriptFunction(serializer);
      const bytes = serializer.toUint8Array();
      assert.deepEqual(decode(TransactionArgument, bytes), expected);
      assert.equal(toHex(encode(TransactionArgument, expected)), toHex(bytes));
    });
  }

  it('reads a script with every kind of argument', () => {
    const payload = readBack(TransactionPayload, new sdk.TransactionPayloadScript(script));
    assert(payload.variant === 'Script');
    assert.equal(toHex(payload.value.code), 'a1'.repeat(300));
    assert.deepEqual(
      payload.value.args,
      ARGUMENTS.map(([, expected]) => expected),
    );
    assert.deepEqual(
      payload.value.ty_args.map((tag) => tag.variant),
      Object.keys(TYPE_TAGS),
    );
  });
});

const PAYLOADS: readonly (readonly [string, TransactionPayload['variant'], sdk.TransactionPayload])[] = [
  ['a script', 'Script', new sdk.TransactionPayloadScript(script)],
  ['an entry function', 'EntryFunction', new sdk.TransactionPayloadEntryFunction(entryFunction)],
  ['a multisig account', 'Multisig', new sdk.TransactionPayloadMultiSig(new sdk.MultiSig(address(3)))],
  [
    'a multisig account and an entry function',
    'Multisig',
    new sdk.TransactionPayloadMultiSig(
      new sdk.MultiSig(address(3), new sdk.MultiSigTransactionPayload(entryFunction)),
    ),
  ],
  ...[
    new sdk.TransactionExecutableScript(script),
    new sdk.TransactionExecutableEntryFunction(entryFunction),
    new sdk.TransactionExecutableEmpty(),
  ].flatMap((executable) =>
    [
      new sdk.TransactionExtraConfigV1(),
      new sdk.TransactionExtraConfigV1(address(4)),
      new sdk.TransactionExtraConfigV1(address(4), 2n ** 64n - 1n),
    ].map(
      (config, index) =>
        [
          `${executable.constructor.name} with configuration ${index}`,
          'Payload',
          new sdk.TransactionInnerPayloadV1(executable, config),
        ] as const,
    ),
  ),
];

describe('what the Aptos SDK writes: transactions', () => {
  for (const [what, variant, payload] of PAYLOADS) {
    it(`reads a payload with ${what}`, () => {
      assert.equal(readBack(TransactionPayload, payload).variant, variant);
    });
  }

  it('reads every payload in a transaction with every authenticator', () => {
    for (const [, payloadVariant, payload] of PAYLOADS) {
      const raw = new sdk.RawTransaction(
        address(0xaa),
        2n ** 64n - 1n,
        payload,
        200_000n,
        100n,
        1_700_000_000n,
        new sdk.ChainId(4),
      );
      const { payload: readPayload, ...fields } = readBack(RawTransaction, raw);
      assert.equal(readPayload.variant, payloadVariant);
      assert.deepEqual(fields, {
        sender: filled(0xaa, 32),
        sequence_number: 2n ** 64n - 1n,
        max_gas_amount: 200_000n,
        gas_unit_price: 100n,
        expiration_timestamp_secs: 1_700_000_000n,
        chain_id: 4,
      });
      for (const [variant, authenticator] of TRANSACTION_AUTHENTICATORS) {
        const signed = readBack(SignedTransaction, new sdk.SignedTransaction(raw, authenticator));
        assert.equal(signed.authenticator.variant, variant);
      }
    }
  });
});
