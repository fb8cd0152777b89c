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
  readonly origin: 'ours' | 'debian' | 'newest';
  /** Whether it takes seconds for each pod, so that it is asked for fewer. */
  readonly isSlow: boolean;
  /** Whether pods reach the outside with the node's address. */
  readonly masquerades: boolean;
  /** Whether it does all that ours does for a pod, as far as its plugin can: masquerade, and a guard. */
  readonly isEqual: boolean;
}

/** Of each contestant's node: large enough for all leases that it is tried with. */
export const podCIDRs = ['10.244.0.0/16', 'fd00:10:244:1::/64'] as const;

function ours(isEqual: boolean): Contestant {
  const name = `dualstack${isEqual ? ', masq, guard' : ''}`;
  const keys = { type: 'dualstack', podCIDRs, ipMasq: isEqual, spoofCheck: isEqual };
  return { name, program: executable, keys, origin: 'ours', isSlow: false, masquerades: isEqual, isEqual };
}

/** Keys of the reference plugins. ptp has no `macspoofchk`, and Debian 12's plugins masquerade by iptables alone. */
interface Features {
  readonly ipMasq?: true;
  readonly ipMasqBackend?: 'nftables';
  readonly macspoofchk?: true;
}

const bare: Features = {};
const masquerade: Features = { ipMasq: true };
const guarded: Features = { ipMasq: true, macspoofchk: true };
const byNftables: Features = { ipMasq: true, ipMasqBackend: 'nftables' };

function featureNames({ ipMasq, ipMasqBackend, macspoofchk }: Features): string {
  const masq = ipMasqBackend ? ', masq by nft' : ', masq';
  return `${ipMasq ? masq : ''}${macspoofchk ? ', guard' : ''}`;
}

/** The executables of the reference plugins, of one version. */
interface Release {
  readonly origin: 'debian' | 'newest';
  readonly folder: string;
  readonly version: string;
}

function reference(
  release: Release,
  type: 'bridge' | 'ptp',
  features: Features,
  isEqual = false,
): Contestant {
  const { origin, folder, version } = release;
  return {
    name: `${type} ${version}${featureNames(features)}`,
    program: join(folder, type),
    keys: { type, ...(type === 'bridge' && { bridge: 'cni0', isGateway: true }), ...features },
    origin,
    isSlow: type === 'ptp',
    masquerades: features.ipMasq === true,
    isEqual,
  };
}

/** Us first: the others are told as ratios to us. */
export function contestants(debianVersion: string, builtVersion: string): Contestant[] {
  const debian: Release = { origin: 'debian', folder: debianPlugins, version: debianVersion };
  const newest: Release = { origin: 'newest', folder: builtPlugins, version: builtVersion };
  const ofDebian = [
    reference(debian, 'bridge', guarded, true),
    reference(debian, 'bridge', masquerade),
    reference(debian, 'bridge', bare),
    reference(debian, 'ptp', masquerade, true),
    reference(debian, 'ptp', bare),
  ];
  const built = [
    reference(newest, 'bridge', { ...byNftables, ...guarded }, true),
    reference(newest, 'bridge', bare),
    reference(newest, 'ptp', byNftables, true),
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
