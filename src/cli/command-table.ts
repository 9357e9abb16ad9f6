import type { Command } from 'commander';
import type { Dispatch } from './dispatch.js';

/** Adds a command to the group that it belongs to. */
type AddCommand = (parent: Command, dispatch: Dispatch) => void;

interface TableRow {
  /** The words that call it, or that lead to the commands of its module. */
  readonly words: readonly [name: string] | readonly [group: string, name: string];
  /** A module is loaded only when its command is called or listed: most of a start is loading code. */
  readonly load: () => Promise<AddCommand>;
}

/** Commands that stand below a word of their own, and what is said of them. */
const GROUPS: Readonly<Record<string, string>> = {
  backup: 'make, ask and prove backups',
  restore: 'make a database from an archive',
  'backup-maintenance': 'keep an archive in order',
  debug: 'look into a ledger database',
};

/** All commands in the order of the help. */
const COMMANDS: readonly TableRow[] = [
  {
    words: ['backup', 'oneoff'],
    load: async () => (await import('./commands/backup-oneoff.js')).addBackupOneoff,
  },
  {
    words: ['backup', 'continuously'],
    load: async () => (await import('./commands/backup-continuously.js')).addBackupContinuously,
  },
  {
    words: ['backup', 'verify'],
    load: async () => (await import('./commands/backup-verify.js')).addBackupVerify,
  },
  {
    words: ['backup', 'query'],
    load: async () => (await import('./commands/backup-query.js')).addBackupQuery,
  },
  {
    words: ['backup', 'query'],
    load: async () => (await import('./commands/backup-query-node-state.js')).addBackupQueryNodeState,
  },
  {
    words: ['adopt'],
    load: async () => (await import('./commands/adopt.js')).addAdopt,
  },
  {
    words: ['restore', 'plan'],
    load: async () => (await import('./commands/restore-plan.js')).addRestorePlan,
  },
  {
    words: ['restore', 'bootstrap-db'],
    load: async () => (await import('./commands/restore-bootstrap-db.js')).addRestoreBootstrapDb,
  },
  {
    words: ['restore', 'oneoff'],
    load: async () => (await import('./commands/restore-oneoff.js')).addRestoreOneoff,
  },
  {
    words: ['backup-maintenance', 'cleanup'],
    load: async () => (await import('./commands/backup-maintenance-cleanup.js')).addBackupMaintenanceCleanup,
  },
  {
    words: ['replay-verify'],
    load: async () => (await import('./commands/replay-verify.js')).addReplayVerify,
  },
  {
    words: ['gen-replay-verify-jobs'],
    load: async () => (await import('./commands/gen-replay-verify-jobs.js')).addGenReplayVerifyJobs,
  },
  {
    words: ['serve'],
    load: async () => (await import('./commands/serve.js')).addServe,
  },
  {
    words: ['bootstrap'],
    load: async () => (await import('./commands/bootstrap.js')).addBootstrap,
  },
  {
    words: ['ledger'],
    load: async () => (await import('./commands/ledger-generate.js')).addLedger,
  },
  {
    words: ['debug', 'check-db'],
    load: async () => (await import('./commands/debug-check-db.js')).addDebugCheckDb,
  },
  {
    words: ['debug', 'state-tree'],
    load: async () => (await import('./commands/debug-state-tree.js')).addDebugStateTree,
  },
  {
    words: ['debug', 'ledger'],
    load: async () => (await import('./commands/debug-ledger.js')).addDebugLedger,
  },
  {
    words: ['debug', 'truncate'],
    load: async () => (await import('./commands/debug-truncate.js')).addDebugTruncate,
  },
  {
    words: ['debug', 'checkpoint'],
    load: async () => (await import('./commands/debug-truncate.js')).addDebugCheckpoint,
  },
];

/** The rows that a command line calls; all of them where it asks for help, or is none of ours. */
function calledRows(args: readonly string[]): readonly TableRow[] {
  const called = COMMANDS.filter(({ words }) => words.every((word, index) => args[index] === word));
  return called.length > 0 ? called : COMMANDS;
}

/** Adds what the command line calls, in its group. */
export async function addCalledCommands(
  program: Command,
  dispatch: Dispatch,
  args: readonly string[],
): Promise<void> {
  const groups = new Map<string, Command>();
  for (const { words, load } of calledRows(args)) {
    const add = await load();
    const [group, name] = words;
    if (name === undefined) {
      add(program, dispatch);
      continue;
    }
    let parent = groups.get(group);
    if (parent === undefined) {
      parent = program.command(group).description(GROUPS[group] ?? '');
      groups.set(group, parent);
    }
    add(parent, dispatch);
  }
}
