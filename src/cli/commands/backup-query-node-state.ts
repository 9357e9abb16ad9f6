import type { Command } from 'commander';
import { stringify } from 'lossless-json';
import { addClientOptions, type ClientFlags, openClient } from '../backup-options.js';
import { printLine } from '../console.js';
import type { Dispatch } from '../dispatch.js';
import { EXIT, type ExitCode } from '../exit-codes.js';

interface NodeStateFlags extends ClientFlags {
  readonly json?: boolean;
}

async function queryNodeState(flags: NodeStateFlags, { console }: Dispatch): Promise<ExitCode> {
  const client = await openClient(flags);
  try {
    const state = await client.dbState({ signal: console.signal });
    const facts = state
      ? { bootstrapped: true, epoch: state.epoch, committedVersion: state.committed_version }
      : { bootstrapped: false };
    const line = state
      ? `epoch: ${state.epoch}, committed_version: ${state.committed_version}`
      : 'DB not bootstrapped.';
    printLine(console.stdout, flags.json ? (stringify(facts) ?? '') : line);
    return EXIT.ok;
  } finally {
    client.close();
  }
}

/** `backup query node-state`: how far a node is, in the reference's line. */
export function addBackupQueryNodeState(backup: Command, dispatch: Dispatch): void {
  const query =
    backup.commands.find((command) => command.name() === 'query') ??
    backup.command('query').description('ask how far a node or an archive is');
  const command = query
    .command('node-state')
    .description('print the epoch and the newest committed version of a node')
    .option('--json', 'print it as JSON');
  addClientOptions(command).action((flags: NodeStateFlags) => {
    dispatch.run(() => queryNodeState(flags, dispatch));
  });
}
