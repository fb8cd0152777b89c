import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { call, failed, podIPs, succeeded } from '../lab/cni.ts';
import { type Namespace, openLab } from '../lab/namespaces.ts';
import { addPod, type Config, configuration } from '../lab/pods.ts';
import { ping } from '../lab/probes.ts';
import { StandIns } from '../lab/stand-ins.ts';
import { throughput } from '../lab/throughput.ts';
import { kernelState, storeTraces } from '../lab/traces.ts';

/** In bits, per second and at once. */
const [towards, from, burst] = [20e6, 30e6, 1e6];

const bandwidth = { ingressRate: towards, ingressBurst: burst, egressRate: from, egressBurst: burst };

function limited(more: object = bandwidth): Config {
  return { runtimeConfig: { bandwidth: more } };
}

async function qdiscs(namespace: Namespace, link: string): Promise<string> {
  return namespace.run('tc', 'qdisc', 'show', 'dev', link);
}

for (const [index, family] of ['IPv4', 'IPv6'].entries()) {
  test.serial(`iperf3 gets within a tenth of the rate in both directions: ${family}`, async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const [slow, free] = [await addPod(lab, node, limited(), 'slow'), await addPod(lab, node, {}, 'free')];
    const [addressOfSlow = '', addressOfFree = ''] = [slow, free].map(({ result }) => podIPs(result)[index]);
    const got = {
      towards: await throughput(free.pod, slow.pod, addressOfSlow),
      from: await throughput(slow.pod, free.pod, addressOfFree),
    };
    t.log(got);
    for (const [rate, measured] of [
      [towards, got.towards],
      [from, got.from],
    ] as const) {
      t.true(Math.abs(measured / rate - 1) < 0.1, `${measured} of ${rate} bits per second`);
    }
  });
}

test.serial('the limits are the kernel’s own shaping on both ends, and go with the pod', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const before = await kernelState(node);
  const { pod, result, config } = await addPod(lab, node, limited());
  const hostEnd = result.interfaces[0]?.name ?? '';
  t.regex(
    await qdiscs(node, hostEnd),
    /^qdisc tbf \S+ root refcnt \d+ rate 20Mbit burst 12[45]\d{3}b lat 25ms/,
  );
  t.regex(
    await qdiscs(pod, 'eth0'),
    /^qdisc tbf \S+ root refcnt \d+ rate 30Mbit burst 12[45]\d{3}b lat 25ms/,
  );
  t.is((await call(node, 'CHECK', config, { netns: pod.path })).status, 0);
  t.is((await call(node, 'DEL', config, { netns: pod.path })).status, 0);
  t.is(await kernelState(node), before);
  t.deepEqual([await storeTraces(join(lab.folder, 'data')), await node.links()], [[], []]);
});

const noLimits: [string, object | null][] = [
  ['no bandwidth at all', null],
  ['an empty one', {}],
  ['zeros', { ingressRate: 0, ingressBurst: 0, egressRate: 0, egressBurst: 0 }],
];

for (const [what, none] of noLimits) {
  test.serial(`no limit is set, and no tc started, for ${what}`, async (t) => {
    await using lab = await openLab();
    const [node, pod] = [await lab.node(), await lab.pod()];
    const bin = join(lab.folder, 'bin');
    await mkdir(bin);
    for (const name of ['ip', 'nsenter', 'tee', 'nft'])
      await symlink(await pathOf(node, name), join(bin, name));
    const config = configuration(lab, { runtimeConfig: { bandwidth: none } });
    const result = succeeded(await call(node, 'ADD', config, { netns: pod.path, env: { PATH: bin } }));
    t.regex(await qdiscs(node, result.interfaces[0]?.name ?? ''), /noqueue/);
    t.regex(await qdiscs(pod, 'eth0'), /noqueue/);
  });
}

async function pathOf(node: Namespace, command: string): Promise<string> {
  return (await node.run('which', command)).trim();
}

