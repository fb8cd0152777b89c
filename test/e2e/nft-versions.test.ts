import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { call, type Invocation, type Outcome, succeeded } from '../lab/cni.ts';
import { both, look, mirrorIn } from '../lab/mirror.ts';
import { type Lab, type Namespace, openLab, systemPath } from '../lab/namespaces.ts';
import { nftFolder } from '../lab/nft-folder.ts';
import { bringNftVersions } from '../lab/nft-versions.ts';
import { type AddedPod, type Config, configuration } from '../lab/pods.ts';

const { supported } = await bringNftVersions();

/** The node with one of the versions of nft: what the plugin finds first on its PATH. */
class Side {
  readonly #lab: Lab;
  readonly #node: Namespace;
  readonly #folder: string;

  constructor(lab: Lab, node: Namespace, suite: string) {
    this.#lab = lab;
    this.#node = node;
    this.#folder = nftFolder(suite);
  }

  nft(...words: string[]): Promise<string> {
    return this.#node.run(join(this.#folder, 'nft'), ...words);
  }

  call(verb: 'ADD' | 'CHECK' | 'DEL' | 'GC' | 'STATUS', config: Config, how: Invocation): Promise<Outcome> {
    return call(this.#node, verb, config, { ...how, env: { PATH: `${this.#folder}:${systemPath}` } });
  }

  async add(more: Config, containerID: string): Promise<AddedPod> {
    const pod = await this.#lab.pod();
    const config = configuration(this.#lab, { cniVersion: '1.1.0', ...more });
    const result = succeeded(await this.call('ADD', config, { netns: pod.path, containerID }));
    return { containerID, pod, result, config: { ...config, prevResult: result } };
  }

  check({ config, pod, containerID }: AddedPod): Promise<Outcome> {
    return this.call('CHECK', config, { netns: pod.path, containerID });
  }

  del({ config, pod, containerID }: AddedPod): Promise<Outcome> {
    return this.call('DEL', config, { netns: pod.path, containerID });
  }
}

function published(...hostIPs: (string | undefined)[]): Config {
  const portMappings = hostIPs.flatMap((hostIP, index) =>
    ['tcp', 'udp'].map((protocol) => ({ hostPort: 8080 + index, containerPort: 80, protocol, hostIP })),
  );
  return { runtimeConfig: { portMappings } };
}

/** Together they have elements in every set and map of the table. */
const kinds: Readonly<Record<string, Config>> = {
  masqueraded: {},
  direct: { ipMasq: false },
  unguarded: { spoofCheck: false },
  published: published(undefined, '192.0.2.10', '2001:db8::10', '127.0.0.1'),
  'of another network': {
    name: 'others',
    podCIDRs: ['10.7.0.0/24', 'fd07::/64'],
    clusterCIDRs: ['10.0.0.0/8'],
  },
};

/** What programs beside ours ask nft for: kube-proxy lists sets and maps, firewalld the ruleset. */
const listings: readonly string[][] = [
  ['list', 'ruleset'],
  ['list', 'tables'],
  ['list', 'chains'],
  ['list', 'sets'],
  ['list', 'maps'],
  ['list', 'table', 'inet', 'dualstack'],
];

async function isReadable(t: ExecutionContext, reader: Side): Promise<void> {
  for (const words of listings) {
    for (const options of [[], ['-a'], ['-j'], ['-n']]) {
      t.not(await reader.nft(...options, ...words), '', [...options, ...words].join(' '));
    }
  }
  await reader.nft('add', 'table', 'ip', 'beside');
  await reader.nft('delete', 'table', 'ip', 'beside');
}

const ready = { status: 0, stdout: '', stderr: '' };

for (const [maker, reader] of supported.flatMap((one) => supported.map((other) => [one, other] as const))) {
  test.serial(`a table that nft of ${maker} made, and nft of ${reader} reads and changes`, async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const world = await lab.outside(node);
    const [one, other] = [new Side(lab, node, maker), new Side(lab, node, reader)];
    const pods: AddedPod[] = [];
    for (const [kind, config] of Object.entries(kinds))
      pods.push(await one.add(config, kind.replaceAll(' ', '-')));
    await isReadable(t, other);
    for (const pod of pods) t.deepEqual(await other.check(pod), ready, pod.containerID);
    const rules = () => one.nft('--terse', '--handle', 'list', 'table', 'inet', 'dualstack');
    const before = await rules();
    const late = await other.add({}, 'late');
    t.is(await rules(), before, 'no rule is written again');
    await isReadable(t, one);
    t.deepEqual(await one.check(late), ready);
    const config = configuration(lab, { cniVersion: '1.1.0' });
    t.deepEqual(await other.call('STATUS', config, { containerID: '', ifname: '' }), ready);
    const holder = pods.find(({ containerID }) => containerID === 'published');
    if (!holder) throw new Error('nobody has the host ports');
    await using _ = await mirrorIn(holder.pod, 80);
    t.deepEqual(await look(world, ['192.0.2.10', '2001:db8::10'], 8080), both(['192.0.2.1', '2001:db8::1']));
    await using far = await mirrorIn(world);
    for (const { pod } of [holder, late])
      t.deepEqual(
        await look(pod, ['192.0.2.1', '2001:db8::1'], far.port),
        both(['192.0.2.10', '2001:db8::10']),
      );
    const valid = [holder, late].map(({ containerID }) => ({ containerID, ifname: 'eth0' }));
    const list = { ...config, 'cni.dev/valid-attachments': valid };
    t.deepEqual(await other.call('GC', list, { containerID: '', ifname: '' }), ready);
    for (const pod of [holder, late]) t.deepEqual(await one.check(pod), ready, pod.containerID);
    for (const pod of [...pods, late]) t.deepEqual(await other.del(pod), ready, pod.containerID);
    const left = (await one.nft('list', 'table', 'inet', 'dualstack')).match(/elements = .*/g);
    t.deepEqual(left, ['elements = { "uplink" }'], 'what is the node’s stays, and nothing of pods');
  });
}
