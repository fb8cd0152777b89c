import { reason } from '../../../../conf/failure.ts';
import { type Command, CommandError } from '../../../../netns/process/exec.ts';
import { isOnPath } from '../../../cni/executables.ts';
import { type Check, type Finding, ok, type Patient } from './check.ts';
import { neededBy, pathOf } from './commands.ts';

/** A feature, what tries it in a network namespace of its own, and the modules that bring it. */
interface Feature {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly modules: readonly string[];
}

/** As an argument: an old nft, which another check names, opens its input by a path that a socket does not have. */
const nftProbe = `add table inet probe
add chain inet probe nat { type nat hook postrouting priority 100; }
add rule inet probe nat meta nfproto { ipv4, ipv6 } fib daddr type != local masquerade fully-random
`;

const features: readonly Feature[] = [
  {
    name: 'veth pairs',
    command: 'ip',
    args: ['link', 'add', 'name', 'probe0', 'type', 'veth', 'peer', 'name', 'probe1'],
    modules: ['veth'],
  },
  {
    name: 'nftables with NAT',
    command: 'nft',
    args: [nftProbe],
    modules: ['nf_tables', 'nft_chain_nat', 'nft_masq', 'nft_fib_inet'],
  },
];

function inNewNamespace({ command, args }: Feature): Command {
  return { program: 'unshare', args: ['--net', '--', command, ...args] };
}

async function tryOut(feature: Feature, { run }: Patient): Promise<Finding> {
  try {
    await run(inNewNamespace(feature));
    return ok(feature.name);
  } catch (error) {
    const answer = error instanceof CommandError ? error.stderr.trim().split('\n')[0] : '';
    return {
      level: 'broken',
      found: `the kernel gives us no ${feature.name}: ${answer || reason(error)}`,
      remedy: [`modprobe -a ${feature.modules.join(' ')}`],
    };
  }
}

/** What the plugin asks of the kernel, tried. What needs a command that is missing is not: another check names that. */
export const kernel: Check = {
  name: 'kernel',
  run: async (patient) => {
    const path = pathOf(patient);
    const needed = neededBy(patient);
    const testable = features.filter(({ command }) => needed.includes(command) && isOnPath(command, path));
    if (testable.length === 0 || !isOnPath('unshare', path)) return [];
    const found = await Promise.all(testable.map((feature) => tryOut(feature, patient)));
    const failed = found.filter(({ level }) => level !== 'ok');
    return failed.length > 0 ? failed : [ok(`${found.map((finding) => finding.found).join(', ')}`)];
  },
};
