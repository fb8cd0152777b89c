import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Who talks to the API server, with the groups that its default roles are for. */
export interface User {
  readonly name: string;
  readonly groups: readonly string[];
  readonly token: string;
}

export function user(name: string, ...groups: string[]): User {
  return { name, groups, token: randomBytes(16).toString('hex') };
}

export const admin = () => user('admin', 'system:masters');
export const nodeUser = (node: string) => user(`system:node:${node}`, 'system:nodes');

/** Writes a file for `--token-auth-file`. @returns its path. */
export async function writeTokens(folder: string, users: readonly User[]): Promise<string> {
  const lines = users.map(({ token, name, groups }) => `${token},${name},${name},"${groups.join()}"\n`);
  const path = join(folder, 'tokens.csv');
  await writeFile(path, lines.join(''), { mode: 0o600 });
  return path;
}

/** Writes the key that service accounts' tokens are signed with. @returns its path. */
export async function writeServiceAccountKey(folder: string): Promise<string> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const path = join(folder, 'service-accounts.key');
  await writeFile(path, privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 });
  return path;
}

/** Where the API server is, and what its certificate is held against (PEM). */
export interface Endpoint {
  readonly url: string;
  readonly certificate: string;
}

/** Writes the kubeconfig of a user. @returns its path. */
export async function writeKubeconfig(
  folder: string,
  file: string,
  { url, certificate }: Endpoint,
  { name, token }: User,
): Promise<string> {
  const authority = Buffer.from(certificate).toString('base64');
  const path = join(folder, `${file}.kubeconfig`);
  const content = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server: url, 'certificate-authority-data': authority } }],
    users: [{ name, user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: name } }],
    'current-context': 'test',
  };
  await writeFile(path, JSON.stringify(content), { mode: 0o600 });
  return path;
}
