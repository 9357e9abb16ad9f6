import type {
  RequestedMultipliers,
  TransactionExecutable,
  TransactionExtraConfig,
  UserTxnLimitsRequest,
} from '../types/transaction-executable.js';
import type { MultisigTransactionPayload, TransactionPayload } from '../types/transaction-payload.js';
import { EncryptedPayloads, type SealedPayload } from './encrypted-payloads.js';
import type { MoveSamples } from './move-samples.js';
import { Deck, type SeededRandom } from './seeded-random.js';

/** What user transactions ask for: coin transfers only, or every kind of payload in turn. */
export class Payloads {
  readonly #random: SeededRandom;
  readonly #move: MoveSamples;
  readonly #encrypted: EncryptedPayloads;
  readonly #executables: Deck<() => TransactionExecutable>;
  readonly #extraConfigs: Deck<() => TransactionExtraConfig>;
  readonly #kinds: Deck<() => SealedPayload>;

  constructor(random: SeededRandom, move: MoveSamples, everyKind: boolean) {
    this.#random = random;
    this.#move = move;
    this.#encrypted = new EncryptedPayloads(random, move);
    this.#executables = new Deck(random, [
      () => ({ variant: 'Script', value: move.script() }),
      () => ({ variant: 'EntryFunction', value: move.entryFunction() }),
      () => ({ variant: 'Empty' }),
      () => ({ variant: 'Encrypted' }),
    ]);
    this.#extraConfigs = new Deck(random, this.#extraConfigKinds());
    const transfer = () => plain({ variant: 'EntryFunction', value: move.transfer() });
    this.#kinds = new Deck(random, everyKind ? this.#everyKind() : [transfer]);
  }

  deal(): SealedPayload {
    return this.#kinds.deal()();
  }

  #everyKind(): (() => SealedPayload)[] {
    const entryFunction = () => plain({ variant: 'EntryFunction', value: this.#move.entryFunction() });
    return [
      ...Array.from({ length: 6 }, () => entryFunction),
      () => plain({ variant: 'Script', value: this.#move.script() }),
      () => plain({ variant: 'ModuleBundle', value: { dummy_value: this.#random.u64() } }),
      () => this.#multisig(undefined),
      () => this.#multisig({ variant: 'EntryFunction', value: this.#move.entryFunction() }),
      () => this.#multisig({ variant: 'Script', value: this.#move.script() }),
      ...Array.from({ length: 4 }, () => () => this.#inner()),
      () => this.#encryptedPayload('Encrypted'),
      () => this.#encryptedPayload('FailedDecryption'),
      () => this.#encryptedPayload('Decrypted'),
    ];
  }

  #multisig(transaction_payload: MultisigTransactionPayload | undefined): SealedPayload {
    const value = { multisig_address: this.#random.bytes(32), transaction_payload };
    return plain({ variant: 'Multisig', value });
  }

  #inner(): SealedPayload {
    const executable = this.#executables.deal()();
    const value = { executable, extra_config: this.#extraConfigs.deal()() };
    return plain({ variant: 'Payload', value: { variant: 'V1', value } });
  }

  #encryptedPayload(state: 'Encrypted' | 'FailedDecryption' | 'Decrypted'): SealedPayload {
    const extraConfig = this.#extraConfigs.deal()();
    return this.#encrypted.payload(state, extraConfig, () => this.#executables.deal()());
  }

  #extraConfigKinds(): (() => TransactionExtraConfig)[] {
    const random = this.#random;
    const pool_address = () => random.bytes(32);
    const requests: (() => UserTxnLimitsRequest | undefined)[] = [
      () => undefined,
      () => ({ variant: 'StakePoolOwner', value: { multipliers: this.#multipliers() } }),
      () => ({
        variant: 'DelegatedVoter',
        value: { pool_address: pool_address(), multipliers: this.#multipliers() },
      }),
      () => ({
        variant: 'DelegationPoolDelegator',
        value: { pool_address: pool_address(), multipliers: this.#multipliers() },
      }),
    ];
    const common = () => ({
      multisig_address: random.chance(0.5) ? random.bytes(32) : undefined,
      replay_protection_nonce: random.chance(0.5) ? random.u64() : undefined,
    });
    return [
      () => ({ variant: 'V1', value: common() }),
      ...requests.map(
        (request) => (): TransactionExtraConfig => ({
          variant: 'V2',
          value: { ...common(), txn_limits_request: request() },
        }),
      ),
    ];
  }

  #multipliers(): RequestedMultipliers {
    const value = {
      execution_bps: this.#random.bigint(10_000n, 80_000n),
      io_bps: this.#random.bigint(10_000n, 80_000n),
    };
    return { variant: 'V1', value };
  }
}

/** A payload that is committed as it was signed. */
function plain(payload: TransactionPayload): SealedPayload {
  return { committed: payload, signed: payload };
}
