/**
 * Orders `bytes[leftStart..leftEnd]` and `bytes[rightStart..rightEnd]` lexicographically, the shorter
 * prefix first, without making views of them: negative, zero or positive.
 */
export function compareSpans(
  bytes: Uint8Array,
  leftStart: number,
  leftEnd: number,
  rightStart: number,
  rightEnd: number,
): number {
  const leftLength = leftEnd - leftStart;
  const rightLength = rightEnd - rightStart;
  const shared = Math.min(leftLength, rightLength);
  for (let index = 0; index < shared; index++) {
    const difference = (bytes[leftStart + index] ?? 0) - (bytes[rightStart + index] ?? 0);
    if (difference !== 0) return difference;
  }
  return leftLength - rightLength;
}