test.serial('one direction alone is limited when the other has no limit', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const { pod, result } = await addPod(lab, node, limited({ egressRate: from, egressBurst: burst }));
  t.regex(await qdiscs(node, result.interfaces[0]?.name ?? ''), /noqueue/);
  t.regex(await qdiscs(pod, 'eth0'), /tbf .*rate 30Mbit/);
});

test.serial(
  'what a runtime sends for an unlimited burst, and a burst too small for a packet, let packets pass',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const bursts = { largest: 2 ** 32 - 1, tiny: 8 };
    for (const [containerID, bits] of Object.entries(bursts)) {
      const more = limited({ ingressRate: 10e6, ingressBurst: bits, egressRate: 10e6, egressBurst: bits });
      const { pod, result, config } = await addPod(lab, node, more, containerID);
      for (const address of podIPs(result)) await t.notThrowsAsync(ping(node, address));
      await t.notThrowsAsync(
        node.run('ping', '-n', '-c', '1', '-W', '1', '-s', '1472', podIPs(result)[0] ?? ''),
      );
      t.is((await call(node, 'CHECK', config, { netns: pod.path, containerID })).status, 0);
    }
  },
);

/** Seconds of each transfer; and what one may bring beyond the rate: the burst, and what tcp measures of a busy machine. */
const transfer = { seconds: 2, excess: 0.25 };

for (const rate of [10e6, 100e6, 1e9]) {
  test.serial(
    `an unlimited burst lets no more pass than a rate of ${rate} from the first byte on`,
    async (t) => {
      await using lab = await openLab();
      const node = await lab.node();
      const more = limited({ egressRate: rate, egressBurst: 2 ** 32 - 1 });
      const slow = await addPod(lab, node, more, 'slow');
      const free = await addPod(lab, node, {}, 'free');
      const got = await throughput(slow.pod, free.pod, podIPs(free.result)[0] ?? '', 0, transfer.seconds);
      t.log(got);
      t.true(got < rate * (1 + transfer.excess), `${got} of ${rate} bits per second`);
      t.is((await call(node, 'CHECK', slow.config, { netns: slow.pod.path, containerID: 'slow' })).status, 0);
    },
  );
}

const largest = { ingressRate: 2 ** 64, ingressBurst: 8 * (2 ** 32 - 1) };

test.serial('the largest numbers are the kernel’s', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const { pod, config } = await addPod(lab, node, limited(largest));
  t.is((await call(node, 'CHECK', config, { netns: pod.path })).status, 0);
});

const wrong: [string, object, RegExp][] = [
  ['a rate without a burst', { ingressRate: 1e6 }, /has ingressRate and no ingressBurst: a limit has both/],
  ['a burst without a rate', { egressBurst: 1e6 }, /has egressBurst and no egressRate/],
  ['a burst of 0', { egressRate: 1e6, egressBurst: 0 }, /has egressRate and no egressBurst/],
  [
    'a rate below zero',
    { ingressRate: -1, ingressBurst: 1 },
    /bandwidth\.ingressRate must be a whole number/,
  ],
  ['a rate that is text', { ingressRate: '1M', ingressBurst: 1 }, /bandwidth\.ingressRate must be/],
  ['a burst too large', { ...largest, ingressBurst: 2 ** 35 }, /bandwidth\.ingressBurst must be/],
];

for (const [what, more, msg] of wrong) {
  test.serial(`an error, and nothing left behind: ${what}`, async (t) => {
    await using lab = await openLab();
    const [node, pod] = [await lab.node(), await lab.pod()];
    const error = failed(await call(node, 'ADD', configuration(lab, limited(more)), { netns: pod.path }));
    t.is(error.code, 7);
    t.regex(error.msg, msg);
    t.deepEqual([await node.links(), await storeTraces(join(lab.folder, 'data'))], [[], []]);
  });
}

