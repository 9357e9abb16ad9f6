import type { JsonExtras } from './json-reader.js';

/** Compact JSON, byte for byte as the reference writes it: no spaces, integers exact, fields in order. */
export type JsonField = readonly [name: string, json: string];

export function jsonText(text: string): string {
  return JSON.stringify(text);
}

export function jsonList<Item>(items: readonly Item[], write: (item: Item) => string): string {
  return `[${items.map(write).join(',')}]`;
}

/** The fields in order, then those that the format does not know, as they were read. */
export function jsonStruct(fields: readonly JsonField[], extras?: JsonExtras | undefined): string {
  const members = fields.map(([name, json]) => `${jsonText(name)}:${json}`);
  for (const [name, json] of extras ?? []) {
    members.push(`${jsonText(name)}:${Buffer.from(json).toString('utf8')}`);
  }
  return `{${members.join(',')}}`;
}
