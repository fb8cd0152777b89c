import { join } from 'node:path';
import test from 'ava';
import { executable } from '../lab/cni.ts';
import { nftFolder } from '../lab/nft-folder.ts';
import { bringNftVersions } from '../lab/nft-versions.ts';
import { openPatient, type PatientMachine } from '../lab/patient.ts';
import { until } from '../lab/until.ts';

const { supported, tooOld } = await bringNftVersions();

const newestNft = join(nftFolder(supported.at(-1) ?? ''), 'nft');

test.serial('doctor is content with a node that is well', async (t) => {
  await using patient = await openPatient();
  const { status, findings } = await patient.diagnose();
  t.deepEqual(
    findings.filter(({ level }) => level === 'broken' || level === 'warning'),
    [],
  );
  t.is(status, 0);
});

/** A call of the plugin, for a pod in a namespace of the machine. */
function cni(verb: string, container: string, more = ''): string {
  const input = `{"cniVersion":"1.0.0","name":"pods","type":"dualstack","podCIDRs":["10.244.1.0/24","fd00:10:244:1::/64"]}`;
  const args = 'CNI_ARGS="K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0"';
  return `echo '${input}' | CNI_COMMAND=${verb} CNI_CONTAINERID=${container} CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin CNI_NETNS=/run/netns/${container} ${args} ${more} /opt/cni/bin/dualstack`;
}

function addPod(container: string): string {
  return `ip netns add ${container} && ${cni('ADD', container)} >/dev/null`;
}

/** What is broken on purpose, and what doctor must make of it. */
interface Fault {
  readonly what: string;
  readonly plant: (patient: PatientMachine) => Promise<unknown>;
  readonly check: string;
  readonly found: RegExp;
  readonly status: 1 | 2;
  /** What a person decides to do, where a command of doctor's could do harm: then it prints none. */
  readonly decision?: string;
}

const hostEnd = `$(ip -o link show type veth | grep -o 'vethds[0-9a-f]*')`;

function shell(line: string): Fault['plant'] {
  return (patient) => patient.shell(line);
}

const folder = '/etc/cni/net.d';
const bridge = { cniVersion: '1.0.0', name: 'other', plugins: [{ type: 'bridge' }] };

