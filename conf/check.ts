import type * as z from 'zod/mini';
import { codes, Failure } from './failure.ts';
import { nearest } from './nearest.ts';

type Issue = z.core.$ZodIssue;

/** `podCIDRs[1]`, as a person would point at it. */
function place(path: readonly PropertyKey[]): string {
  const steps = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`));
  return steps.join('').replace(/^\./, '');
}

function sentence(issue: Issue, root: readonly PropertyKey[], keysAt: KeysAt): string {
  const path = [...root, ...issue.path];
  if (issue.code !== 'unrecognized_keys') return `${place(path)} ${issue.message}`.trim();
  const [key = ''] = issue.keys;
  const meant = nearest(key, keysAt(issue.path));
  const where = path.length > 0 ? ` in ${place(path)}` : '';
  return `unknown key "${key}"${where}${meant ? `: did you mean "${meant}"?` : ''}`;
}

/** The keys that are known at a place, for the one that was meant. */
export type KeysAt = (path: readonly PropertyKey[]) => readonly string[];

interface Shape<T> {
  safeParse(input: unknown): z.core.util.SafeParseResult<T>;
}

/**
 * What the input is in the terms of a schema.
 *
 * @param root where the input stands in what the user wrote.
 * @throws {Failure} code 7, with a sentence for each thing that is wrong.
 */
export function check<T>(shape: Shape<T>, input: unknown, root = '', keysAt: KeysAt = () => []): T {
  const outcome = shape.safeParse(input);
  if (outcome.success) return outcome.data;
  const path = root === '' ? [] : [root];
  const sentences = outcome.error.issues.map((issue) => sentence(issue, path, keysAt));
  throw new Failure(codes.configuration, `invalid network configuration: ${sentences.join('; ')}`);
}
