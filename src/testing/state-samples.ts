import { encode } from '../bcs/codec.js';
import { BcsWriter } from '../bcs/bcs-writer.js';
import { Path, type StateKey } from '../types/state-key.js';
import { StateValueMetadata } from '../types/state-value.js';
import { FRAMEWORK_ADDRESS, type MoveSamples } from './move-samples.js';
import { Deck, type SeededRandom } from './seeded-random.js';

const KEY_KINDS = ['Resource', 'ResourceGroup', 'Code', 'TableItem', 'Raw'] as const;
const METADATA_KINDS = ['none', 'none', 'V0', 'V1'] as const;
const VALUE_BYTES_MAX = 120;
/** One value in a hundred is larger than small chunks are. */
const LARGE_VALUE_CHANCE = 0.01;
const LARGE_VALUE_BYTES_MAX = 4000;

/** A value of a state item as write operations and state values share it. */
export interface ValueSample {
  readonly withMetadata: boolean;
  /** Length-prefixed data, then the metadata if there is any: all that follows the variant. */
  readonly tail: Uint8Array;
}

/** Where validators look for their successors (spec: formats.md, section 5). */
export const VALIDATOR_SET_KEY: StateKey = {
  variant: 'AccessPath',
  value: {
    address: FRAMEWORK_ADDRESS,
    path: encode(Path, {
      variant: 'Resource',
      value: { address: FRAMEWORK_ADDRESS, module: 'stake', name: 'ValidatorSet', type_args: [] },
    }),
  },
};

/** State keys and values of every variant in turn. */
export class StateSamples {
  readonly #random: SeededRandom;
  readonly #move: MoveSamples;
  readonly #keyKinds: Deck<(typeof KEY_KINDS)[number]>;
  readonly #metadataKinds: Deck<(typeof METADATA_KINDS)[number]>;

  constructor(random: SeededRandom, move: MoveSamples) {
    this.#random = random;
    this.#move = move;
    this.#keyKinds = new Deck(random, KEY_KINDS);
    this.#metadataKinds = new Deck(random, METADATA_KINDS);
  }

  /** A key that no other call returns: 32 of its bytes are random. */
  key(): StateKey {
    const kind = this.#keyKinds.deal();
    switch (kind) {
      case 'Resource':
      case 'ResourceGroup':
        return this.#accessPath({ variant: kind, value: this.#move.structTag(1) });
      case 'Code':
        return this.#accessPath({ variant: kind, value: this.#move.moduleId() });
      case 'TableItem': {
        const key = this.#random.bytes(this.#random.int(1, 40));
        return { variant: kind, value: { handle: this.#random.bytes(32), key } };
      }
      case 'Raw':
        return { variant: kind, value: this.#random.bytes(32) };
    }
  }

  value(): ValueSample {
    const random = this.#random;
    const large = random.chance(LARGE_VALUE_CHANCE);
    const data = random.bytes(random.int(0, large ? LARGE_VALUE_BYTES_MAX : VALUE_BYTES_MAX));
    const metadata = this.metadata();
    return valueSample(data, metadata);
  }

  metadata(): StateValueMetadata | undefined {
    const random = this.#random;
    const variant = this.#metadataKinds.deal();
    const creation_time_usecs = random.bigint(1_600_000_000_000_000n, 1_900_000_000_000_000n);
    switch (variant) {
      case 'none':
        return undefined;
      case 'V0':
        return { variant, value: { deposit: random.u64(), creation_time_usecs } };
      case 'V1': {
        // Without a bytes deposit it would re-encode as V0 in the reference.
        const bytes_deposit = random.bigint(1n, 1_000_000n);
        return { variant, value: { slot_deposit: random.u64(), bytes_deposit, creation_time_usecs } };
      }
    }
  }

  #accessPath(path: Path): StateKey {
    return { variant: 'AccessPath', value: { address: this.#random.bytes(32), path: encode(Path, path) } };
  }
}

export function valueSample(data: Uint8Array, metadata?: StateValueMetadata): ValueSample {
  const writer = new BcsWriter({ initialSize: data.length + 32 });
  writer.byteVector(data);
  if (metadata) StateValueMetadata.write(writer, metadata);
  return { withMetadata: metadata !== undefined, tail: writer.toBytes() };
}
