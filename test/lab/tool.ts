import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { executable, type Outcome } from './cni.ts';
import { type Lab, type Namespace, systemPath } from './namespaces.ts';
import { type Config, dataDirOf, podCIDRs } from './pods.ts';

/** How the tool is called; the environment is a person's, not a runtime's. */
export interface ToolCall {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** A program, and its arguments, that is to start the tool. */
  readonly under?: readonly string[];
}

/** Calls the tool on a node, as a person does whose output goes into a pipe. */
export async function tool(node: Namespace, words: readonly string[], how: ToolCall = {}): Promise<Outcome> {
  const { exitCode, stdout, stderr } = await execa(
    '/sbin/ip',
    ['netns', 'exec', node.name, ...(how.under ?? []), executable, ...words],
    { env: { PATH: systemPath, ...how.env }, extendEnv: false, input: how.input ?? '', reject: false },
  );
  return { status: exitCode, stdout, stderr };
}

/** What `--json` says. */
export async function toolJson<T>(node: Namespace, words: readonly string[], how: ToolCall = {}): Promise<T> {
  const { stdout, stderr } = await tool(node, [...words, '--json'], how);
  if (stdout === '') throw new Error(`${words.join(' ')} said nothing: ${stderr}`);
  return JSON.parse(stdout) as T;
}

export function confDirOf(lab: Lab): string {
  return join(lab.folder, 'net.d');
}

/** Puts a configuration of ours where the lab's runtime would look, over the lab's own store. @returns its path. */
export async function writeConflist(
  lab: Lab,
  more: Config = {},
  name = '10-dualstack.conflist',
): Promise<string> {
  const plugin = { type: 'dualstack', dataDir: dataDirOf(lab), podCIDRs, ...more };
  return writeConfiguration(lab, name, { cniVersion: '1.0.0', name: 'pods', plugins: [plugin] });
}

export async function writeConfiguration(lab: Lab, name: string, content: object | string): Promise<string> {
  await mkdir(confDirOf(lab), { recursive: true });
  const path = join(confDirOf(lab), name);
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}
