import { createHash, hash } from 'node:crypto';
import { HASH_SIZE } from './hash-value.js';
import type { Sha3Engine, Spans } from './sha3-engine.js';

const ALGORITHM = 'sha3-256';
/** Messages up to this size are joined with their seed in scratch memory: one call instead of three. */
const SCRATCH_BYTES = 16 * 1024;

/**
 * The engine on `node:crypto`. Node hands a digest over as a one-byte-per-character string more than
 * twice as fast as in a buffer of its own, so digests are written from strings.
 */
class NodeSha3 implements Sha3Engine {
  readonly name = 'node:crypto';
  readonly #scratch = Buffer.alloc(HASH_SIZE + SCRATCH_BYTES);

  digest(message: Uint8Array): Uint8Array {
    const out = new Uint8Array(HASH_SIZE);
    Buffer.from(out.buffer).write(hash(ALGORITHM, message, 'binary'), 0, HASH_SIZE, 'latin1');
    return out;
  }

  records(seed: Uint8Array, spans: Spans, out: Uint8Array, outStart: number): void {
    const target = Buffer.from(out.buffer, out.byteOffset, out.byteLength);
    this.#scratch.set(seed, 0);
    for (let index = 0; index < spans.count; index++) {
      const message = spans.base.subarray(spans.starts[index], spans.ends[index]);
      const at = outStart + index * HASH_SIZE;
      if (message.length <= SCRATCH_BYTES) {
        this.#scratch.set(message, HASH_SIZE);
        const input = this.#scratch.subarray(0, HASH_SIZE + message.length);
        target.write(hash(ALGORITHM, input, 'binary'), at, HASH_SIZE, 'latin1');
      } else {
        target.set(createHash(ALGORITHM).update(seed).update(message).digest(), at);
      }
    }
  }

  nodes(
    seed: Uint8Array,
    pairs: Uint8Array,
    start: number,
    count: number,
    out: Uint8Array,
    outStart: number,
  ): void {
    const target = Buffer.from(out.buffer, out.byteOffset, out.byteLength);
    const input = this.#scratch.subarray(0, 3 * HASH_SIZE);
    input.set(seed, 0);
    for (let index = 0; index < count; index++) {
      const from = start + index * 2 * HASH_SIZE;
      input.set(pairs.subarray(from, from + 2 * HASH_SIZE), HASH_SIZE);
      target.write(hash(ALGORITHM, input, 'binary'), outStart + index * HASH_SIZE, HASH_SIZE, 'latin1');
    }
  }
}

/** The second engine: for single messages, for huge ones, and to compare the kernel with. */
export const nodeSha3: Sha3Engine = new NodeSha3();
