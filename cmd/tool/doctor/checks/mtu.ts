import { mtuOf, uplinkMtu } from '../../../../netns/host/host.ts';
import { candidateNames } from '../../../../netns/link/naming.ts';
import { findNetworks } from '../../engine/networks.ts';
import { ownType } from '../../init/conflist.ts';
import { type HostLink, hostEnds } from '../../leases/inventory.ts';
import { type Check, type Finding, ok, type Patient, shellWord } from './check.ts';
import { type DefaultRoute, defaultRoutes } from './network.ts';

/** What the narrowest of the default routes carries, of all tables and next hops, and why. */
interface Narrowest {
  readonly mtu: number;
  /** `the IPv4 default route through eth0 carries 1400` */
  readonly says: string;
}

function narrowest(routes: readonly DefaultRoute[]): Narrowest | undefined {
  const ways = routes.flatMap((route) => {
    const where = route.table === 'main' ? '' : ` of table ${route.table}`;
    const name = `the ${route.family.name} default route${where}`;
    const ofDevices = route.devices.flatMap((device) => {
      const mtu = mtuOf(device);
      return mtu === undefined ? [] : [{ mtu, says: `${name} through ${device} carries ${mtu}` }];
    });
    return [
      ...ofDevices,
      ...(route.mtu === undefined ? [] : [{ mtu: route.mtu, says: `${name} has an mtu of ${route.mtu}` }]),
    ];
  });
  return ways.sort((a, b) => a.mtu - b.mtu)[0];
}

/** The next pod gets the MTU of the devices that main's default routes go by: there may be narrower ways. */
function ofGuess({ configuration, file }: Patient, way: Narrowest | undefined): Finding[] {
  if (!configuration || configuration.mtu !== undefined || !file) return [];
  const guess = uplinkMtu();
  if (!way)
    return [
      {
        level: 'note',
        found: `there is no default route: that pods get an MTU of ${guess} is a guess`,
        advice: 'name the right one as mtu in the configuration, if it is smaller',
      },
    ];
  if (guess <= way.mtu) return [];
  return [
    {
      level: 'warning',
      found: `pods get an MTU of ${guess}, and ${way.says}: large packets of pods may be lost`,
      remedy: [`sed -i 's/"type" *: *"${ownType}"/&, "mtu": ${way.mtu}/' ${shellWord(file.path)}`],
    },
  ];
}

function ofConfiguration({ configuration, file }: Patient, uplink: number): Finding[] {
  const mtu = configuration?.mtu;
  if (mtu === undefined || mtu <= uplink || !file) return [];
  return [
    {
      level: 'broken',
      found: `mtu is ${mtu}, and the uplink carries ${uplink}: large packets of pods are lost`,
      remedy: [`sed -i 's/"mtu" *: *${mtu}/"mtu": ${uplink}/' ${shellWord(file.path)}`],
      advice: "or leave mtu out, to use the uplink's MTU",
    },
  ];
}

/** The pod's namespace and interface, by the name of its host end. */
function podsByHostEnd({ confDir }: Patient): Map<string, { netns: string; ifname: string }> {
  const known = findNetworks(confDir).flatMap(({ store }) => store.known());
  return new Map(
    known.flatMap(({ attachment, netns }) =>
      netns === undefined
        ? []
        : candidateNames(attachment).map(
            ({ hostEnd }) => [hostEnd, { netns, ifname: attachment.ifname }] as const,
          ),
    ),
  );
}

function ofLink(
  { ifname, mtu, ifalias }: HostLink,
  uplink: number,
  pods: ReturnType<typeof podsByHostEnd>,
): Finding {
  const pod = pods.get(ifname);
  const inPod =
    pod && `nsenter --net=${shellWord(pod.netns)} ip link set dev ${shellWord(pod.ifname)} mtu ${uplink}`;
  return {
    level: 'warning',
    found: `${ifname}${ifalias ? ` of ${ifalias}` : ''} has an MTU of ${mtu}, and the uplink carries ${uplink}`,
    ...(inPod
      ? { remedy: [inPod, `ip link set dev ${ifname} mtu ${uplink}`] }
      : { advice: 'delete its pod, so that it is created again' }),
  };
}

export const mtu: Check = {
  name: 'MTU',
  run: async (patient) => {
    const way = narrowest(await defaultRoutes(patient));
    const uplink = way?.mtu ?? uplinkMtu();
    const large = (await hostEnds(patient.run)).filter((link) => link.mtu > uplink);
    const pods = large.length > 0 ? podsByHostEnd(patient) : new Map();
    const found = [
      ...ofGuess(patient, way),
      ...ofConfiguration(patient, uplink),
      ...large.map((link) => ofLink(link, uplink, pods)),
    ];
    return found.length > 0 ? found : [ok(`pods send no more than the uplink carries, ${uplink} bytes`)];
  },
};
