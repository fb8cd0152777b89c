import * as z from 'zod/mini';
import { check } from './check.ts';
import type { Route } from './configuration.ts';
import { inConventionalSpelling } from './go-keys.ts';
import * as rules from './rules.ts';

/**
 * What the runtime asks for, for one pod (CNI CONVENTIONS.md, "Dynamic Plugin specific fields"). Capabilities that
 * are not ours are ignored: a runtime may send more than it was asked for.
 */
const runtimeConfig = z.object({
  ips: z._default(rules.listOf(rules.requestedAddress, 'IP addresses'), []),
  mac: z.optional(rules.mac),
  ipRanges: z.optional(rules.rangeSets),
  bandwidth: z.optional(rules.bandwidth),
  portMappings: z._default(rules.listOf(rules.portMapping, 'port mappings'), []),
  dns: z.optional(
    z.object({
      servers: z.optional(rules.listOf(rules.text, 'strings')),
      searches: z.optional(rules.listOf(rules.text, 'strings')),
      options: z.optional(rules.listOf(rules.text, 'strings')),
    }),
  ),
});

/** The capabilities that we act on: a network configuration should offer these and no others. */
export const capabilities: readonly string[] = Object.keys(runtimeConfig.shape);

const args = z.object({
  cni: z.optional(z.object({ ips: z._default(rules.listOf(rules.requestedAddress, 'IP addresses'), []) })),
});

/** Within `ipRanges`; what is unknown elsewhere is not ours. */
function capabilityKeys(path: readonly PropertyKey[]): string[] {
  return path[0] === 'ipRanges' ? Object.keys(rules.range.shape) : [];
}

export type PortMapping = z.output<typeof rules.portMapping>;
export type RuntimeConfig = z.output<typeof runtimeConfig>;

/** @throws {Failure} code 7, naming the capability that is wrong. */
export function parseRuntimeConfig(input: unknown): RuntimeConfig {
  return check(runtimeConfig, inConventionalSpelling(input) ?? {}, 'runtimeConfig', capabilityKeys);
}

/** The addresses that `args.cni.ips` asks for. @throws {Failure} code 7. */
export function parseRequestedArgs(input: unknown): RuntimeConfig['ips'] {
  return check(args, input ?? {}, 'args').cni?.ips ?? [];
}

/** The addresses of `IP=` in CNI_ARGS, separated by commas. @throws {Failure} code 7. */
export function parseRequestedList(list: string | undefined): RuntimeConfig['ips'] {
  const parts = (list ?? '').split(',').filter((part) => part !== '');
  return check(rules.listOf(rules.requestedAddress, 'IP addresses'), parts, 'IP in CNI_ARGS');
}

/** The routes of another plugin's result. @throws {Failure} code 7. */
export function parseRoutes(routes: unknown): Route[] {
  return check(rules.listOf(rules.route, 'routes'), routes, 'routes');
}
