import { BcsError } from '../bcs/bcs-error.js';

/** The error of an attempt, or undefined; anything but a `BcsError` is thrown on. */
export function refusal(attempt: () => void): BcsError | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    if (error instanceof BcsError) return error;
    throw error;
  }
}
