import { readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'ava';
import { debianPlugins, executable } from '../lab/cni.ts';
import { commandBlocks, localScript } from '../lab/documents.ts';
import { openPatient, type PatientMachine } from '../lab/patient.ts';

const docs = join(import.meta.dirname, '../../docs');

/** Has a reader type all commands of a document, where the executable has been copied to. */
async function follow(patient: PatientMachine, document: string): Promise<string> {
  return patient.shell(`cd ${dirname(executable)}\n${await localScript(document)}`);
}

/** A node before the installation: there is nothing of ours. */
async function openFresh(): Promise<PatientMachine> {
  const patient = await openPatient();
  for (const name of ['dualstack', 'loopback']) await rm(patient.machine.outside(`/opt/cni/bin/${name}`));
  await rm(patient.machine.outside('/etc/cni/net.d/10-dualstack.conflist'));
  return patient;
}

test.serial('every command of the documents is run here, or says what it needs', async (t) => {
  const needMore = /\b(man8|kubeadm|k3s server|ssh|kubectl (?!get node "\$\(hostname\)"))/;
  for (const document of await readdir(docs)) {
    for (const { text, isLocal } of await commandBlocks(document)) {
      t.is(isLocal, !needMore.test(text), `${document}: ${text}`);
    }
  }
});

test.serial('the commands of install.md install, and remove everything again', async (t) => {
  await using patient = await openFresh();
  const output = await follow(patient, 'install.md');
  t.regex(output, /^wrote \/etc\/cni\/net\.d\/10-dualstack\.conflist$/m);
  t.regex(output, /^Next addresses\n {2}10\.244\.1\.2\/32 through 10\.244\.1\.1$/m);
  t.deepEqual(await readdir(patient.machine.outside('/opt/cni/bin')), []);
  t.deepEqual(await readdir(patient.machine.outside('/etc/cni/net.d')), []);
});

const ptp = {
  cniVersion: '1.0.0',
  name: 'pods',
  plugins: [
    {
      type: 'ptp',
      ipam: {
        type: 'host-local',
        ranges: [[{ subnet: '10.244.1.0/24' }], [{ subnet: 'fd00:10:244:1::/64' }]],
        routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
      },
    },
  ],
};

/** A call by hand, for the pod in the namespace of the same name. */
function call(verb: string, pod: string, input: object, plugin: string): string {
  const variables = `CNI_COMMAND=${verb} CNI_CONTAINERID=${pod} CNI_IFNAME=eth0 CNI_NETNS=/run/netns/${pod} CNI_PATH=/opt/cni/bin`;
  return `echo '${JSON.stringify(input)}' | ${variables} ${plugin}`;
}

function pluginInput(list: { plugins: object[]; name: string; cniVersion: string }): object {
  return { ...list.plugins[0], name: list.name, cniVersion: list.cniVersion };
}

test.serial(
  'the commands of migrate.md take over a node from ptp, with the leases of its pods',
  async (t) => {
    await using patient = await openFresh();
    await patient.write('/etc/cni/net.d/10-ptp.conflist', ptp);
    await patient.shell(`
    ln -s ${debianPlugins}/ptp ${debianPlugins}/host-local /opt/cni/bin/
    sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    ip netns add old
    ${call('ADD', 'old', pluginInput(ptp), '/opt/cni/bin/ptp')} >/dev/null`);
    const output = await follow(patient, 'migrate.md');
    t.regex(output, /^pods\t-\told\teth0\t10\.244\.1\.2,fd00:10:244:1::2\t/m);
    t.regex(output, /^Next addresses\n {2}10\.244\.1\.3\/32/m);
    t.deepEqual(await readdir(patient.machine.outside('/etc/cni/net.d')), [
      '10-ptp.conflist.disabled',
      '99-dualstack.conflist',
    ]);

    const list = JSON.parse(await patient.shell('cat /etc/cni/net.d/99-dualstack.conflist'));
    const added = await patient.shell(
      `ip netns add new; ${call('ADD', 'new', pluginInput(list), '/opt/cni/bin/dualstack')}`,
    );
    t.deepEqual(
      JSON.parse(added).ips.map(({ address }: { address: string }) => address),
      ['10.244.1.3/32', 'fd00:10:244:1::3/128'],
    );
    for (const address of ['10.244.1.3', 'fd00:10:244:1::3'])
      await patient.shell(`ip netns exec old ping -n -c 3 -i 0.5 -W 5 ${address}`);

    await patient.shell(call('DEL', 'old', pluginInput(list), '/opt/cni/bin/dualstack'));
    const leases = await readdir(patient.machine.outside('/var/lib/cni/networks/pods'));
    t.deepEqual(
      leases.filter((name) => /^[0-9.]+$|:/.test(name)),
      ['10.244.1.3', 'fd00:10:244:1::3'],
    );
  },
);

test.serial('the commands of validate.md work on a node with a pod', async (t) => {
  await using patient = await openPatient();
  const list = JSON.parse(await patient.shell('cat /etc/cni/net.d/10-dualstack.conflist'));
  await patient.shell(
    `ip netns add pod01; ${call('ADD', 'pod01', pluginInput(list), '/opt/cni/bin/dualstack')}`,
  );
  const output = await patient.shell(`PATH=$PATH:/opt/cni/bin\n${await localScript('validate.md')}`);
  t.regex(output, /^pods\t-\tpod01\teth0\t10\.244\.1\.2,fd00:10:244:1::2\t/m);
  t.regex(output, /^10\.244\.1\.2 dev vethds/m);
  t.regex(output, /^fd00:10:244:1::2 dev vethds/m);
  t.notRegex(output, /tentative/);
});

test.serial('the commands of troubleshooting.md work on a node that is well', async (t) => {
  await using patient = await openPatient();
  const output = await patient.shell(`PATH=$PATH:/opt/cni/bin\n${await localScript('troubleshooting.md')}`);
  t.regex(output, /^ok\tconfiguration\t/m);
});
