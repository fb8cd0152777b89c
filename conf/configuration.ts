import * as z from 'zod/mini';
import { check } from './check.ts';
import { codes, Failure } from './failure.ts';
import type { Address, Cidr } from './family.ts';
import { namePattern } from './name.ts';
import { rejectUnreachable } from './routes.ts';
import * as rules from './rules.ts';

/** The default `dataDir`: in memory, because leases end with the boot. */
export const defaultDataDir = '/run/dualstack';

/** The name of a network: it becomes the name of a folder (CNI 1.1.0, "Network configuration format"). */
const name = z.string({ error: () => 'must be a string' }).check(
  z.regex(namePattern, {
    error: () => 'must start with a letter or digit, and contain only letters, digits, "_", "." and "-"',
  }),
  z.maxLength(255, { error: () => 'must not be longer than 255 characters' }),
);

/** Only what DEL needs: a DEL must succeed even if the rest of the configuration has become invalid. */
const locator = z.object({ name, dataDir: z._default(rules.absolutePath, defaultDataDir) });

/** Keys that the runtime or its library adds, or that every plugin has. They are not checked. */
const foreign = {
  cniVersion: z.optional(z.string()),
  type: z.optional(z.string()),
  capabilities: z.optional(z.unknown()),
  runtimeConfig: z.optional(z.unknown()),
  args: z.optional(z.unknown()),
  prevResult: z.optional(z.unknown()),
};

/** What decides which addresses a pod gets: the same for the plugin and for the IPAM plugin. */
const addressing = {
  dataDir: z._default(rules.absolutePath, defaultDataDir),
  podCIDRs: z._default(rules.listOf(rules.cidr, 'CIDRs'), []),
  nodeIPs: z._default(rules.listOf(rules.address, 'IP addresses'), []),
  ipFamilies: z.optional(rules.familyOrder),
  ipFamilyPolicy: z.optional(
    z.enum(['SingleStack', 'PreferDualStack', 'RequireDualStack'], {
      error: () => 'must be "SingleStack", "PreferDualStack" or "RequireDualStack"',
    }),
  ),
  ranges: z.optional(rules.rangeSets),
  // host-local's short form of a first set with one range; the gateway is below.
  subnet: z.optional(rules.cidr),
  rangeStart: z.optional(rules.address),
  rangeEnd: z.optional(rules.address),
  exclude: z._default(rules.listOf(rules.cidrOrAddress, 'addresses and CIDRs'), []),
  notReadyWhenFull: z._default(rules.flag, false),
  gateway: z.optional(rules.address),
  gateways: z._default(rules.listOf(rules.address, 'IP addresses'), []),
  routes: z.optional(rules.listOf(rules.route, 'routes')),
  dns: z.optional(rules.dns),
  resolvConf: z.optional(rules.absolutePath),
};

/** Another plugin that assigns the addresses. Its other keys are not checked. */
const delegate = z.looseObject(
  { type: rules.pluginType },
  { error: () => 'must be an object with the type of an IPAM plugin' },
);

const schema = z.strictObject({
  ...foreign,
  ...addressing,
  name,
  ipam: z.optional(delegate),
  mtu: z.optional(rules.mtu),
  ipMasq: z._default(rules.masquerade, 'auto'),
  clusterCIDRs: z._default(rules.listOf(rules.cidr, 'CIDRs'), []),
  nonMasqueradeCIDRs: z._default(rules.listOf(rules.cidrOrAddress, 'addresses and CIDRs'), []),
  masqLinkLocal: z._default(rules.flag, true),
  masqLinkLocalIPv6: z._default(rules.flag, false),
  spoofCheck: z._default(rules.flag, true),
  sysctls: z._default(rules.flag, true),
  logFile: z.optional(rules.absolutePath),
});

/** The `ipam` object in the configuration of another plugin that uses us as its IPAM plugin. */
const ipamSchema = z.strictObject({ ...addressing, type: z.string() });

