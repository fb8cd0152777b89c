import * as z from 'zod/mini';
import { quote } from './failure.ts';
import { parseAddress, parseCidr, parseInterfaceAddress } from './family.ts';
import { namePattern } from './name.ts';

/** A string that `parse` accepts; otherwise an issue that says what it must be. */
function parsed<T>(mustBe: string, parse: (text: string) => T | undefined) {
  return z.pipe(
    z.string({ error: () => `must be ${mustBe}` }),
    z.transform((text: string, context) => {
      const value = parse(text);
      if (value !== undefined) return value;
      context.issues.push({ code: 'custom', message: `must be ${mustBe}, not ${quote(text)}`, input: text });
      return z.NEVER;
    }),
  );
}

export const address = parsed('an IP address', parseAddress);

export const cidr = parsed(
  'a CIDR without host bits, like "10.244.1.0/24" or "fd00:10:244:1::/64"',
  parseCidr,
);

/** A single address is a CIDR with one address. */
export const cidrOrAddress = parsed('an IP address or a CIDR without host bits', (text) => {
  const single = parseAddress(text);
  return single ? { family: single.family, base: single.value, prefix: single.family.bits } : parseCidr(text);
});

/** As the `ips` capability and `args.cni.ips` have them: the prefix length is optional, and ignored. */
export const requestedAddress = parsed(
  'an IP address, with or without a prefix length',
  (text) => parseAddress(text) ?? parseInterfaceAddress(text)?.address,
);

/** Entries that are equal after parsing count as one. */
function distinct<T>(items: readonly T[]): T[] {
  const seen = new Set<string>();
  return items.filter((item) => {
    const text = JSON.stringify(item, (_, part) => (typeof part === 'bigint' ? `${part}` : part));
    return !seen.has(text) && seen.add(text);
  });
}

/** Removes duplicates; the first occurrence stays. */
export function listOf<T extends z.core.$ZodType>(items: T, of: string) {
  return z.pipe(
    z.array(items, { error: () => `must be a list of ${of}` }),
    z.transform((list: z.output<T>[]) => distinct(list)),
  );
}

export const familyName = z.enum(['IPv4', 'IPv6'], { error: () => 'must be "IPv4" or "IPv6"' });

export const familyOrder = listOf(familyName, '"IPv4" and "IPv6"');

export const absolutePath = z
  .string({ error: () => 'must be a path' })
  .check(
    z.refine(
      (path) => /^\/[^\p{Cc}]*$/u.test(path) && path.length < 2048 && !path.split('/').includes('..'),
      { error: () => 'must be an absolute path without ".."' },
    ),
  );

/** An optional number. Go programs write 0 if nobody set it. */
function numberOrUnset(mustBe: string, isRight: (value: number) => boolean, range = mustBe) {
  return z.pipe(
    z
      .optional(z.int({ error: () => `${mustBe}: leave it out, or a number` }))
      .check(z.refine((value) => !value || isRight(value), { error: () => range })),
    z.transform((value) => value || undefined),
  );
}

/** Of a link or a route, in bytes. */
export const mtu = numberOrUnset(
  'must be a whole number of bytes',
  (bytes) => bytes >= 68 && bytes <= 65535,
  'must be between 68 and 65535 bytes',
);

/** A unicast MAC address, in lower case. */
export const mac = parsed('a unicast MAC address like "c2:11:22:33:44:55"', (text) =>
  /^[0-9a-f][02468ace](?::[0-9a-f]{2}){5}$/i.test(text) && !/^[0:]+$/.test(text)
    ? text.toLowerCase()
    : undefined,
);

const mustBeUnsigned = 'must be a whole number of 32 bits';
const isUnsigned = (value: number) => value >= 0 && value <= 0xffffffff;
const unsignedOrUnset = numberOrUnset(mustBeUnsigned, isUnsigned);
const unsigned = z
  .int({ error: () => `${mustBeUnsigned}: leave it out, or a number` })
  .check(z.refine(isUnsigned, { error: () => mustBeUnsigned }));

export const flag = z.boolean({ error: () => 'must be true or false' });

const masqueradeOfOne = z.union([z.boolean(), z.literal('auto')], {
  error: () => 'must be true, false or "auto"',
});

export const masqueradeOfEach = z.strictObject({
  IPv4: z.optional(masqueradeOfOne),
  IPv6: z.optional(masqueradeOfOne),
});

/** `ipMasq`, for both families or for each. */
export const masquerade = z.union([masqueradeOfOne, masqueradeOfEach], {
  error: () => 'must be true, false, "auto", or one of these for each of "IPv4" and "IPv6"',
});

/** The name of a plugin's executable: never a path. */
export const pluginType = z
  .string({ error: () => 'must be the name of a plugin' })
  .check(z.regex(namePattern, { error: () => 'must be the name of a plugin, not a path' }));

export const text = z.string({ error: () => 'must be a string' });

