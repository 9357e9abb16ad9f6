import { Writable } from 'node:stream';
import type { DurableFile } from './durable-file.js';

/**
 * A Node stream over a durable file: commits when the stream is ended (`finish` means durable), discards
 * when it is destroyed before that. `publish` instead of `commit` leaves the name to the writer's barrier.
 * A stream that failed carries the file's `DurableFsError`.
 */
export function durableWritable(file: DurableFile, onEnd: 'commit' | 'publish' = 'commit'): Writable {
  return new Writable({
    decodeStrings: true,
    write(chunk: Uint8Array, _encoding, callback) {
      file.write(chunk).then(() => callback(), callback);
    },
    final(callback) {
      file[onEnd]().then(() => callback(), callback);
    },
    destroy(error, callback) {
      // After a commit this changes nothing; a stream destroyed early never shows its name.
      file.discard().then(() => callback(error), callback);
    },
  });
}
