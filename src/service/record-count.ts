import { ServiceError } from './service-error.js';

/** @throws ServiceError SERVICE_RECORDS_MISSING when a stream ended before `end` */
export function requireAll(what: string, first: bigint, end: bigint, reached: bigint): void {
  if (reached >= end) return;
  throw new ServiceError(
    'SERVICE_RECORDS_MISSING',
    `the service ends after ${reached - first} of ${end - first} ${what}, counted from ${first}`,
    {
      hint: 'Ask for no more than the service says it has; if it does say so, it holds back data.',
      facts: { first, expected: end - first, actual: reached - first },
    },
  );
}
