import { join } from 'node:path';
import { execa } from 'execa';
import { type Namespace, systemPath } from './namespaces.ts';

const scripts = join(import.meta.dirname, 'probes');

export type Transport = 'tcp' | 'udp';

/**
 * One packet, one answer: the first one counts.
 *
 * @returns the milliseconds in between. @throws when there is no answer within a second.
 */
export async function ping(from: Namespace, to: string): Promise<number> {
  const answer = await from.run('ping', '-n', '-c', '1', '-W', '1', to);
  return Number(/ time=([\d.]+) ms/.exec(answer)?.[1]);
}

/** Something that answers in a namespace, until it is disposed of. */
export interface Server extends AsyncDisposable {
  readonly port: number;
}

/**
 * Answers every client, on all addresses of both families, with the source address that it saw.
 *
 * @param name follows that in every answer, after a space, where it matters who answers.
 */
export async function serve(namespace: Namespace, transport: Transport, name = ''): Promise<Server> {
  const args = [
    'netns',
    'exec',
    namespace.name,
    process.execPath,
    join(scripts, 'server.ts'),
    transport,
    name,
  ];
  const child = execa('ip', args, { env: { PATH: systemPath }, stdin: 'pipe', reject: false });
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout.once('data', (line: Buffer) => resolve(Number(line.toString())));
    child.then(() => reject(new Error(`the ${transport} server ended`)));
  });
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      await child;
    },
  };
}

/** Who is asked, and how. */
export interface Question {
  readonly transport: Transport;
  readonly to: string;
  readonly port: number;
}

/** Asks such servers, one after the other. @returns as `ask`, for each. @throws without an answer in a second. */
export async function askAll(from: Namespace, questions: readonly Question[]): Promise<string[]> {
  const words = questions.flatMap(({ transport, to, port }) => [transport, to, `${port}`]);
  return (await from.run(process.execPath, join(scripts, 'client.ts'), ...words)).split('\n');
}

/** Asks such a server. @returns the address that it saw the question come from, and its name. @throws as `askAll`. */
export async function ask(from: Namespace, transport: Transport, to: string, port: number): Promise<string> {
  const [answer = ''] = await askAll(from, [{ transport, to, port }]);
  return answer;
}
