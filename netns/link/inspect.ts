import { type Address, formatAddress, formatCidr, parseAddress } from '../../conf/family.ts';
import type { Endpoint } from '../../ipam/allocate.ts';
import type { Attachment } from '../../ipam/store/store.ts';
import type { Run } from '../process/exec.ts';
import { ipQuery, type Place } from '../process/ip.ts';
import { ownPairs } from './apply.ts';
import type { PairNames } from './naming.ts';
import { plannedRoutes, type Wiring } from './plan.ts';

/** A route as CHECK expects it in the pod. */
export interface ExpectedRoute {
  /** `0.0.0.0/0`, canonical. */
  readonly dst: string;
  readonly gw: string | undefined;
}

/** What one attachment should look like. */
export interface Expectation {
  readonly attachment: Attachment;
  /** Of the pod's end; undefined when nobody said. */
  readonly mac: string | undefined;
  readonly addresses: readonly Endpoint[];
  readonly routes: readonly ExpectedRoute[];
}

/** One interface as `ip -json address show` tells it. */
interface Link {
  readonly ifname: string;
  readonly address: string;
  readonly flags: readonly string[];
  readonly addr_info: readonly { readonly local?: string }[];
}

/** One route as `ip -json route show table all` tells it: a default route is `default` in both families. */
interface KernelRoute {
  readonly dst: string;
  /** Not told when one device was asked for. */
  readonly dev?: string;
  readonly gateway?: string;
}

interface Neighbour {
  readonly dst: string;
  readonly dev?: string;
  readonly lladdr?: string;
  readonly state: readonly string[];
}

/** What the kernel has of one device. */
export interface Snapshot {
  readonly link: Link | undefined;
  readonly routes: readonly KernelRoute[];
  readonly neighbours: readonly Neighbour[];
}

type KernelObject = Partial<Link & KernelRoute & Neighbour>;

/** What answers are about one device. */
function snapshotOf(objects: readonly KernelObject[], device: string): Snapshot {
  const own = objects.filter(({ ifname, dev = device }) => (ifname ?? dev) === device);
  return {
    link: own.find((object) => object.addr_info !== undefined) as Link | undefined,
    neighbours: own.filter((object) => object.state !== undefined) as Neighbour[],
    routes: own.filter((object) => object.dst !== undefined && object.state === undefined) as KernelRoute[],
  };
}

async function snapshot(run: Run, place: Place, device: string): Promise<Snapshot> {
  const questions = ['address', 'route', 'neighbour'].map(
    (object) => `${object} show ${object === 'route' ? 'table all ' : ''}dev ${device}`,
  );
  const objects = await ipQuery(run, place, `inspect ${device}`, questions);
  return snapshotOf(objects as KernelObject[], device);
}

/** Everything of the host, by device: asked once, for any number of attachments. */
export async function inspectHost(run: Run): Promise<(device: string) => Snapshot> {
  const questions = ['address show', 'route show table all', 'neighbour show'];
  const objects = (await ipQuery(run, 'host', 'inspect the host ends', questions)) as KernelObject[];
  const byDevice = new Map<string, KernelObject[]>();
  for (const object of objects) {
    const device = object.ifname ?? object.dev ?? '';
    byDevice.set(device, [...(byDevice.get(device) ?? []), object]);
  }
  return (device) => snapshotOf(byDevice.get(device) ?? [], device);
}

/** `10.244.1.7`, `10.8.0.0/16`, `default`: as the kernel's tools write the destination. */
function inKernelWords(dst: string): string {
  const [host = '', length] = dst.split('/');
  const family = parseAddress(host)?.family;
  if (length === '0') return 'default';
  return family && Number(length) === family.bits ? host : dst;
}

function hasRoute(snapshot: Snapshot, dst: string, gw: string | undefined): boolean {
  const wanted = inKernelWords(dst);
  return snapshot.routes.some((route) => route.dst === wanted && route.gateway === gw);
}

