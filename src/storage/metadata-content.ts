import assert from 'node:assert/strict';
import { gunzipSync } from 'node:zlib';

/** Metadata that unpacks to more than this is refused: no writer makes such a file. */
const UNPACKED_BYTES_MAX = 256 * 1024 * 1024;

/** The content of a metadata file. Empty files and lines with line feeds are mistakes of the caller. */
export function metadataContent(lines: readonly string[]): Uint8Array {
  assert.ok(lines.length > 0, 'a metadata file without lines would be taken for a damaged one');
  for (const line of lines) assert.ok(line !== '' && !/[\n\r]/.test(line), 'a line is one line');
  return Buffer.from(lines.map((line) => `${line}\n`).join(''));
}

/** What a stored file says: operators and commands compress. Undefined for a damaged gzip. */
export function unpackedMetadata(stored: Uint8Array): Uint8Array | undefined {
  if (stored[0] !== 0x1f || stored[1] !== 0x8b) return stored;
  try {
    return gunzipSync(stored, { maxOutputLength: UNPACKED_BYTES_MAX });
  } catch {
    // Cut short or altered; what it should say nobody knows.
    return undefined;
  }
}
