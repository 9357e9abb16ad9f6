// A process that restores an archive, for tests that kill it. Arguments: folder of the archive, folder of the
// database, first version of the history, milliseconds between commit points. Run it again and it goes on. It
// says where it is: `stage NAME` when one begins, `commit point NAME` after each.
import process from 'node:process';
import { restoreInto } from './restore-into.js';

const [, , archive = '', directory = '', historyStart = '', commitEveryMs = ''] = process.argv;
const interruption = new AbortController();
process.on('SIGTERM', () => interruption.abort(new Error('stopped by SIGTERM')));
process.stdout.write('started\n');
let saidStage: string | undefined;
try {
  const report = await restoreInto(directory, archive, {
    ...(historyStart === 'none' ? {} : { historyStartVersion: BigInt(historyStart) }),
    commitEveryMs: Number(commitEveryMs),
    signal: interruption.signal,
    progress: ({ stage }) => {
      if (stage !== saidStage) process.stdout.write(`stage ${stage}\n`);
      saidStage = stage;
    },
    onCommitPoint: ({ stage }) => process.stdout.write(`commit point ${stage}\n`),
    onStanding: (words) => process.stdout.write(`${words}\n`),
  });
  process.stdout.write(`${report.outcome} ${report.version} ${report.stateRoot}\n`);
} catch (error) {
  if (!interruption.signal.aborted) throw error;
  process.exitCode = 130;
}
