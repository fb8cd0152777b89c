import { ExecaError } from 'execa';
import { reason } from '../../conf/failure.ts';
import { CallFailed } from '../lab/cni.ts';

/** What went wrong, for a person: no stack, and the words of whoever refused. */
export function sentence(error: unknown): string {
  if (error instanceof CallFailed) return error.sentence;
  if (error instanceof ExecaError) return String(error.stderr ?? '').trim() || error.shortMessage;
  return reason(error);
}
