import type { FileSystemCall } from '../durable-fs/operation-log.js';

/** An operation in a few words, for tables and messages: `link .holdfast/staging/w.0 -> backup/a`. */
export function describeCall(call: FileSystemCall): string {
  switch (call.kind) {
    case 'write':
      return `write ${call.path} [${call.position}, ${call.position + call.bytes.length})`;
    case 'link':
    case 'rename':
      return `${call.kind} ${call.from} -> ${call.to}`;
    case 'acknowledge':
      return `acknowledge ${call.label}`;
    default:
      return `${call.kind} ${call.path}`;
  }
}
