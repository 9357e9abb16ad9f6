import { encode } from '../bcs/codec.js';
import { RawTransaction, type Transaction } from '../types/transaction.js';
import { TransactionSigners } from './authenticators.js';
import type { MoveSamples } from './move-samples.js';
import { Payloads } from './payloads.js';
import type { SeededRandom } from './seeded-random.js';

const TEST_CHAIN_ID = 4;
/** Replaces the sequence number where a nonce protects against replay. */
const NO_SEQUENCE_NUMBER = 2n ** 64n - 1n;

/** Signed transactions of users, of any payload and authenticator. */
export class UserTransactions {
  readonly #random: SeededRandom;
  readonly #payloads: Payloads;
  readonly #signers: TransactionSigners;

  constructor(random: SeededRandom, move: MoveSamples, everyKind: boolean) {
    this.#random = random.fork('raw');
    this.#payloads = new Payloads(random.fork('payloads'), move, everyKind);
    this.#signers = new TransactionSigners(random.fork('signers'), everyKind);
  }

  /** @param timestampUsecs of the block, in microseconds */
  next(timestampUsecs: bigint): Transaction {
    const random = this.#random;
    const payload = this.#payloads.deal();
    const raw: RawTransaction = {
      sender: random.bytes(32),
      sequence_number: random.chance(0.1) ? NO_SEQUENCE_NUMBER : random.bigint(0n, 100_000n),
      payload: payload.committed,
      max_gas_amount: random.bigint(1_000n, 2_000_000n),
      gas_unit_price: random.bigint(100n, 500n),
      expiration_timestamp_secs: timestampUsecs / 1_000_000n + 600n,
      chain_id: TEST_CHAIN_ID,
    };
    const signedBytes = encode(RawTransaction, { ...raw, payload: payload.signed });
    const authenticator = this.#signers.authenticate(signedBytes);
    return { variant: 'UserTransaction', value: { raw_txn: raw, authenticator } };
  }
}
