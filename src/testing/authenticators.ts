import { BcsWriter } from '../bcs/bcs-writer.js';
import { DomainHasher } from '../hashing/domain-hasher.js';
import { nodeSha3 } from '../hashing/node-sha3.js';
import type { AccountAuthenticator, TransactionAuthenticator } from '../types/authenticator.js';
import { LEDGER_FAMILIES } from '../types/ledger-family.js';
import { ACCOUNT_KEY_SCHEMES, type AccountKey, newAccountKey } from './account-keys.js';
import { Deck, type SeededRandom } from './seeded-random.js';
import { Ed25519SigningKey } from './signing-keys.js';

/** Keys of each kind; accounts share them, since making one costs as much as signing. */
const KEYS_PER_KIND = 4;
const MULTI_KEYS_MAX = 4;

const { hashPrefix } = LEDGER_FAMILIES.aptos;
/** Seeds of what users sign: alone, and together with others. */
const RAW_TRANSACTION = new DomainHasher(hashPrefix, 'RawTransaction', nodeSha3).seed;
const RAW_TRANSACTION_WITH_DATA = new DomainHasher(hashPrefix, 'RawTransactionWithData', nodeSha3).seed;

/** Makes the signature of one account. */
type Signer = (message: Uint8Array) => AccountAuthenticator;
type TransactionSigner = (rawTransaction: Uint8Array) => TransactionAuthenticator;

/**
 * Signs raw transactions: with plain Ed25519 keys only, or with every kind of authenticator in turn.
 * All keys are real, and so are the signatures, except where `newAccountKey` says otherwise.
 */
export class TransactionSigners {
  readonly #random: SeededRandom;
  readonly #ed25519: readonly Ed25519SigningKey[];
  /** A deck for each part that an account can have in a transaction. */
  readonly #senders: Deck<Signer>;
  readonly #secondarySigners: Deck<Signer>;
  readonly #feePayers: Deck<Signer>;
  readonly #kinds: Deck<TransactionSigner>;

  constructor(random: SeededRandom, everyKind: boolean) {
    this.#random = random;
    this.#ed25519 = Array.from({ length: KEYS_PER_KIND }, () => new Ed25519SigningKey(random));
    const anySigners = everyKind ? this.#singleSenderSigners() : [];
    const ed25519: Signer = (message) => this.#ed25519Signature(message);
    const multiEd25519: Signer = (message) => this.#multiEd25519Signature(message);
    const accountSigners = [ed25519, multiEd25519, ...anySigners];
    this.#senders = new Deck(random, accountSigners);
    this.#secondarySigners = new Deck(random, accountSigners);
    this.#feePayers = new Deck(random, accountSigners);
    const plain: TransactionSigner = (raw) => this.#ed25519Signature(signingMessage(raw));
    this.#kinds = new Deck(
      random,
      everyKind
        ? [
            ...Array.from({ length: 8 }, () => plain),
            (raw) => this.#multiEd25519Signature(signingMessage(raw)),
            (raw) => this.#multiAgent(raw),
            (raw) => this.#feePayer(raw),
            ...anySigners.map(
              (signer): TransactionSigner =>
                (raw) => ({
                  variant: 'SingleSender',
                  value: { sender: signer(signingMessage(raw)) },
                }),
            ),
          ]
        : [plain],
    );
  }

  /** The authenticator of a transaction, by the BCS bytes of its RawTransaction. */
  authenticate(rawTransaction: Uint8Array): TransactionAuthenticator {
    return this.#kinds.deal()(rawTransaction);
  }

  /** The kinds that came with the newer account model. */
  #singleSenderSigners(): Signer[] {
    const random = this.#random;
    const keys = ACCOUNT_KEY_SCHEMES.map((scheme) => newAccountKey(random, scheme));
    const singleKeys = keys.map(
      (key): Signer =>
        (message) =>
          singleKeySignature(key, message),
    );
    return [
      ...singleKeys,
      (message) => multiKeySignature(random, keys, message),
      (message) => abstractSignature(random, message),
      (message) => derivableAbstractSignature(random, message),
      () => ({ variant: 'NoAccountAuthenticator' }),
    ];
  }

  #ed25519Signature(message: Uint8Array) {
    const key = this.#random.pick(this.#ed25519);
    const value = { public_key: key.publicKey, signature: key.sign(message) };
    return { variant: 'Ed25519', value } as const;
  }

  /** k of n keys: the keys and a threshold byte; the k signatures and a bitmap of 4 bytes. */
  #multiEd25519Signature(message: Uint8Array) {
    const random = this.#random;
    const keys = this.#ed25519.slice(0, random.int(2, KEYS_PER_KIND));
    const threshold = random.int(1, keys.length);
    const signers = randomSubset(random, keys.length, threshold);
    const signatures = signers.map((index) => keys[index]?.sign(message) ?? new Uint8Array());
    const public_key = concat([...keys.map((key) => key.publicKey), Uint8Array.of(threshold)]);
    const signature = concat([...signatures, bitmap(signers, 4)]);
    return { variant: 'MultiEd25519', value: { public_key, signature } } as const;
  }

  #multiAgent(rawTransaction: Uint8Array): TransactionAuthenticator {
    const addresses = this.#secondaryAddresses();
    const message = messageWithData(0, rawTransaction, addresses);
    return {
      variant: 'MultiAgent',
      value: {
        sender: this.#senders.deal()(message),
        secondary_signer_addresses: addresses,
        secondary_signers: addresses.map(() => this.#secondarySigners.deal()(message)),
      },
    };
  }

  #feePayer(rawTransaction: Uint8Array): TransactionAuthenticator {
    const addresses = this.#random.chance(0.5) ? [] : this.#secondaryAddresses();
    const feePayer = this.#random.bytes(32);
    const message = messageWithData(1, rawTransaction, addresses, feePayer);
    return {
      variant: 'FeePayer',
      value: {
        sender: this.#senders.deal()(message),
        secondary_signer_addresses: addresses,
        secondary_signers: addresses.map(() => this.#secondarySigners.deal()(message)),
        fee_payer_address: feePayer,
        fee_payer_signer: this.#feePayers.deal()(message),
      },
    };
  }

  #secondaryAddresses(): Uint8Array[] {
    return Array.from({ length: this.#random.int(1, 3) }, () => this.#random.bytes(32));
  }
}

