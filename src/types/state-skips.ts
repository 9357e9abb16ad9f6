import { type SkipProgram, skipProgram } from '../bcs/skip-program.js';
import { StateKey } from './state-key.js';
import { StateValue } from './state-value.js';

/** The program that steps over the parts of state records. */
export function stateSkips(dialect: number): SkipProgram<'key' | 'value'> {
  return skipProgram({ key: StateKey, value: StateValue }, dialect);
}
