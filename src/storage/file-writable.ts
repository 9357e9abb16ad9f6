import { Writable } from 'node:stream';
import type { BackupFileWriter } from './writable-backup-storage.js';

/**
 * A Node stream over a file under construction: commits when it is ended, discards when it is destroyed
 * before that or its source fails. A stream that failed carries the file's own error.
 */
export function fileWritable(file: BackupFileWriter): Writable {
  return new Writable({
    decodeStrings: true,
    write(chunk: Uint8Array, _encoding, callback) {
      file.write(chunk).then(() => callback(), callback);
    },
    final(callback) {
      file.commit().then(() => callback(), callback);
    },
    destroy(error, callback) {
      file.discard().then(() => callback(error), callback);
    },
  });
}