/** One entry of `routes`, as in CNI results (CNI 1.1.0, "Success", `routes`). */
export const route = z.strictObject({
  dst: cidr,
  gw: z.optional(address),
  mtu: z.optional(mtu),
  advmss: z.optional(unsignedOrUnset),
  priority: z.optional(unsignedOrUnset),
  // Pointers in Go, so 0 is a value: the kernel's default table, and the scope "global".
  table: z.optional(unsigned),
  scope: z.optional(unsigned),
});

/** One entry of host-local's `ranges` and of the `ipRanges` capability. */
export const range = z.strictObject({
  subnet: cidr,
  rangeStart: z.optional(address),
  rangeEnd: z.optional(address),
  gateway: z.optional(address),
});

/** The outer list has one set for each address of an attachment. */
export const rangeSets = listOf(
  listOf(range, 'ranges').check(
    z.refine((ranges) => ranges.length > 0, { error: () => 'must hold a range' }),
  ),
  'lists of ranges',
);

/** Resolver settings, with the names that CNI results use. */
export const dns = z.strictObject({
  nameservers: z.optional(listOf(text, 'strings')),
  domain: z.optional(text),
  search: z.optional(listOf(text, 'strings')),
  options: z.optional(listOf(text, 'strings')),
});

/**
 * The bursts in bits that runtimes write when nobody asked for one: containerd and CRI-O the largest number of 32 bits,
 * older kubelets that of 31, others those of 63 and 64, as far as a number of JSON tells.
 */
export const unaskedBursts: readonly number[] = [2 ** 31 - 1, 2 ** 32 - 1, 2 ** 63, 2 ** 64];

function bits(what: string, most: number, more: readonly number[] = []) {
  const mustBe = `must be a whole number of bits${what}, 0 or from 8 to ${most}`;
  return z._default(
    z.number({ error: () => mustBe }).check(
      z.refine(
        (value) =>
          Number.isInteger(value) && (value === 0 || (value >= 8 && value <= most) || more.includes(value)),
        {
          error: () => mustBe,
        },
      ),
    ),
    0,
  );
}

/** The kernel has 64 bits for a rate, and 32 for a burst in bytes. */
const [rate, burst] = [bits(' per second', 2 ** 64), bits('', 8 * (2 ** 32 - 1), unaskedBursts)];

/** How fast packets may go in one direction. */
export interface Limit {
  /** In bits per second. */
  readonly rate: number;
  /** How much can be sent at once after a pause, in bits. */
  readonly burst: number;
}

const directions = ['ingress', 'egress'] as const;

/** The limits of a pod, to it (`ingress`) and from it; absent for a direction without a limit. */
export type Bandwidth = Readonly<Partial<Record<(typeof directions)[number], Limit>>>;

/** As the `bandwidth` capability has it: 0 is no limit, and a limit has both a rate and a burst. */
export const bandwidth = z.pipe(
  z.object({ ingressRate: rate, ingressBurst: burst, egressRate: rate, egressBurst: burst }),
  z.transform((input, context): Bandwidth => {
    const limits = directions.map((direction) => {
      const limit = { rate: input[`${direction}Rate`], burst: input[`${direction}Burst`] };
      if ((limit.rate === 0) !== (limit.burst === 0)) {
        const [given, missing] = limit.rate === 0 ? ['Burst', 'Rate'] : ['Rate', 'Burst'];
        const message = `has ${direction}${given} and no ${direction}${missing}: a limit has both`;
        context.issues.push({ code: 'custom', message, input });
      }
      return [direction, limit] as const;
    });
    return Object.fromEntries(limits.filter(([, limit]) => limit.rate > 0));
  }),
);

/** A port as the `portMappings` capability has it: 0 is none. */
const portOrNone = z
  .int({ error: () => 'must be a port' })
  .check(z.refine((port) => port >= 0 && port <= 65535, { error: () => 'must be a port' }));

const protocols = ['tcp', 'udp', 'sctp'] as const;
export type Protocol = (typeof protocols)[number];

const protocol = parsed('"tcp", "udp" or "sctp"', (text): Protocol | undefined =>
  protocols.find((known) => known === text.toLowerCase()),
);

/** An address, or nothing, as runtimes write it: null, or empty. */
const addressOrNone = z.pipe(
  z.nullish(z.union([z.literal(''), address], { error: () => 'must be an IP address, or empty' })),
  z.transform((value) => value || undefined),
);

/** One entry of the `portMappings` capability (CNI CONVENTIONS.md). Runtimes leave out what is empty. */
export const portMapping = z.object({
  hostPort: z._default(portOrNone, 0),
  containerPort: z
    .int({ error: () => 'must be a port' })
    .check(z.refine((port) => port >= 1 && port <= 65535, { error: () => 'must be a port from 1 to 65535' })),
  protocol: z._default(protocol, 'tcp'),
  hostIP: addressOrNone,
});
