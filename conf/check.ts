import type * as z from 'zod/mini';
import { codes, enumerate, Failure, quote } from './failure.ts';
import { nearest } from './nearest.ts';
import { type KeysAt, withoutUnset } from './unset.ts';

type Issue = z.core.$ZodIssue;

/** `podCIDRs[1]`, as a person would point at it. */
function place(path: readonly PropertyKey[]): string {
  const steps = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`));
  return steps.join('').replace(/^\./, '');
}

function sentence(issue: Issue, root: readonly PropertyKey[], keysAt: KeysAt): string {
  const path = [...root, ...issue.path];
  if (issue.code !== 'unrecognized_keys') return `${place(path)} ${issue.message}`.trim();
  const where = path.length > 0 ? ` in ${place(path)}` : '';
  const known = keysAt(issue.path);
  const describe = (key: string) => `unknown key ${quote(key)}${where}${suggestion(key, known)}`;
  return enumerate(issue.keys, '; ', describe);
}

function suggestion(key: string, known: readonly string[]): string {
  const meant = nearest(key, known);
  return meant ? `: did you mean "${meant}"?` : '';
}

/** For values that no rule describes: something that should be an object or a string, and is not. */
function mustBe(issue: z.core.$ZodRawIssue): string | undefined {
  return issue.code === 'invalid_type' ? `must be ${withArticle(issue.expected)}` : undefined;
}

function withArticle(noun: string): string {
  return /^[aeiou]/.test(noun) ? `an ${noun}` : `a ${noun}`;
}

interface Shape<T> {
  safeParse(input: unknown, context: { error: typeof mustBe }): z.core.util.SafeParseResult<T>;
}

/**
 * Checks the input against a schema. Keys without a value count as absent (unset.ts).
 *
 * @param keysAt finds the closest known key.
 * @param root the place of the input in what the user wrote.
 * @throws {Failure} code 7, with a sentence for each thing that is wrong.
 */
export function check<T>(shape: Shape<T>, input: unknown, root = '', keysAt: KeysAt = () => []): T {
  const outcome = shape.safeParse(withoutUnset(input, keysAt), { error: mustBe });
  if (outcome.success) return outcome.data;
  const path = root === '' ? [] : [root];
  const describe = (issue: Issue) => sentence(issue, path, keysAt);
  const sentences = enumerate(outcome.error.issues, '; ', describe);
  throw new Failure(codes.configuration, `invalid network configuration: ${sentences}`);
}
