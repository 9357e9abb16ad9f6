import { HoldfastError } from '../../errors/holdfast-error.js';

/** What a stored state tree lacks. */
export type JellyfishErrorCode =
  /** No tree was written at this version, or it was pruned. */
  | 'JELLYFISH_ROOT_MISSING'
  /** A node that another one names as its child is not there. */
  | 'JELLYFISH_NODE_MISSING'
  /** A range is to end at a key that the tree does not have. */
  | 'JELLYFISH_KEY_MISSING'
  /** The root is a bare leaf, as a restored snapshot of a single item has it: nothing can be put on it. */
  | 'JELLYFISH_ROOT_IS_LEAF';

export class JellyfishError extends HoldfastError<JellyfishErrorCode> {}
