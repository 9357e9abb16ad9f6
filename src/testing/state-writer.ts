import assert from 'node:assert';
import { decode, encode } from '../bcs/codec.js';
import type { LedgerHashers } from '../types/ledger-family.js';
import { StateKey } from '../types/state-key.js';
import { StateValueMetadata } from '../types/state-value.js';
import {
  creationOp,
  deletionOp,
  GeneratedState,
  type KeyId,
  modificationOp,
  type StateChange,
} from './generated-state.js';
import type { MoveSamples } from './move-samples.js';
import { Deck, type SeededRandom } from './seeded-random.js';
import { StateSamples, VALIDATOR_SET_KEY, valueSample } from './state-samples.js';

type OpKind = 'create' | 'modify' | 'delete';

const CHANGES_MAX = 6;
/** Keys that only the generator itself changes: the validator set. */
const PINNED_KEYS = 1;
const RECREATION_CHANCE = 0.3;

/** Thinks up what transactions write: creations of new keys, changes and deletions of existing ones. */
export class StateWriter {
  readonly state: GeneratedState;
  readonly #random: SeededRandom;
  readonly #samples: StateSamples;
  readonly #opKinds: Deck<OpKind>;
  #validatorSet: KeyId | undefined;

  constructor(random: SeededRandom, move: MoveSamples, hashers: LedgerHashers) {
    this.state = new GeneratedState(hashers);
    this.#random = random;
    this.#samples = new StateSamples(random.fork('samples'), move);
    // As many deletions as creations, so that the state keeps its size.
    this.#opKinds = new Deck(random.fork('ops'), [
      'create',
      'create',
      'modify',
      'modify',
      'delete',
      'delete',
    ]);
  }

  /** The first `itemCount` items of the ledger, among them the validator set. */
  genesis(itemCount: number, validatorSet: Uint8Array): StateChange[] {
    assert(itemCount >= PINNED_KEYS && this.#validatorSet === undefined);
    this.#validatorSet = this.state.addKey(VALIDATOR_SET_KEY);
    const changes = [{ key: this.#validatorSet, op: creationOp(valueSample(validatorSet)) }];
    while (changes.length < itemCount) changes.push(this.#creation(this.#newKey()));
    return changes;
  }

  validatorSetChange(validatorSet: Uint8Array): StateChange {
    assert(this.#validatorSet !== undefined, 'genesis comes first');
    return { key: this.#validatorSet, op: modificationOp(valueSample(validatorSet)) };
  }

  /** Up to six changes of any kind. */
  anyChanges(): StateChange[] {
    const changes = new Map<KeyId, StateChange>();
    for (let count = this.#random.int(0, CHANGES_MAX); count > 0; count--) {
      const change = this.#change(this.#opKinds.deal(), changes);
      changes.set(change.key, change);
    }
    return [...changes.values()];
  }

  /** Up to `count` changes of existing items: fewer where the state is small. */
  modifications(count: number): StateChange[] {
    const changes = new Map<KeyId, StateChange>();
    for (let left = count; left > 0; left--) {
      const key = this.#existingKey(changes);
      if (key !== undefined) changes.set(key, this.#modification(key));
    }
    return [...changes.values()];
  }

  /** Up to `count` keys that have a value, each once. */
  someLiveKeys(count: number): StateKey[] {
    const keys = new Set<KeyId>();
    for (let left = count; left > 0; left--) {
      const key = this.state.randomLiveKey(this.#random, PINNED_KEYS);
      if (key !== undefined) keys.add(key);
    }
    return [...keys].map((key) => decode(StateKey, this.state.keyBytes(key)));
  }

  #change(kind: OpKind, taken: ReadonlyMap<KeyId, StateChange>): StateChange {
    const existing = kind === 'create' ? undefined : this.#existingKey(taken);
    if (existing === undefined) return this.#creation(this.#keyToCreate());
    if (kind === 'modify') return this.#modification(existing);
    const metadata = this.#samples.metadata();
    return { key: existing, op: deletionOp(metadata && encode(StateValueMetadata, metadata)) };
  }

  /** A key with a value that this transaction does not touch yet; undefined when chance finds none. */
  #existingKey(taken: ReadonlyMap<KeyId, StateChange>): KeyId | undefined {
    const key = this.state.randomLiveKey(this.#random, PINNED_KEYS);
    return key === undefined || taken.has(key) ? undefined : key;
  }

  /** A key without a value: mostly a new one, sometimes one that was removed before. */
  #keyToCreate(): KeyId {
    const removed = this.#random.chance(RECREATION_CHANCE) ? this.state.takeRemovedKey() : undefined;
    return removed ?? this.#newKey();
  }

  #newKey(): KeyId {
    return this.state.addKey(this.#samples.key());
  }

  #creation(key: KeyId): StateChange {
    return { key, op: creationOp(this.#samples.value()) };
  }

  #modification(key: KeyId): StateChange {
    return { key, op: modificationOp(this.#samples.value()) };
  }
}
