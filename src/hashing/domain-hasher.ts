import { HASH_SIZE, type HashValue } from './hash-value.js';
import type { Sha3Engine, Spans } from './sha3-engine.js';

const utf8 = new TextEncoder();

/**
 * Hashes of one domain: SHA3-256(seed || message) with seed = SHA3-256(prefix || name)
 * (spec: formats.md, section 2).
 */
export class DomainHasher {
  readonly name: string;
  readonly seed: Uint8Array;
  readonly #engine: Sha3Engine;
  readonly #pair = new Uint8Array(2 * HASH_SIZE);

  constructor(prefix: string, name: string, engine: Sha3Engine) {
    this.name = name;
    this.seed = engine.digest(utf8.encode(prefix + name));
    this.#engine = engine;
  }

  /** The hash of one message, a new array. */
  hash(message: Uint8Array): HashValue {
    const out = new Uint8Array(HASH_SIZE);
    const spans = { base: message, starts: [0], ends: [message.length], count: 1 };
    this.#engine.records(this.seed, spans, out, 0);
    return out;
  }

  /** The hash of a node with two children, a new array. */
  pair(left: HashValue, right: HashValue): HashValue {
    this.#pair.set(left, 0);
    this.#pair.set(right, HASH_SIZE);
    const out = new Uint8Array(HASH_SIZE);
    this.#engine.nodes(this.seed, this.#pair, 0, 1, out, 0);
    return out;
  }

  /** One hash a span, 32 bytes each, from `out[outStart]` on. */
  records(spans: Spans, out: Uint8Array, outStart = 0): void {
    this.#engine.records(this.seed, spans, out, outStart);
  }

  /** Replaces `count` pairs at `nodes[start]` by their `count` parents, in place. */
  level(nodes: Uint8Array, start: number, count: number): void {
    this.#engine.nodes(this.seed, nodes, start, count, nodes, start);
  }
}
