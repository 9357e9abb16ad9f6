// A process that restores an archive, for tests that kill it. Arguments: folder of the archive, folder of the
// database, first version of the history, milliseconds between commit points. Run it again and it goes on.
import process from 'node:process';
import { restoreInto } from './restore-into.js';

const [, , archive = '', directory = '', historyStart = '', commitEveryMs = ''] = process.argv;
const interruption = new AbortController();
process.on('SIGTERM', () => interruption.abort(new Error('stopped by SIGTERM')));
process.stdout.write('started\n');
try {
  const report = await restoreInto(directory, archive, {
    ...(historyStart === 'none' ? {} : { historyStartVersion: BigInt(historyStart) }),
    commitEveryMs: Number(commitEveryMs),
    signal: interruption.signal,
    onStanding: (words) => process.stdout.write(`${words}\n`),
  });
  process.stdout.write(`${report.outcome} ${report.version} ${report.stateRoot}\n`);
} catch (error) {
  if (!interruption.signal.aborted) throw error;
  process.exitCode = 130;
}
