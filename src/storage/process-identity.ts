import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';

/** Which process this is, as far as another process can check it; empty texts where the system hides it. */
export interface ProcessIdentity {
  readonly host: string;
  /** Tells machines of the same name apart. */
  readonly machineId: string;
  /** Changes with every start of the machine. */
  readonly bootId: string;
  /** Process numbers mean the same only within one namespace (a container has its own). */
  readonly pidNamespace: string;
  readonly pid: number;
  /** When the process started, in the kernel's ticks since the boot: numbers of dead processes come again. */
  readonly startTicks: string;
  /** The user's name. */
  readonly user: string;
}

/** `unknown`: not to be told from here, so only the lease counts. */
export type Liveness = 'alive' | 'dead' | 'unknown';

/** The identity of the process that calls. */
export function ownProcessIdentity(): ProcessIdentity {
  return {
    host: hostname(),
    machineId: textOf('/etc/machine-id'),
    bootId: textOf('/proc/sys/kernel/random/boot_id'),
    pidNamespace: linkOf('/proc/self/ns/pid'),
    pid: process.pid,
    startTicks: startTicksOf(process.pid) ?? '',
    user: userName(),
  };
}

/**
 * Whether a process still runs, seen from the process `own`. A machine that has started again since then
 * has none of its old processes. Of a process on another machine, or in another process namespace, nothing
 * can be told.
 */
export function livenessOf(other: ProcessIdentity, own: ProcessIdentity = ownProcessIdentity()): Liveness {
  const sameMachine = other.host === own.host && other.machineId === own.machineId;
  if (!sameMachine) return 'unknown';
  if (other.bootId !== own.bootId) return other.bootId === '' || own.bootId === '' ? 'unknown' : 'dead';
  if (other.pidNamespace !== own.pidNamespace) return 'unknown';
  if (!isRunning(other.pid)) return 'dead';
  const startTicks = startTicksOf(other.pid);
  const isAnother = startTicks !== undefined && other.startTicks !== '' && startTicks !== other.startTicks;
  return isAnother ? 'dead' : 'alive';
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM means that there is one, of another user.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return !/^[ZX]/.test(fieldsOf(pid)?.[0] ?? '');
}

/** Undefined where the system does not tell. */
function startTicksOf(pid: number): string | undefined {
  return fieldsOf(pid)?.[19];
}

/** What follows the name in `/proc/<pid>/stat`: the state, and as the 20th field the start time. */
function fieldsOf(pid: number): string[] | undefined {
  const stat = textOf(`/proc/${pid}/stat`);
  return stat === '' ? undefined : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A user without an entry in the password file has only a number.
    return String(process.getuid?.() ?? '');
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    // Not Linux, or hidden.
    return '';
  }
}

function linkOf(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
}
