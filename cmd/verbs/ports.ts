import { codes, Failure } from '../../conf/failure.ts';
import { type Address, cidrs, contains, formatAddress } from '../../conf/family.ts';
import type { PortMapping } from '../../conf/runtime.ts';
import { describePort } from '../../netns/firewall/elements.ts';
import type { HostPort } from '../../netns/firewall/footprint.ts';

function invalid(message: string): Failure {
  return new Failure(codes.configuration, `invalid portMappings: ${message}`);
}

/** Nobody's: multicast and broadcast (RFC 5771; RFC 8190; RFC 4291, 2.7). */
const nobodys = cidrs('224.0.0.0/4', '255.255.255.255/32', 'ff00::/8');

/** The pod's addresses that a mapping leads to: of all families, or of that of the host's address. */
function targets({ hostIP, hostPort }: PortMapping, addresses: readonly Address[]): readonly Address[] {
  if (!hostIP) return addresses;
  if (hostIP.family.name === 'IPv6' && hostIP.value === 1n)
    throw invalid(`hostIP ::1 of host port ${hostPort} cannot work: IPv6 has no route from there to a pod`);
  if (nobodys.some((range) => contains(range, hostIP)))
    throw invalid(
      `hostIP ${formatAddress(hostIP)} of host port ${hostPort} cannot work: no interface has such an address`,
    );
  const ofFamily = addresses.filter(({ family }) => family === hostIP.family);
  if (ofFamily.length > 0) return ofFamily;
  throw invalid(
    `hostIP ${formatAddress(hostIP)} of host port ${hostPort} is ${hostIP.family.name}, but the pod has no such address`,
  );
}

function hostPorts(mapping: PortMapping, addresses: readonly Address[]): HostPort[] {
  const { hostIP, protocol, hostPort: port, containerPort: targetPort } = mapping;
  // 0.0.0.0 and :: are all addresses of their family.
  const on = hostIP && hostIP.value !== 0n ? hostIP : undefined;
  return targets(mapping, addresses).map((target) => ({ protocol, on, port, target, targetPort }));
}

/**
 * The host ports that a runtime asks for, one for each family that they lead to. An entry without a host port asks
 * for none.
 *
 * @param addresses of the pod.
 * @throws {Failure} code 7 for a host address of a family that the pod lacks, or that leads nowhere, and for a port that
 *   is to lead to two of the pod's.
 */
export function hostPortsOf(mappings: readonly PortMapping[], addresses: readonly Address[]): HostPort[] {
  const ports = mappings
    .filter(({ hostPort }) => hostPort !== 0)
    .flatMap((mapping) => hostPorts(mapping, addresses));
  const distinct = new Map<string, HostPort>();
  for (const port of ports) {
    const name = `${describePort(port)} (${port.target.family.name})`;
    const { targetPort = port.targetPort } = distinct.get(name) ?? {};
    if (targetPort !== port.targetPort)
      throw invalid(`host port ${name} is mapped twice, to ${targetPort} and to ${port.targetPort}`);
    distinct.set(name, port);
  }
  return [...distinct.values()];
}
