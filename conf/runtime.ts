import * as z from 'zod/mini';
import { check } from './check.ts';
import type { Route } from './configuration.ts';
import { inConventionalSpelling } from './go-keys.ts';
import * as rules from './rules.ts';
import { isUnset } from './unset.ts';

/**
 * What the runtime requests for one pod (CNI CONVENTIONS.md, "Dynamic Plugin specific fields"). Unknown capabilities
 * are ignored: a runtime can send more than the configuration declares.
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

/** The capabilities that the plugin supports. A network configuration should declare only these. */
export const capabilities: readonly string[] = Object.keys(runtimeConfig.shape);

const requested = z.object({
  ips: z._default(rules.listOf(rules.requestedAddress, 'IP addresses'), []),
  mac: z.optional(rules.mac),
});

const args = z.object({ cni: z.optional(requested) });

/** Unknown keys are errors only within `ipRanges`. */
function capabilityKeys(path: readonly PropertyKey[]): string[] {
  return path[0] === 'ipRanges' ? Object.keys(rules.range.shape) : [];
}

export type PortMapping = z.output<typeof rules.portMapping>;
export type RuntimeConfig = z.output<typeof runtimeConfig>;

/** @throws {Failure} code 7, which names the invalid capability. */
export function parseRuntimeConfig(input: unknown): RuntimeConfig {
  return check(
    runtimeConfig,
    isUnset(input) ? {} : inConventionalSpelling(input),
    'runtimeConfig',
    capabilityKeys,
  );
}

/** Requests that are not made by capabilities. */
export type Requested = z.output<typeof requested>;

/** `args.cni`: `ips` and `mac`. @throws {Failure} code 7. */
export function parseRequestedArgs(input: unknown): Requested {
  return check(args, isUnset(input) ? {} : input, 'args').cni ?? { ips: [] };
}

/** CNI_ARGS: `IP`, of which several are separated by commas, and `MAC`. @throws {Failure} code 7. */
export function parseRequestedVariables(variables: ReadonlyMap<string, string>): Requested {
  const ips = (variables.get('IP') ?? '').split(',').filter((part) => part !== '');
  return {
    ips: check(rules.listOf(rules.requestedAddress, 'IP addresses'), ips, 'IP in CNI_ARGS'),
    mac: check(z.optional(rules.mac), variables.get('MAC') || undefined, 'MAC in CNI_ARGS'),
  };
}

/** The routes of another plugin's result. @throws {Failure} code 7. */
export function parseRoutes(routes: unknown): Route[] {
  return check(rules.listOf(rules.route, 'routes'), routes, 'routes');
}
