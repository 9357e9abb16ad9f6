import { HoldfastError } from '../errors/holdfast-error.js';

/** Why proving stopped for a reason that is not in the data. */
export type ProvingErrorCode =
  /** A thread ended without being asked to, such as for want of memory. */
  | 'PROVING_THREAD_LOST'
  /** A thread reported a mistake of ours. */
  | 'PROVING_FAILED'
  /** The pool was closed while it was in use. */
  | 'PROVING_CLOSED';

/** Proving that stopped for a reason that is not in the data. */
export class ProvingError extends HoldfastError<ProvingErrorCode> {}
