import test from 'ava';
import { podIPs } from '../lab/cni.ts';
import { openLab } from '../lab/namespaces.ts';
import { addPod, dataDirOf } from '../lab/pods.ts';
import { confDirOf, tool, toolJson, writeConfiguration, writeConflist } from '../lab/tool.ts';
import { filesUnder, kernelState, leases } from '../lab/traces.ts';

type Explained = Record<
  'plugins' | 'families' | 'addresses' | 'routes' | 'switches' | 'host' | 'pod',
  string[]
>;

test.serial('explain foretells the addresses of the next pod, and changes nothing', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const path = await writeConflist(lab);
  await addPod(lab, node, {}, 'one');
  const [files, kernel] = [await filesUnder(dataDirOf(lab)), await kernelState(node)];
  const { addresses, families } = await toolJson<Explained>(node, ['explain', path]);
  t.deepEqual(await filesUnder(dataDirOf(lab)), files);
  t.is(await kernelState(node), kernel);
  const { result } = await addPod(lab, node, {}, 'two');
  t.deepEqual(
    addresses.slice(0, 2).map((line) => line.split('/')[0]),
    podIPs(result),
  );
  t.regex(families[0] ?? '', /^IPv4, then IPv6: the order of podCIDRs/);
});

test.serial('explain works without a store, and makes none', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const path = await writeConflist(lab);
  t.is((await tool(node, ['explain', path])).status, 0);
  t.deepEqual(await filesUnder(dataDirOf(lab)), []);
});

test.serial(
  'explain foretells what an exhausted pool would take back, and says when nothing is left',
  async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const tiny = { podCIDRs: ['10.244.1.0/30', 'fd00:10:244:1::/64'] };
    const path = await writeConflist(lab, tiny);
    await addPod(lab, node, tiny);
    const { status, stderr } = await tool(node, ['explain', path]);
    t.is(status, 1);
    t.regex(stderr, /no IPv4 address is left in 10\.244\.1\.0\/30 \(1 address\)/);
    t.is((await leases(dataDirOf(lab))).length, 2);
  },
);

const reasons: [object, RegExp][] = [
  [{ ipFamilies: ['IPv6', 'IPv4'] }, /^IPv6, then IPv4: ipFamilies says so$/],
  [
    { nodeIPs: ['2001:db8::10', '192.0.2.1'] },
    /^IPv6, then IPv4: the order of nodeIPs, which begin with 2001:db8::10$/,
  ],
  [{ ipFamilyPolicy: 'SingleStack' }, /^IPv4: the order of podCIDRs; ipFamilyPolicy is SingleStack$/],
];

for (const [more, expected] of reasons) {
  test.serial(`explain says why the families are in their order: ${JSON.stringify(more)}`, async (t) => {
    await using lab = await openLab();
    const node = await lab.node();
    const path = await writeConflist(lab, { ...more });
    const { families } = await toolJson<Explained>(node, ['explain', path]);
    t.regex(families[0] ?? '', expected);
  });
}

test.serial('explain takes the file that the runtime uses when none is named', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  await writeConflist(lab);
  const { stdout } = await tool(node, ['explain', '--conf-dir', confDirOf(lab)]);
  t.regex(stdout, /by network pods of .*10-dualstack\.conflist/);
  t.regex(stdout, /^ {2}link add name vethds[0-9a-f]{9} mtu \d+ .*$/m);
});

test.serial('explain says what it cannot know or read', async (t) => {
  await using lab = await openLab();
  const node = await lab.node();
  const delegated = await writeConflist(lab, { ipam: { type: 'host-local' } }, '20.conflist');
  const { addresses } = await toolJson<Explained>(node, ['explain', delegated]);
  t.deepEqual(addresses, ['IPAM plugin host-local gives them: only it knows which']);
  const foreign = await writeConfiguration(lab, '30.conflist', { name: 'x', plugins: [{ type: 'bridge' }] });
  t.regex((await tool(node, ['explain', foreign])).stderr, /no plugin of type dualstack/);
  t.regex(
    (await tool(node, ['explain', '/nonexistent'])).stderr,
    /read the network configuration \/nonexistent: ENOENT/,
  );
  const broken = await writeConfiguration(lab, '40.conflist', '{"name": "x",');
  t.regex((await tool(node, ['explain', broken])).stderr, /is not a network configuration/);
});