test.serial('a missing tc fails the ADD of a pod with limits, which is undone', async (t) => {
  await using lab = await openLab();
  const [node, pod] = [await lab.node(), await lab.pod()];
  const bin = join(lab.folder, 'bin');
  await mkdir(bin);
  for (const name of ['ip', 'nsenter', 'tee', 'nft'])
    await symlink(await pathOf(node, name), join(bin, name));
  const invocation = { netns: pod.path, env: { PATH: bin } };
  const error = failed(await call(node, 'ADD', configuration(lab, limited()), invocation));
  t.is(error.code, 102);
  t.regex(error.msg, /limit the bandwidth of eth0 of container container-1: tc: no such command/);
  t.regex(error.details ?? '', /install iproute2/);
  t.deepEqual([await node.links(), await storeTraces(join(lab.folder, 'data'))], [[], []]);
});

/** The first limit is set on the host, the second in the pod. */
const misdeeds: [string, number, 'fail' | 'hang', number, RegExp][] = [
  [
    'fails on the host',
    1,
    'fail',
    102,
    /limit the bandwidth of eth0 of container container-1: tc: exit status 1/,
  ],
  [
    'fails in the pod',
    2,
    'fail',
    102,
    /limit the bandwidth of eth0 of container container-1: nsenter: exit status 1/,
  ],
  [
    'hangs',
    2,
    'hang',
    11,
    /limit the bandwidth of eth0 of container container-1: nsenter: no answer within 10 s/,
  ],
];

for (const [what, nth, kind, code, msg] of misdeeds) {
  test.serial(`a tc that ${what} fails the ADD, which is undone`, async (t) => {
    await using lab = await openLab();
    const [node, pod] = [await lab.node(), await lab.pod()];
    const standIns = await StandIns.make(join(lab.folder, 'stand-ins'), ['tc']);
    await standIns.reset({ command: 'tc', nth }, { kind });
    const invocation = { netns: pod.path, env: { PATH: standIns.path } };
    const error = failed(await call(node, 'ADD', configuration(lab, limited()), invocation));
    t.is(error.code, code);
    t.regex(error.msg, msg);
    t.deepEqual([await node.links(), await pod.links()], [[], []]);
    t.deepEqual(await storeTraces(join(lab.folder, 'data')), []);
  });
}

interface Place {
  readonly node: Namespace;
  readonly pod: Namespace;
  readonly host: string;
}

const damages: [string, (place: Place) => Promise<unknown>, RegExp][] = [
  [
    'the limit towards the pod',
    ({ node, host }) => node.run('tc', 'qdisc', 'delete', 'dev', host, 'root'),
    /the limit of 20000000 bits per second is missing on vethds/,
  ],
  [
    'the limit from the pod',
    ({ pod }) => pod.run('tc', 'qdisc', 'delete', 'dev', 'eth0', 'root'),
    /the limit of 30000000 bits per second is missing on eth0/,
  ],
  [
    'the rate',
    ({ pod }) => replaceShaper(pod, 'eth0', '40mbit', '125000b'),
    /the limit on eth0 is 40000000 bits per second, not 30000000/,
  ],
  [
    'the burst',
    ({ node, host }) => replaceShaper(node, host, '20mbit', '250000b'),
    /the burst on vethds\S+ is 2000000 bits, not 1000000/,
  ],
];

function replaceShaper(namespace: Namespace, link: string, rate: string, bytes: string): Promise<string> {
  const shaper = ['root', 'tbf', 'rate', rate, 'burst', bytes, 'latency', '25ms'];
  return namespace.run('tc', 'qdisc', 'replace', 'dev', link, ...shaper);
}

for (const [what, damage, message] of damages) {
  test.serial(`CHECK names what is missing or altered: ${what}`, async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const { pod, result, config } = await addPod(lab, node, limited());
    await damage({ node, pod, host: result.interfaces[0]?.name ?? '' });
    const error = failed(await call(node, 'CHECK', config, { netns: pod.path }));
    t.is(error.code, 103);
    t.regex(error.msg, message);
  });
}
