import type { Infer } from '../bcs/codec.js';
import { tuple } from '../bcs/containers.js';
import { StateKey } from './state-key.js';
import { StateValue } from './state-value.js';

/** A record of a state chunk (spec: aptos-types.md, section 1). */
export const StateRecord = tuple(StateKey, StateValue);
export type StateRecord = Infer<typeof StateRecord>;