function missing(side: string, snapshot: Snapshot, device: string, wanted: Wanted): string[] {
  const { link } = snapshot;
  if (!link) return [`interface ${device} is missing ${side}`];
  const has = (address: Address) => link.addr_info.some(({ local }) => local === formatAddress(address));
  const isResolved = ({ address, mac }: WantedNeighbour) =>
    snapshot.neighbours.some(
      ({ dst, lladdr, state }) =>
        dst === formatAddress(address) && lladdr === mac && state.includes('PERMANENT'),
    );
  return [
    ...(link.flags.includes('UP') ? [] : [`interface ${device} is down ${side}`]),
    ...(wanted.mac === undefined || link.address === wanted.mac
      ? []
      : [`interface ${device} has MAC address ${link.address} ${side}, not ${wanted.mac}`]),
    ...wanted.addresses
      .filter((address) => !has(address))
      .map((address) => `address ${formatAddress(address)} is missing on ${device} ${side}`),
    ...wanted.routes
      .filter(({ dst, gw }) => !hasRoute(snapshot, dst, gw))
      .map(({ dst, gw }) => `route to ${dst}${gw ? ` via ${gw}` : ''} is missing on ${device} ${side}`),
    ...wanted.neighbours
      .filter((neighbour) => !isResolved(neighbour))
      .map(({ address }) => `permanent neighbour ${formatAddress(address)} is missing on ${device} ${side}`),
  ];
}

interface WantedNeighbour {
  readonly address: Address;
  readonly mac: string;
}

interface Wanted {
  readonly mac: string | undefined;
  readonly addresses: readonly Address[];
  readonly routes: readonly ExpectedRoute[];
  readonly neighbours: readonly WantedNeighbour[];
}

function onLink(address: Address): ExpectedRoute {
  return {
    dst: formatCidr({ family: address.family, base: address.value, prefix: address.family.bits }),
    gw: undefined,
  };
}

/**
 * Compares an attachment with what the kernel has.
 *
 * @param descriptor of the pod's network namespace.
 * @returns a sentence for each difference; none if everything is as ADD left it.
 */
export async function inspect(run: Run, descriptor: number, expected: Expectation): Promise<string[]> {
  const { attachment } = expected;
  const [pair] = await ownPairs(run, attachment, `inspect container ${attachment.containerID}`);
  if (!pair) return [`the host end of ${attachment.ifname} is missing`];
  const [host, pod] = await Promise.all([
    snapshot((command) => run({ ...command, beside: true }), 'host', pair.hostEnd),
    snapshot(run, descriptor, attachment.ifname),
  ]);
  return compare(pair, expected, host, pod);
}

/**
 * Compares a wiring, as it was noted, with what the kernel has.
 *
 * @param host what `inspectHost` told.
 * @param descriptor of the pod's network namespace.
 * @returns as `inspect`.
 */
export async function inspectWiring(
  run: Run,
  descriptor: number,
  attachment: Attachment,
  wiring: Wiring,
  host: (device: string) => Snapshot,
): Promise<string[]> {
  const { names, addresses } = wiring;
  const routes = plannedRoutes(wiring).map(({ dst, gw }) => ({
    dst: formatCidr(dst),
    gw: gw && formatAddress(gw),
  }));
  const pod = await snapshot((command) => run({ ...command, beside: true }), descriptor, wiring.ifname);
  return compare(names, { attachment, mac: names.podMac, addresses, routes }, host(names.hostEnd), pod);
}

function compare(pair: PairNames, expected: Expectation, host: Snapshot, pod: Snapshot): string[] {
  const { attachment, mac, routes } = expected;
  const addresses = expected.addresses.map(({ address }) => address);
  const gateways = expected.addresses.map(({ gateway }) => gateway);
  const podMac = pod.link?.address ?? pair.podMac;
  return [
    ...missing('on the host', host, pair.hostEnd, {
      mac: pair.hostMac,
      addresses: gateways,
      routes: addresses.map(onLink),
      neighbours: addresses.map((address) => ({ address, mac: podMac })),
    }),
    ...missing('in the pod', pod, attachment.ifname, {
      mac,
      addresses,
      routes: [...gateways.map(onLink), ...routes],
      neighbours: gateways.map((address) => ({ address, mac: pair.hostMac })),
    }),
  ];
}
