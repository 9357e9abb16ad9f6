import { readFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { AptosDbBackupReader } from '../../aptosdb/read/aptosdb-backup-reader.js';
import { BackupServer, type ServiceEvent } from '../../service/backup-server.js';
import { type ListenAddress, parseConcurrency, parseListenAddress, parseU64 } from '../argument-parsers.js';
import { type Console, printLine } from '../console.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { Dispatch } from '../dispatch.js';
import { UsageError } from '../usage-error.js';

interface ServeFlags {
  readonly dbDir: string;
  readonly backupServiceAddress: ListenAddress;
  readonly bearerTokenFile?: string;
  readonly tlsCertFile?: string;
  readonly tlsKeyFile?: string;
  readonly maxConcurrentStreams: number;
  readonly shutdownGraceSeconds: number;
}

const DEFAULT_ADDRESS: ListenAddress = { host: '127.0.0.1', port: 6186 };

function parseSeconds(text: string): number {
  const seconds = Number(parseU64(text));
  if (seconds > 86_400) throw new InvalidArgumentError('It must be at most a day.');
  return seconds;
}

/** Whether only this machine can connect; every name but localhost may lead elsewhere. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

async function readTextFile(what: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`cannot read the ${what} ${file}: ${(error as Error).message}`);
  }
}

async function readToken(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const token = (await readTextFile('bearer token', file)).trim();
  if (!/^\S+$/.test(token)) throw new UsageError(`the bearer token in ${file} is empty or has white space`);
  return token;
}

async function readTls({ tlsCertFile, tlsKeyFile }: ServeFlags) {
  if (tlsCertFile === undefined && tlsKeyFile === undefined) return undefined;
  if (tlsCertFile === undefined || tlsKeyFile === undefined) {
    throw new UsageError('--tls-cert-file and --tls-key-file are given together');
  }
  const cert = await readTextFile('certificate', tlsCertFile);
  return { cert, key: await readTextFile('private key', tlsKeyFile) };
}

function warnOfExposure(console: Console, host: string, hasToken: boolean, hasTls: boolean): void {
  if (isLoopback(host)) return;
  const open = [
    hasToken ? '' : 'anybody who reaches it can read the whole ledger',
    hasTls ? '' : 'nothing is encrypted',
  ];
  const why = open.filter((reason) => reason !== '').join('; ') || 'make sure that this is meant';
  printLine(console.stderr, `WARNING: ${host} IS NOT A LOOPBACK ADDRESS: ${why}.`);
  if (!hasToken || !hasTls) {
    printLine(console.stderr, '  See --bearer-token-file, --tls-cert-file and --tls-key-file.');
  }
}

function eventLine({ kind, status, target, error }: ServiceEvent): string {
  const why = error === undefined ? '' : `: ${error instanceof Error ? error.message : String(error)}`;
  return `${kind} ${status} ${JSON.stringify(target.slice(0, 200))}${why}`;
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

async function serve(flags: ServeFlags, { console }: Dispatch): Promise<ExitCode> {
  const { host, port } = flags.backupServiceAddress;
  const bearerToken = await readToken(flags.bearerTokenFile);
  const tls = await readTls(flags);
  const reader = await AptosDbBackupReader.open(flags.dbDir);
  try {
    const server = await BackupServer.start({
      reader,
      host,
      port,
      bearerToken,
      tls,
      streamsMax: flags.maxConcurrentStreams,
      onEvent: (event) => {
        if (event.kind === 'failed') printLine(console.stderr, eventLine(event));
      },
    });
    warnOfExposure(console, host, bearerToken !== undefined, tls !== undefined);
    printLine(console.stdout, `serving ${flags.dbDir} at ${server.url}`);
    await untilAborted(console.signal);
    printLine(console.stderr, 'shutting down');
    await server.close(flags.shutdownGraceSeconds * 1000);
  } finally {
    await reader.close();
  }
  return EXIT.ok;
}

/** `serve`: the backup service over a ledger database, until SIGINT or SIGTERM. */
export function addServe(program: Command, dispatch: Dispatch): void {
  program
    .command('serve')
    .description('serve a ledger database over the HTTP backup service of a node')
    .requiredOption('--db-dir <DIR>', 'the ledger database; it is opened read-only')
    .addOption(
      new Option('--backup-service-address <HOST:PORT>', 'where to listen')
        .argParser(parseListenAddress)
        .default(DEFAULT_ADDRESS, '127.0.0.1:6186'),
    )
    .option('--bearer-token-file <FILE>', 'a file with a token that every request must carry')
    .option('--tls-cert-file <FILE>', 'speak TLS with this certificate chain (PEM)')
    .option('--tls-key-file <FILE>', 'the private key of the certificate (PEM)')
    .option(
      '--max-concurrent-streams <N>',
      'streams at a time; one more is answered 503',
      parseConcurrency,
      64,
    )
    .option(
      '--shutdown-grace-seconds <N>',
      'how long running answers may take to end once a signal came',
      parseSeconds,
      10,
    )
    .action((flags: ServeFlags) => {
      dispatch.run(() => serve(flags, dispatch));
    });
}
