import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { type Lab, type Namespace, systemPath } from './namespaces.ts';

/** What is advertised on a link. */
export interface Advertisement {
  readonly link: string;
  /** Hosts make themselves an address of it: a /64. */
  readonly prefix: string;
  /** Seconds that the router is a default router for; 0: it is none. */
  readonly lifetime: number;
}

/** As often as radvd can (RFC 6275, section 7.5, has the least interval): tests wait for the next one. */
function settings({ link, prefix, lifetime }: Advertisement): string {
  return `interface ${link} {
    AdvSendAdvert on;
    AdvIntervalOpt on;
    MinRtrAdvInterval 0.2;
    MaxRtrAdvInterval 0.4;
    MinDelayBetweenRAs 0.03;
    AdvDefaultLifetime ${lifetime};
    prefix ${prefix} { AdvOnLink on; AdvAutonomous on; };
  };
`;
}

/**
 * A router that advertises itself in a namespace, which it makes forward, until it is disposed of. The link must be up.
 *
 * @param lab has the folder for its files.
 */
export async function advertise(
  lab: Lab,
  namespace: Namespace,
  advertisement: Advertisement,
): Promise<AsyncDisposable> {
  const files = join(lab.folder, `radvd-${namespace.name}`);
  await writeFile(`${files}.conf`, settings(advertisement));
  await namespace.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1');
  const args = [
    '--nodaemon',
    '--config',
    `${files}.conf`,
    '--pidfile',
    `${files}.pid`,
    '--logmethod',
    'none',
  ];
  const child = execa('ip', ['netns', 'exec', namespace.name, 'radvd', ...args], {
    env: { PATH: systemPath },
    stdin: 'ignore',
    reject: false,
  });
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await child;
    },
  };
}