function singleKeySignature(key: AccountKey, message: Uint8Array): AccountAuthenticator {
  const authenticator = { public_key: key.publicKey, signature: key.sign(message) };
  return { variant: 'SingleKey', value: { authenticator } };
}

function multiKeySignature(
  random: SeededRandom,
  allKeys: readonly AccountKey[],
  message: Uint8Array,
): AccountAuthenticator {
  // The large signatures of SLH-DSA come often enough by themselves.
  const candidates = allKeys.filter((key) => key.publicKey.variant !== 'SlhDsa_Sha2_128s');
  const keys = random.shuffle(candidates).slice(0, random.int(2, MULTI_KEYS_MAX));
  const required = random.int(1, keys.length);
  const signers = randomSubset(random, keys.length, required);
  const authenticator = {
    public_keys: { public_keys: keys.map((key) => key.publicKey), signatures_required: required },
    signatures: signers.flatMap((index) => keys[index]?.sign(message) ?? []),
    signatures_bitmap: { inner: bitmap(signers, 1) },
  };
  return { variant: 'MultiKey', value: { authenticator } };
}

function abstractSignature(random: SeededRandom, message: Uint8Array): AccountAuthenticator {
  const auth_data = {
    variant: 'V1',
    value: { signing_message_digest: nodeSha3.digest(message), abstract_signature: random.bytes(80) },
  } as const;
  return {
    variant: 'Abstract',
    value: { authenticator: { function_info: functionInfo(random), auth_data } },
  };
}

function derivableAbstractSignature(random: SeededRandom, message: Uint8Array): AccountAuthenticator {
  const auth_data = {
    variant: 'DerivableV1',
    value: {
      signing_message_digest: nodeSha3.digest(message),
      abstract_signature: random.bytes(65),
      abstract_public_key: random.bytes(33),
    },
  } as const;
  return {
    variant: 'Abstract',
    value: { authenticator: { function_info: functionInfo(random), auth_data } },
  };
}

function functionInfo(random: SeededRandom) {
  return { module_address: random.bytes(32), module_name: 'any_wallet', function_name: 'authenticate' };
}

function signingMessage(rawTransaction: Uint8Array): Uint8Array {
  return concat([RAW_TRANSACTION, rawTransaction]);
}

/** What all signers of a transaction with several of them sign: variant 0 without, 1 with a fee payer. */
function messageWithData(
  variant: number,
  rawTransaction: Uint8Array,
  secondaryAddresses: readonly Uint8Array[],
  feePayer?: Uint8Array,
): Uint8Array {
  const writer = new BcsWriter({ initialSize: rawTransaction.length + 256 });
  writer.raw(RAW_TRANSACTION_WITH_DATA);
  writer.uleb128(variant);
  writer.raw(rawTransaction);
  writer.sequenceLength(secondaryAddresses.length);
  for (const address of secondaryAddresses) writer.raw(address);
  if (feePayer) writer.raw(feePayer);
  return writer.toBytes();
}

/** `count` of the numbers below `size`, ascending. */
function randomSubset(random: SeededRandom, size: number, count: number): number[] {
  const indexes = Array.from({ length: size }, (_, index) => index);
  return random
    .shuffle(indexes)
    .slice(0, count)
    .sort((left, right) => left - right);
}

/** One bit an index, the most significant first. */
function bitmap(indexes: readonly number[], size: number): Uint8Array {
  const bits = new Uint8Array(size);
  for (const index of indexes) bits[index >> 3] = (bits[index >> 3] ?? 0) | (0x80 >> (index & 7));
  return bits;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}