export type Locator = z.output<typeof locator>;
export type Configuration = z.output<typeof schema>;
export type Addressing = Omit<z.output<typeof ipamSchema>, 'type'>;
export type Route = z.output<typeof rules.route>;
export type RangeSets = z.output<typeof rules.rangeSets>;
export type Masquerade = z.output<typeof rules.masquerade>;
export type Dns = z.output<typeof rules.dns>;
export type { Address, Cidr };

/** The first set of ranges can be at the top level, as in host-local. @throws {Failure} code 7 for half of one. */
function withShortForm<T extends ShortForm>(input: T): T {
  const { subnet, rangeStart, rangeEnd, gateway, ranges = [] } = input;
  if (subnet) return { ...input, ranges: [[{ subnet, rangeStart, rangeEnd, gateway }], ...ranges] };
  if (!rangeStart && !rangeEnd) return input;
  throw new Failure(
    codes.configuration,
    'invalid network configuration: rangeStart and rangeEnd need a subnet',
  );
}

type ShortForm = Pick<Addressing, 'subnet' | 'rangeStart' | 'rangeEnd' | 'gateway' | 'ranges'>;

/** In the reference plugins, an empty list has a meaning: no resolver settings, even if others have some. */
function withEmptyDns<T extends Pick<Addressing, 'dns'>>(own: T, input: unknown): T {
  const lists = typeof input === 'object' && input !== null ? Object.values(input) : [];
  return own.dns || !lists.some(Array.isArray) ? own : { ...own, dns: {} };
}

/** The keys at a place of a configuration whose topmost keys are those of `top`. */
function knownKeys(top: { readonly shape: object }, path: readonly PropertyKey[]): string[] {
  if (path.length === 0) return Object.keys(top.shape);
  const shapes = {
    routes: rules.route,
    ranges: rules.range,
    dns: rules.dns,
    ipMasq: rules.masqueradeOfEach,
  };
  const shape = shapes[String(path[0]) as keyof typeof shapes];
  return shape ? Object.keys(shape.shape) : [];
}

/** Keys under `cni.dev/` belong to the specification (CNI 1.1.0, "Deriving request configuration"). */
function withoutReserved(input: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(input).filter(([key]) => !key.startsWith('cni.dev/')));
}

/**
 * Checks a network configuration and turns it into a typed object, with parsed addresses and CIDRs, and defaults.
 *
 * @throws {Failure} code 7, which names each invalid key, and suggests the closest known key for an unknown one.
 */
export function parseConfiguration(input: Readonly<Record<string, unknown>>): Configuration {
  const configuration = check(schema, withoutReserved(input), '', (path) => knownKeys(schema, path));
  // The pools, or a delegate that was not called yet, determine the gateways.
  rejectUnreachable(configuration.routes ?? [], []);
  return withEmptyDns(withShortForm(configuration), input['dns']);
}

/**
 * The same for the `ipam` object of another plugin's configuration.
 *
 * @throws {Failure} code 7.
 */
export function parseIpamConfiguration(
  input: Readonly<Record<string, unknown>>,
): Addressing & { name: string } {
  const { name: network } = check(z.object({ name }), input);
  const ipam = input['ipam'];
  const own = check(ipamSchema, ipam, 'ipam', (path) => knownKeys(ipamSchema, path));
  // Only the other plugin knows what else is on its link.
  rejectUnreachable(own.routes ?? [], []);
  const dns = typeof ipam === 'object' && ipam !== null && 'dns' in ipam ? ipam.dns : undefined;
  return { ...withEmptyDns(withShortForm(own), dns), name: network };
}

/**
 * Reads only what is needed to find the state of a network: its name and its folder.
 *
 * @throws {Failure} code 7 when one of these is wrong.
 */
export function parseLocator(input: Readonly<Record<string, unknown>>): Locator {
  return check(locator, input);
}
