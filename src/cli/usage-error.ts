import { HoldfastError } from '../errors/holdfast-error.js';

/** The command line is wrong in a way that only the command itself can see. */
export class UsageError extends HoldfastError<'USAGE'> {
  constructor(message: string, hint?: string) {
    super('USAGE', message, hint === undefined ? {} : { hint });
  }
}
