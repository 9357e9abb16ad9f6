import type { Codec, Infer } from '../bcs/codec.js';
import { enumeration, map, newtype, struct } from '../bcs/containers.js';
import { bytes } from '../bcs/primitives.js';
import { StateKey } from './state-key.js';
import { type StateValue, StateValueMetadata } from './state-value.js';

const dataWithMetadata = { data: bytes, metadata: StateValueMetadata };

/** What a transaction does to one state item (spec: aptos-types.md, section 5). */
export const WriteOp = enumeration(
  'WriteOp',
  ['Creation', bytes],
  ['Modification', bytes],
  ['Deletion', null],
  ['CreationWithMetadata', struct('CreationWithMetadata', dataWithMetadata)],
  ['ModificationWithMetadata', struct('ModificationWithMetadata', dataWithMetadata)],
  ['DeletionWithMetadata', struct('DeletionWithMetadata', { metadata: StateValueMetadata })],
);
export type WriteOp = Infer<typeof WriteOp>;

const writeSetMutFields = struct('WriteSetMut', { write_set: map(StateKey, WriteOp) });
/** The state items that a transaction writes, in the order of their keys' BCS. */
export interface WriteSetMut extends Infer<typeof writeSetMutFields> {}
export const WriteSetMut: Codec<WriteSetMut> = writeSetMutFields;

/** What a transaction did to the state, key by key (spec: aptos-types.md, section 5). */
export const WriteSet = enumeration('WriteSet', ['V0', newtype('WriteSetV0', WriteSetMut)]);
export type WriteSet = Infer<typeof WriteSet>;

/** The value that a state item has after `op`; undefined when it is gone. */
export function stateValueAfter(op: WriteOp): StateValue | undefined {
  switch (op.variant) {
    case 'Creation':
    case 'Modification':
      return { variant: 'V0', value: op.value };
    case 'CreationWithMetadata':
    case 'ModificationWithMetadata':
      return { variant: 'WithMetadata', value: op.value };
    case 'Deletion':
    case 'DeletionWithMetadata':
      return undefined;
  }
}
