import { execa } from 'execa';
import { type Namespace, systemPath } from './namespaces.ts';
import { until } from './until.ts';

/** What iperf3 tells at the end, as far as it is used here. */
interface Report {
  readonly end: { readonly sum_received?: { readonly bits_per_second: number } };
  readonly error?: string;
}

/** What passes first, by the burst, does not count, in seconds; nor is it long until what follows is steady. */
const [warmUp, duration] = [1, 3];

/** What one TCP connection brings to the far end, in bits per second, after the first second. */
export async function throughput(
  from: Namespace,
  to: Namespace,
  address: string,
  omitted = warmUp,
  seconds = duration,
): Promise<number> {
  const options = { env: { PATH: systemPath }, stdin: 'ignore', reject: false } as const;
  const server = execa('ip', ['netns', 'exec', to.name, 'iperf3', '--server', '--one-off'], options);
  try {
    const times = ['--omit', `${omitted}`, '--time', `${seconds}`];
    const command = ['--json', ...times, '--client', address];
    return await until(`iperf3 at ${address}`, async () => received(await from.run('iperf3', ...command)));
  } finally {
    server.kill();
    await server;
  }
}

/** Also when the server does not listen yet, iperf3 writes a report: of an error. */
function received(report: string): number {
  const { end, error } = JSON.parse(report) as Report;
  if (!end.sum_received) throw new Error(error);
  return end.sum_received.bits_per_second;
}