const faults: Fault[] = [
  {
    what: 'no network configuration',
    plant: shell(`rm ${folder}/*`),
    check: 'configuration',
    found: /there is no network configuration in \/etc\/cni\/net\.d/,
    status: 2,
  },
  {
    what: "another plugin's configuration alone",
    plant: async (patient) => {
      await patient.shell(`rm ${folder}/*`);
      await patient.write(`${folder}/05-other.conflist`, bridge);
    },
    check: 'configuration',
    found: /05-other\.conflist is for other plugins/,
    status: 2,
  },
  {
    what: "another plugin's configuration that comes first",
    plant: (patient) => patient.write(`${folder}/05-other.conflist`, bridge),
    check: 'configuration',
    found: /the runtime uses 05-other\.conflist, which comes before 10-dualstack\.conflist/,
    status: 2,
  },
  {
    what: 'a configuration that is no JSON',
    plant: (patient) => patient.write(`${folder}/10-dualstack.conflist`, '{"name": "pods",'),
    check: 'configuration',
    found: /10-dualstack\.conflist is not a network configuration: .*JSON/,
    status: 2,
  },
  {
    what: 'a configuration with a byte order mark',
    plant: shell(`sed -i '1s/^/\\xef\\xbb\\xbf/' ${folder}/10-dualstack.conflist`),
    check: 'configuration',
    found: /10-dualstack\.conflist is not a network configuration: it begins with a byte order mark/,
    status: 2,
  },
  {
    what: 'mistyped keys',
    plant: (patient) => patient.configure({ nodeIps: [], mut: 1400 }),
    check: 'configuration',
    found: /unknown key "nodeIps": did you mean "nodeIPs"\?.*unknown key "mut"/,
    status: 2,
  },
  {
    what: 'a CIDR with host bits',
    plant: (patient) => patient.configure({ podCIDRs: ['10.244.1.7/24'] }),
    check: 'configuration',
    found: /podCIDRs\[0\] must be a CIDR without host bits/,
    status: 2,
  },
  {
    what: 'a family that is asked for and has no podCIDR',
    plant: (patient) => patient.configure({ podCIDRs: ['10.244.1.0/24'], ipFamilies: ['IPv4', 'IPv6'] }),
    check: 'configuration',
    found: /no podCIDR for IPv6/,
    status: 2,
  },
  {
    what: 'a family of the node without a podCIDR',
    plant: (patient) => patient.configure({ podCIDRs: ['10.244.1.0/24'] }),
    check: 'families',
    found: /pods get no IPv6 address: there is no podCIDR of it/,
    status: 1,
  },
  {
    what: 'a missing executable',
    plant: shell('rm /opt/cni/bin/dualstack'),
    check: 'plugins',
    found: /plugin dualstack in \/opt\/cni\/bin is not there/,
    status: 2,
  },
  {
    what: 'an executable without content',
    plant: shell('rm /opt/cni/bin/dualstack && install -m 0755 /dev/null /opt/cni/bin/dualstack'),
    check: 'plugins',
    found: /plugin dualstack in \/opt\/cni\/bin is empty/,
    status: 2,
  },
  {
    what: 'an executable of another architecture',
    plant: shell(
      `rm /opt/cni/bin/dualstack
      printf '\\177ELF\\2\\1\\1\\0\\0\\0\\0\\0\\0\\0\\0\\0\\2\\0\\363\\0' > /opt/cni/bin/dualstack
      chmod 0755 /opt/cni/bin/dualstack`,
    ),
    check: 'plugins',
    found: /plugin dualstack in \/opt\/cni\/bin is for another architecture/,
    status: 2,
  },
  {
    what: 'an executable that may not be executed',
    plant: shell('rm /opt/cni/bin/dualstack && install -m 0644 /bin/true /opt/cni/bin/dualstack'),
    check: 'plugins',
    found: /plugin dualstack in \/opt\/cni\/bin is not executable/,
    status: 2,
  },
  {
    what: 'a missing loopback, which containerd needs',
    plant: async (patient) => {
      await patient.shell('rm /opt/cni/bin/loopback');
      await patient.write('/etc/containerd/config.toml', 'version = 2\n');
    },
    check: 'plugins',
    found: /plugin loopback in \/opt\/cni\/bin is not there: with containerd no pod starts/,
    status: 2,
  },
  {
    what: 'a missing loopback, where nothing says which runtime there is',
    plant: shell('rm /opt/cni/bin/loopback'),
    check: 'plugins',
    found: /plugin loopback in \/opt\/cni\/bin is not there/,
    status: 1,
  },
  {
    what: 'an executable that is another program',
    plant: shell('rm /opt/cni/bin/dualstack && install -m 0755 /bin/true /opt/cni/bin/dualstack'),
    check: 'plugins',
    found:
      /\/opt\/cni\/bin\/dualstack does not say that it is dualstack|dualstack-main, which .* starts, is not there/,
    status: 2,
  },
  {
    what: 'an executable of another version',
    plant: shell(
      `rm /opt/cni/bin/dualstack
      printf '#!/bin/sh\\necho dualstack 0.0.1\\n' > /opt/cni/bin/dualstack
      chmod 0755 /opt/cni/bin/dualstack`,
    ),
    check: 'plugins',
    found: /\/opt\/cni\/bin\/dualstack is dualstack 0\.0\.1, and this doctor \d/,
    status: 1,
  },
  {
    what: "Debian's configuration of containerd, which looks elsewhere",
    plant: async (patient) => {
      await patient.shell('mount -t tmpfs tmpfs /usr/lib/cni');
      await patient.write(
        '/etc/containerd/config.toml',
        'version = 2\n[plugins]\n  [plugins."io.containerd.grpc.v1.cri"]\n    [plugins."io.containerd.grpc.v1.cri".cni]\n      bin_dir = "/usr/lib/cni"\n      conf_dir = "/etc/cni/net.d"\n',
      );
    },
    check: 'plugins',
    found:
      /plugin dualstack in \/usr\/lib\/cni is not there \(containerd looks there: bin_dir in \/etc\/containerd\/config\.toml\)/,
    status: 2,
  },
  {
    what: 'a drop-in of CRI-O’s that has it look elsewhere',
    plant: (patient) =>
      patient.write('/etc/crio/crio.conf.d/20-cni.conf', '[crio.network]\nplugin_dirs = ["/opt/crio/bin"]\n'),
    check: 'plugins',
    found: /plugin dualstack in \/opt\/crio\/bin is not there \(CRI-O looks there: plugin_dirs in/,
    status: 2,
  },
  {
    what: 'a configuration of containerd that is no TOML',
    plant: (patient) => patient.write('/etc/containerd/config.toml', 'version = = 2\n'),
    check: 'containerd',
    found: /config\.toml is no TOML: .*containerd does not start with it/,
    status: 2,
    decision: 'rm /etc/containerd/config.toml',
  },
  {
    what: 'a template of containerd’s that is not there',
    plant: (patient) =>
      patient.write(
        '/etc/containerd/config.toml',
        'version = 3\nplugins."io.containerd.cri.v1.runtime".cni.conf_template = "/etc/cni/none"\n',
      ),
    check: 'containerd',
    found: /the template \/etc\/cni\/none \(conf_template in .*\) is not there/,
    status: 2,
    decision: 'rm /etc/containerd/config.toml',
  },
  {
    what: 'an executable without the program that it starts',
    plant: shell(`cp --remove-destination ${executable} /opt/cni/bin/dualstack`),
    check: 'plugins',
    found: /\/opt\/cni\/bin\/dualstack-main, which \/opt\/cni\/bin\/dualstack starts, is not there/,
    status: 2,
  },
  {
    what: 'a missing executable of another plugin in the chain',
    plant: (patient) => patient.configure({}, [{ type: 'portmap' }]),
    check: 'plugins',
    found: /plugin portmap in \/opt\/cni\/bin is not there/,
    status: 2,
  },
  {
    what: "an address of the host's among the pods'",
    plant: shell('ip address add 10.244.1.5/24 dev uplink'),
    check: 'overlap',
    found: /uplink has 10\.244\.1\.5, which is in the podCIDR 10\.244\.1\.0\/24/,
    status: 2,
    decision: `sed -i 's/"podCIDRs"/"exclude":["10.244.1.5"],&/' /etc/cni/net.d/10-dualstack.conflist
      ip route delete 10.244.1.0/24 dev uplink`,
  },
  {
    what: "podCIDRs that overlap the node's own network",
    plant: (patient) => patient.configure({ podCIDRs: ['192.0.2.0/24', 'fd00:10:244:1::/64'] }),
    check: 'overlap',
    found: /uplink has 192\.0\.2\.10, which is in the podCIDR 192\.0\.2\.0\/24/,
    status: 2,
    decision: `sed -i 's/192.0.2.0/10.244.1.0/' /etc/cni/net.d/10-dualstack.conflist`,
  },
  {
    what: "a route of the host's for the pods' addresses",
    plant: shell('ip -6 route add fd00:10:244:1::/64 dev world'),
    check: 'overlap',
    found: /there is a route to fd00:10:244:1::\/64 through world/,
    status: 2,
  },
  {
    what: 'IPv6 that is switched off',
    plant: shell('sysctl -qw net.ipv6.conf.all.disable_ipv6=1'),
    check: 'IPv6',
    found: /IPv6 was requested, but the host has it disabled/,
    status: 2,
  },
  {
    what: 'forwarding that is off and to be left alone',
    plant: (patient) => patient.configure({ sysctls: false }),
    check: 'forwarding',
    found: /does not forward IPv4, and sysctls is false/,
    status: 2,
  },
  {
    what: 'forwarding that somebody switched off while pods run',
    plant: shell(`${addPod('pod')}; sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0`),
    check: 'forwarding',
    found: /does not forward IPv6, and pods run: .*forwarding is 0/,
    status: 2,
  },
  {
    what: 'forwarding that is off on links that are made',
    plant: shell(
      `sysctl -qw net.ipv4.ip_forward=1; sysctl -qw net.ipv4.conf.default.forwarding=0; ${addPod('pod')}`,
    ),
    check: 'forwarding',
    found: /vethds\w+: the host forwards nothing of IPv4 that comes from these pods/,
    status: 2,
  },
  {
    what: 'forwarding that is off on the uplink',
    plant: shell('sysctl -qw net.ipv4.ip_forward=1; sysctl -qw net.ipv4.conf.uplink.forwarding=0'),
    check: 'forwarding',
    found: /uplink: the host forwards nothing of IPv4 that comes in there/,
    status: 2,
  },
  {
    what: 'a default route from router advertisements that runs out',
    plant: shell(`
      ip -6 route delete default
      sysctl -qw net.ipv6.conf.all.forwarding=1
      sysctl -qw net.ipv6.conf.uplink.accept_ra=1
      ip -6 route add default via fe80::1 dev uplink proto ra`),
    check: 'accept_ra',
    found: /uplink has its default route from router advertisements, which it ignores/,
    status: 2,
  },
  {
    what: 'strict reverse path filters on two uplinks',
    plant: shell(`
      ip address add 198.51.100.10/24 dev world
      ip route add default via 198.51.100.1 metric 50
      sysctl -qw net.ipv4.conf.all.rp_filter=1`),
    check: 'rp_filter',
    found: /of several uplinks, world filters strictly/,
    status: 1,
  },
  {
    what: 'a host that answers no ARP',
    plant: shell('sysctl -qw net.ipv4.conf.all.arp_ignore=8'),
    check: 'arp_ignore',
    found: /answer no ARP request/,
    status: 2,
  },
  {
    what: 'a FORWARD chain whose policy is to drop, as of Docker',
    plant: shell(`nft -f - <<'END'
table ip filter {
  chain FORWARD { type filter hook forward priority 0; policy drop; ct state established accept; jump DOCKER; }
  chain DOCKER { iifname "docker0" accept; }
}
END`),
    check: 'FORWARD chains',
    found: /chain FORWARD of table ip filter drops what is forwarded from pods and to pods/,
    status: 2,
  },
  {
    what: 'a firewall that rejects what it does not know, in both families',
    plant: shell(`nft -f - <<'END'
table inet firewall {
  chain forward { type filter hook forward priority 10; policy accept; iifname "vethds*" accept; reject; }
}
END`),
    check: 'FORWARD chains',
    found: /chain forward of table inet firewall drops what is forwarded to pods/,
    status: 2,
  },
  {
    what: 'an MTU larger than the uplink carries',
    plant: async (patient) => {
      await patient.configure({ mtu: 9000 });
      await patient.shell('ip link set uplink mtu 1400');
    },
    check: 'MTU',
    found: /mtu is 9000, and the uplink carries 1400/,
    status: 2,
  },
  {
    what: 'an IPv4 default route in another table, by a narrower uplink',
    plant: shell(`
      ip route delete default
      ip -6 route delete default
      ip link set uplink mtu 1400
      ip route add default via 192.0.2.1 table 100`),
    check: 'MTU',
    found: /pods get an MTU of 1500, and the IPv4 default route of table 100 through uplink carries 1400/,
    status: 1,
  },
  {
    what: 'a default route with an MTU of its own',
    plant: shell('ip route replace default via 192.0.2.1 mtu 1380'),
    check: 'MTU',
    found: /pods get an MTU of 1500, and the IPv4 default route has an mtu of 1380/,
    status: 1,
  },
  {
    what: 'a default route with several next hops, one of them narrower',
    plant: shell(`
      ip link add slow type veth peer name beyond
      ip link set slow mtu 1300 up; ip link set beyond up
      ip address add 198.51.100.10/24 dev slow
      ip route replace default nexthop via 192.0.2.1 nexthop via 198.51.100.1`),
    check: 'MTU',
    found: /pods get an MTU of 1500, and the IPv4 default route through slow carries 1300/,
    status: 1,
  },
  {
    what: 'rules of iptables-legacy that drop what is forwarded',
    plant: shell('iptables-legacy -P FORWARD DROP; ip6tables-legacy -A FORWARD -j REJECT'),
    check: 'FORWARD chains',
    found: /chain FORWARD of table iptables-legacy filter drops what is forwarded from pods and to pods/,
    status: 2,
  },
  {
    what: 'an uplink that has become smaller than a pod',
    plant: shell(`${addPod('pod')}; ip link set uplink mtu 1300`),
    check: 'MTU',
    found: /vethds\w+ of default\/web-0 has an MTU of 1500, and the uplink carries 1300/,
    status: 1,
  },
  {
    what: 'a lease of a pod that is gone',
    plant: shell(
      `${addPod('pod')}; ip link delete $(ip -o link show type veth | grep -o 'vethds[0-9a-f]*'); ip netns delete pod`,
    ),
    check: 'leases',
    found: /2 addresses are leased to pods that are gone: 10\.244\.1\.2, fd00:10:244:1::2/,
    status: 1,
  },
  {
    what: 'a lease of a pod whose interface is gone',
    plant: shell(`${addPod('pod')}; ip link delete $(ip -o link show type veth | grep -o 'vethds[0-9a-f]*')`),
    check: 'leases',
    found: /10\.244\.1\.2, fd00:10:244:1::2 of default\/web-0: no interface/,
    status: 1,
  },
  {
    what: 'an interface without a lease',
    plant: async (patient) => {
      await patient.shell(`${addPod('pod')}; rm -r /run/dualstack`);
      await patient.stub('kubectl', `ip link delete ${hostEnd}`);
    },
    check: 'leases',
    found: /interface vethds\w+ of default\/web-0 has no lease/,
    status: 1,
  },
  {
    what: 'a pod that lost the lease of one family',
    plant: async (patient) => {
      await patient.shell(`${addPod('pod')}; rm /run/dualstack/pods/fd00:10:244:1::2`);
      await patient.stub('kubectl', `${cni('DEL', 'pod')}; ${cni('ADD', 'pod')}; echo "$@" >&2`);
    },
    check: 'leases',
    found: /10\.244\.1\.2 of default\/web-0: one family only: no IPv6 address/,
    status: 1,
  },
  {
    what: 'a torn lease',
    plant: shell('mkdir -p /run/dualstack/pods; touch /run/dualstack/pods/10.244.1.9'),
    check: 'leases',
    found: /10\.244\.1\.9: no lease, but an empty or torn file/,
    status: 1,
  },
  {
    what: 'a store without room',
    plant: shell('mkdir /run/dualstack; mount -t tmpfs -o size=64k tmpfs /run/dualstack'),
    check: 'store',
    found: /no room in the store \/run\/dualstack/,
    status: 2,
  },
  {
    what: 'a store that is read-only',
    plant: shell('mkdir /run/dualstack; mount -t tmpfs -o ro tmpfs /run/dualstack'),
    check: 'store',
    found: /the store \/run\/dualstack cannot be written: EROFS/,
    status: 2,
  },
  {
    what: 'a file in the place of the store',
    plant: shell('touch /run/dualstack'),
    check: 'store',
    found: /the store \/run\/dualstack cannot be made: \/run\/dualstack is a file/,
    status: 2,
  },
  {
    what: 'a pool that is full of leases of pods that are gone',
    plant: async (patient) => {
      await patient.configure({ podCIDRs: ['10.244.1.0/30', 'fd00:10:244:1::/64'] });
      await patient.shell(
        `${addPod('pod')}; ip link delete $(ip -o link show type veth | grep -o 'vethds[0-9a-f]*'); ip netns delete pod`,
      );
    },
    check: 'store',
    found: /1 leased of 10\.244\.1\.0\/30 \(1 address\), some to pods that are gone/,
    status: 1,
  },
];

/** What a restart of networkd, or a person, takes away, and how the finding names it. */
const damages: [string, string, RegExp][] = [
  [
    'the route to a pod',
    `ip route flush dev ${hostEnd}`,
    /route to 10\.244\.1\.2\/32 is missing on vethds\w+ on the host/,
  ],
  [
    'the neighbours of a host end',
    `ip neighbour flush nud permanent dev ${hostEnd}; ip -6 neighbour flush nud permanent dev ${hostEnd}`,
    /permanent neighbour fd00:10:244:1::2 is missing on vethds\w+ on the host/,
  ],
  [
    'the addresses of a host end',
    `ip address flush dev ${hostEnd}`,
    /address 10\.244\.1\.1 is missing on vethds\w+ on the host/,
  ],
  ['a host end that is up', `ip link set dev ${hostEnd} down`, /interface vethds\w+ is down on the host/],
  [
    'the addresses of a pod',
    'ip -n pod address flush dev eth0',
    /address 10\.244\.1\.2 is missing on eth0 in the pod/,
  ],
  [
    'the routes of a pod',
    'ip -n pod route flush table main; ip -n pod -6 route flush table main',
    /route to 10\.244\.1\.1\/32 is missing on eth0 in the pod/,
  ],
  ['a pod’s interface that is up', 'ip -n pod link set dev eth0 down', /interface eth0 is down in the pod/],
  [
    'the MAC address of a pod',
    'ip -n pod link set dev eth0 address 02:00:00:00:00:01',
    /interface eth0 has MAC address 02:00:00:00:00:01 in the pod/,
  ],
  [
    'all of it, on the host',
    `ip address flush dev ${hostEnd}; ip link set dev ${hostEnd} down; sysctl -qw net.ipv6.conf.${hostEnd}.disable_ipv6=1; ip link set dev ${hostEnd} up`,
    /address fd00:10:244:1::1 is missing on vethds\w+ on the host/,
  ],
];
for (const [what, damage, found] of damages)
  faults.push({
    what: `wiring without ${what}`,
    plant: shell(`${addPod('pod')}; ${damage}`),
    check: 'wiring',
    found,
    status: 2,
  });

faults.push(
  {
    what: 'podCIDRs that are not those of the pods that run',
    plant: async (patient) => {
      await patient.shell(addPod('pod'));
      await patient.configure({ podCIDRs: ['10.244.9.0/24', 'fd00:10:244:9::/64'] });
    },
    check: 'podCIDRs',
    found: /2 addresses of pods are not of the podCIDRs of its file, 10\.244\.9\.0\/24, fd00:10:244:9::\/64/,
    status: 1,
  },
  {
    what: 'a rule set that was flushed',
    plant: shell(`${addPod('pod')}; nft flush ruleset`),
    check: 'nftables table',
    found: /nftables table inet dualstack is missing/,
    status: 2,
  },
  {
    what: "an altered rule, and a pod's element that is gone",
    plant: shell(`${addPod('pod')}
      nft flush chain inet dualstack guard
      nft delete element inet dualstack guarded "{ $(ip -o link show type veth | grep -o 'vethds[0-9a-f]*') }"`),
    check: 'nftables table',
    found:
      /chain guard is altered in nftables table inet dualstack; the source check of vethds\w+ is missing/,
    status: 2,
  },
  {
    what: 'missing commands',
    plant: async (patient) => {
      const covered = await patient.shell('realpath "$(command -v tee)" "$(command -v nft)"');
      for (const path of covered.split('\n')) await patient.shell(`mount --bind /dev/null ${path}`);
      await patient.stub(
        'apt-get',
        `[ "$*" = 'install -y coreutils nftables' ] && umount ${covered.replace('\n', ' ')}`,
      );
    },
    check: 'commands',
    found: /missing commands: tee, nft/,
    status: 2,
  },
  {
    what: 'an nft that is too old',
    plant: async (patient) => {
      await patient.stub('nft', `exec ${join(nftFolder(tooOld), 'nft')} "$@"`);
      await patient.stub('apt-get', 'rm -f "$(dirname "$0")"/nft');
    },
    check: 'commands',
    found: /nftables 0\.[\d.]+ is older than 1\.0\.6/,
    status: 2,
  },
  {
    what: 'a table of a newer nft that crashes this one',
    plant: async (patient) => {
      await patient.stub('nft', `exec ${join(nftFolder(supported[0] ?? ''), 'nft')} "$@"`);
      await patient.shell(`${newestNft} -f - <<'END'
table inet harmless {
  chain forward {
  }
}
table inet foreign {
  set links {
    type ifname
  }
}
END`);
    },
    check: 'foreign tables',
    found: /nftables [\d.]+ crashes when it reads table inet foreign$/,
    status: 2,
    decision: `${newestNft} delete table inet foreign; ${newestNft} delete table inet harmless`,
  },
  {
    what: 'a kernel without veth pairs',
    plant: async (patient) => {
      await patient.stub('unshare', 'echo "Error: Unknown device type." >&2; exit 2');
      await patient.stub('modprobe', 'rm -f "$(dirname "$0")"/unshare');
    },
    check: 'kernel',
    found: /the kernel gives us no veth pairs: Error: Unknown device type/,
    status: 2,
  },
);

const ipv6First = { nodeIPs: ['2001:db8::10', '192.0.2.10'] };
const containerdConfigs = {
  'says nothing of CNI': 'version = 2\n[grpc]\naddress = "/run/containerd.sock"\n',
  'has an empty ip_pref': 'version = 2\n[plugins."io.containerd.grpc.v1.cri".cni]\n  ip_pref = ""\n[debug]\n',
  'has no ip_pref':
    "version = 3\n[plugins.'io.containerd.cri.v1.runtime'.cni]\n  conf_dir = '/etc/cni/net.d'\n",
  'is of its first version': '[plugins.cri.cni]\n  bin_dir = "/opt/cni/bin"\n[debug]\n',
  'is empty': '',
};
for (const [what, text] of Object.entries(containerdConfigs)) {
  test.serial(
    `pods of IPv6 first, and a configuration of containerd that ${what}, are worth a note`,
    async (t) => {
      await using patient = await openPatient();
      await patient.configure(ipv6First);
      await patient.write('/etc/containerd/config.toml', text);
      const { status, findings } = await patient.diagnose();
      t.is(status, 0);
      const [ok, note] = findings.filter(({ check }) => check === 'containerd');
      t.is(ok?.level, 'ok');
      t.is(note?.level, 'note');
      t.regex(note?.found ?? '', /ip_pref, which is ipv4, shows their IPv4 address first: kubelet puts them/);
    },
  );
}

test.serial('a switch that holds 2 is on', async (t) => {
  await using patient = await openPatient();
  await patient.configure({ sysctls: false });
  await patient.shell('sysctl -qw net.ipv4.ip_forward=2 net.ipv6.conf.all.forwarding=2');
  t.is((await patient.diagnose()).status, 0);
});

test.serial('rules of iptables-legacy that nobody can list are a doubt', async (t) => {
  await using patient = await openPatient();
  await patient.shell(`
    iptables-legacy -P FORWARD DROP
    for name in iptables-legacy xtables-legacy-multi; do
      mount --bind /dev/null "$(realpath "$(command -v $name)")" || true
    done`);
  const { status, findings } = await patient.diagnose();
  t.is(status, 1);
  t.regex(
    findings.find(({ check }) => check === 'FORWARD chains')?.found ?? '',
    /rules of iptables-legacy in table filter, which nft does not list: not checked/,
  );
});

test.serial('112 pods are looked at at once, and a terminal sees how far that is', async (t) => {
  await using patient = await openPatient();
  await patient.configure({ podCIDRs: ['10.244.0.0/23', 'fd00:10:244::/64'] });
  const input = cni('ADD', 'pod$n')
    .replace('10.244.1.0/24', '10.244.0.0/23')
    .replace('fd00:10:244:1::', 'fd00:10:244::');
  await patient.shell(
    `for n in $(seq 1 112); do ip netns add pod$n && ${input.replaceAll("'", '"').replace(/echo "(.*?)" \|/, (_, json) => `echo '${json}' |`)} >/dev/null; done`,
  );
  const { findings, status } = await patient.diagnose();
  t.is(status, 0, JSON.stringify(findings));
  t.true(findings.some(({ found }) => found === 'as ADD left it, for 112 attachments'));
  const screen = await patient.shell(`script -qec "stty cols 80; ${executable} doctor" /dev/null`);
  t.regex(screen, /doctor looks at pods: 112 of 112/);
});

for (const { what, plant, check, found, status, decision } of faults) {
  test.serial(`doctor names ${what}, and its remedy mends it`, async (t) => {
    await using patient = await openPatient();
    await plant(patient);
    const before = await patient.diagnose();
    const complaints = before.findings.filter(({ level }) => level === 'warning' || level === 'broken');
    t.true(
      complaints.some((finding) => finding.check === check && found.test(finding.found)),
      JSON.stringify(complaints, undefined, 1),
    );
    t.is(before.status, status);
    const remedies = [...new Set(complaints.flatMap(({ remedy = [] }) => remedy))];
    t.deepEqual(
      remedies.filter((line) => line.length > 200),
      [],
    );
    if (decision !== undefined) t.deepEqual(remedies, []);
    for (const line of decision === undefined ? remedies : [decision]) await patient.shell(line);
    const after = await patient.diagnose();
    t.deepEqual(
      after.findings.filter(({ level }) => level === 'warning' || level === 'broken'),
      [],
    );
    t.is(after.status, 0);
  });
}

/** Limits of a process, and what doctor says when it is a runtime. */
const tightLimits: readonly [string, RegExp][] = [
  ['--nofile=18', /containerd \(process \d+\) has 18 of open files, and calls need 64/],
  ['--as=1073741824', /containerd \(process \d+\) has 1024 MiB of address space, and calls need 2048 MiB/],
];

for (const [limit, found] of tightLimits) {
  test.serial(`doctor names a runtime that has too little for calls: ${limit}`, async (t) => {
    await using patient = await openPatient();
    const runtime = `${patient.machine.folder}/containerd`;
    await patient.shell(`cp "$(command -v sleep)" ${runtime}`);
    const { findings: healthy } = await patient.diagnose();
    t.deepEqual(
      healthy.filter(({ check }) => check === 'limits'),
      [],
    );
    patient.machine.startDaemon('prlimit', [limit, runtime, '1000'], `${patient.machine.folder}/log`);
    const own = await until('the start of the runtime', async () => {
      const { findings } = await patient.diagnose();
      const own = findings.filter(({ check }) => check === 'limits');
      if (own.length === 0) throw new Error('not yet');
      return own;
    });
    t.regex(own.map((finding) => finding.found).join('; '), found);
    t.true(own.every(({ level }) => level === 'warning'));
  });
}
