import type { PersistedAuxiliaryInfo } from '../types/auxiliary-info.js';
import type { ContractEvent } from '../types/contract-event.js';
import type { AbortLocation, ExecutionStatus } from '../types/transaction-info.js';
import { FRAMEWORK_ADDRESS, type MoveSamples } from './move-samples.js';
import { Deck, type SeededRandom } from './seeded-random.js';

/** A status code that every reader knows: unknown ones do not survive re-encoding in the reference. */
const UNKNOWN_INVARIANT_VIOLATION = 2000n;

/** What executing transactions left behind: status, events, auxiliary info; every variant in turn. */
export class Outcomes {
  readonly #random: SeededRandom;
  readonly #move: MoveSamples;
  readonly #statuses: Deck<() => ExecutionStatus>;
  readonly #eventKinds: Deck<ContractEvent['variant']>;
  readonly #auxiliaryKinds: Deck<PersistedAuxiliaryInfo['variant']>;
  readonly #reconfigurationKinds: Deck<ContractEvent['variant']>;
  #eventNumber = 0n;

  constructor(random: SeededRandom, move: MoveSamples, everyKind: boolean) {
    this.#random = random;
    this.#move = move;
    this.#statuses = new Deck(random, everyKind ? this.#everyStatus() : [success]);
    this.#eventKinds = new Deck(random, ['V1', 'V2']);
    this.#reconfigurationKinds = new Deck(random, ['V1', 'V2']);
    this.#auxiliaryKinds = new Deck(
      random,
      everyKind ? ['V1', 'V1', 'V1', 'V1', 'V1', 'V1', 'TimestampNotYetAssignedV1', 'None'] : ['V1'],
    );
  }

  /** How a user's transaction ended. */
  status(): ExecutionStatus {
    return this.#statuses.deal()();
  }

  auxiliaryInfo(transaction_index: number): PersistedAuxiliaryInfo {
    const variant = this.#auxiliaryKinds.deal();
    return variant === 'None' ? { variant } : { variant, value: { transaction_index } };
  }

  events(count: number): ContractEvent[] {
    return Array.from({ length: count }, () => this.#event());
  }

  /** What tells that an epoch ended (spec: aptos-types.md, section 7). */
  newEpochEvent(nextEpoch: bigint): ContractEvent {
    const variant = this.#reconfigurationKinds.deal();
    const name = variant === 'V1' ? 'NewEpochEvent' : 'NewEpoch';
    const type_tag = {
      variant: 'struct',
      value: { address: FRAMEWORK_ADDRESS, module: 'reconfiguration', name, type_args: [] },
    } as const;
    const event_data = new Uint8Array(8);
    new DataView(event_data.buffer).setBigUint64(0, nextEpoch, true);
    if (variant === 'V2') return { variant, value: { type_tag, event_data } };
    const key = { creation_number: 2n, account_address: FRAMEWORK_ADDRESS };
    return { variant, value: { key, sequence_number: nextEpoch - 1n, type_tag, event_data } };
  }

  #event(): ContractEvent {
    const random = this.#random;
    const variant = this.#eventKinds.deal();
    const type_tag = { variant: 'struct', value: this.#move.structTag(2) } as const;
    const event_data = random.bytes(random.int(0, 64));
    if (variant === 'V2') return { variant, value: { type_tag, event_data } };
    // The first streams of the framework have a meaning: new epochs, new blocks.
    const key = { creation_number: random.bigint(4n, 24n), account_address: this.#move.address() };
    return { variant, value: { key, sequence_number: this.#eventNumber++, type_tag, event_data } };
  }

  #everyStatus(): (() => ExecutionStatus)[] {
    const info = { reason_name: 'EINSUFFICIENT_BALANCE', description: 'not enough coins – 余额不足' };
    return [
      ...Array.from({ length: 8 }, () => success),
      () => ({ variant: 'OutOfGas' }),
      () => this.#abort(this.#module(), info),
      () => this.#abort(this.#module(), undefined),
      () => this.#abort({ variant: 'Script' }, undefined),
      () => this.#failure(this.#module()),
      () => this.#failure({ variant: 'Script' }),
      () => ({ variant: 'MiscellaneousError', value: undefined }),
      () => ({ variant: 'MiscellaneousError', value: UNKNOWN_INVARIANT_VIOLATION }),
    ];
  }

  #module(): AbortLocation {
    return { variant: 'Module', value: this.#move.moduleId() };
  }

  #abort(
    location: AbortLocation,
    info: { readonly reason_name: string; readonly description: string } | undefined,
  ): ExecutionStatus {
    return { variant: 'MoveAbort', value: { location, code: this.#random.u64(), info } };
  }

  #failure(location: AbortLocation): ExecutionStatus {
    const value = {
      location,
      function: this.#random.int(0, 0xffff),
      code_offset: this.#random.int(0, 0xffff),
    };
    return { variant: 'ExecutionFailure', value };
  }
}

function success(): ExecutionStatus {
  return { variant: 'Success' };
}
