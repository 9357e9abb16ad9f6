import { InvalidArgumentError } from 'commander';
import { parseWaypoint, type Waypoint } from '../types/waypoint.js';
import { type FindingCode, isFindingCode } from '../verify/finding.js';

/** The largest u64: what the reference means by "no limit". */
export const U64_MAX = 2n ** 64n - 1n;

/** A decimal u64, with the optional leading plus that the reference accepts. */
export function parseU64(text: string): bigint {
  if (!/^\+?[0-9]+$/.test(text)) throw new InvalidArgumentError('It is no whole number.');
  const value = BigInt(text.replace('+', ''));
  if (value > U64_MAX) throw new InvalidArgumentError('It does not fit 64 bits.');
  return value;
}

/** A u64, or `max` in any letter case for the largest one. */
export function parseU64OrMax(text: string): bigint {
  return text.toLowerCase() === 'max' ? U64_MAX : parseU64(text);
}

/** A number from 1 to 1024: how many things are done at once. */
export function parseConcurrency(text: string): number {
  const value = Number(parseU64(text));
  if (value < 1 || value > 1024) throw new InvalidArgumentError('It must be from 1 to 1024.');
  return value;
}

/** `VERSION:HASH`, collected over repeated flags. */
export function collectWaypoints(text: string, previous: readonly Waypoint[] = []): readonly Waypoint[] {
  try {
    return [...previous, parseWaypoint(text)];
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** A finding's code, collected over repeated flags. */
export function collectFindingCodes(
  text: string,
  previous: readonly FindingCode[] = [],
): readonly FindingCode[] {
  if (!isFindingCode(text)) {
    throw new InvalidArgumentError('It is no code of a finding (docs/errors.md lists them).');
  }
  return [...previous, text];
}

/** Where to listen. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

const PORT_MAX = 65_535;

/** `HOST:PORT`, with brackets around an IPv6 address. */
export function parseListenAddress(text: string): ListenAddress {
  const [, bracketed, plain, digits = ''] = /^(?:\[([^\]]+)\]|([^:]+)):([0-9]{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || port > PORT_MAX) {
    throw new InvalidArgumentError('It must be HOST:PORT, such as 127.0.0.1:6186 or [::1]:6186.');
  }
  return { host, port };
}
