import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { debianPlugins, executable } from '../lab/cni.ts';

/** The newest reference plugins, as test/bench/tools has them built. */
export const builtPlugins = join(import.meta.dirname, '../../dist/bench-tools');

/** A plugin with a configuration. Everything is dual-stack. */
export interface Contestant {
  readonly name: string;
  /** The plugin's executable. */
  readonly program: string;
  /** The `type` of its configuration, and the keys that are its own. */
  readonly keys: Readonly<Record<string, unknown>>;
  /** Whether it takes seconds for each pod, so that it is asked for fewer. */
  readonly isSlow: boolean;
  /** Whether pods reach the outside with the node's address. */
  readonly masquerades: boolean;
}

/** Of each contestant's node: large enough for all leases that it is tried with. */
export const podCIDRs = ['10.244.0.0/16', 'fd00:10:244:1::/64'] as const;

function ours(ipMasq: boolean): Contestant {
  const name = `dualstack${ipMasq ? ', masq' : ''}`;
  const keys = { type: 'dualstack', podCIDRs, ipMasq };
  return { name, program: executable, keys, isSlow: false, masquerades: ipMasq };
}

function reference(folder: string, version: string, type: 'bridge' | 'ptp', more: Masquerade): Contestant {
  const backend = more.ipMasqBackend ? ' by nft' : '';
  return {
    name: `${type} ${version}${more.ipMasq ? `, masq${backend}` : ''}`,
    program: join(folder, type),
    keys: { type, ...(type === 'bridge' && { bridge: 'cni0', isGateway: true }), ...more },
    isSlow: type === 'ptp',
    masquerades: more.ipMasq,
  };
}

interface Masquerade {
  readonly ipMasq: boolean;
  readonly ipMasqBackend?: 'nftables';
}

const withAndWithout: readonly Masquerade[] = [{ ipMasq: true }, { ipMasq: false }];

/** Us first: the others are told as ratios to us. */
export function contestants(debianVersion: string, builtVersion: string): Contestant[] {
  const types = ['bridge', 'ptp'] as const;
  const ofDebian = types.flatMap((type) =>
    withAndWithout.map((more) => reference(debianPlugins, debianVersion, type, more)),
  );
  const built = [
    ...withAndWithout.map((more) => reference(builtPlugins, builtVersion, 'bridge', more)),
    reference(builtPlugins, builtVersion, 'bridge', { ipMasq: true, ipMasqBackend: 'nftables' }),
    ...withAndWithout.map((more) => reference(builtPlugins, builtVersion, 'ptp', more)),
  ];
  return [ours(true), ours(false), ...ofDebian, ...(existsSync(builtPlugins) ? built : [])];
}

/** What is to be written on standard input, with the leases in this folder. */
export function configurationOf(contestant: Contestant, dataDir: string): Record<string, unknown> {
  const [ipv4, ipv6] = podCIDRs;
  const ranges = [[{ subnet: ipv4 }], [{ subnet: ipv6 }]];
  const routes = [{ dst: '0.0.0.0/0' }, { dst: '::/0' }];
  const isOurs = contestant.keys['type'] === 'dualstack';
  return {
    cniVersion: '1.0.0',
    name: 'pods',
    ...contestant.keys,
    ...(isOurs ? { dataDir } : { ipam: { type: 'host-local', dataDir, ranges, routes } }),
  };
}
