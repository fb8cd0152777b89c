import { uplinkMtu } from '../../../../netns/host/host.ts';
import { candidateNames } from '../../../../netns/link/naming.ts';
import { findNetworks } from '../../engine/networks.ts';
import { type HostLink, hostEnds } from '../../leases/inventory.ts';
import { type Check, type Finding, ok, type Patient, shellWord } from './check.ts';

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
    const uplink = uplinkMtu();
    const large = (await hostEnds(patient.run)).filter((link) => link.mtu > uplink);
    const pods = large.length > 0 ? podsByHostEnd(patient) : new Map();
    const found = [...ofConfiguration(patient, uplink), ...large.map((link) => ofLink(link, uplink, pods))];
    return found.length > 0 ? found : [ok(`pods send no more than the uplink carries, ${uplink} bytes`)];
  },
};
