import { type Family, familyOf, other, plans, starting } from '../harness/addresses.ts';
import type { ApiObject } from '../harness/kubectl.ts';
import type { Check } from './check.ts';
import { allServers, withServers, withService } from './fixtures.ts';
import { service } from './workloads.ts';

type Policy = 'SingleStack' | 'PreferDualStack' | 'RequireDualStack';

/** What somebody asks a Service to be, and what it then is; `first` is the cluster's. */
interface Case {
  readonly policy?: Policy;
  readonly ask?: (first: Family) => Family[];
  readonly expected: (first: Family) => Family[];
  /** SingleStack, unless said otherwise. */
  readonly becomes?: Policy;
}

const both = (first: Family): Family[] => [...starting(first)];
const reversed = (first: Family): Family[] => [other(first), first];
const one = (first: Family): Family[] => [first];
const second = (first: Family): Family[] => [other(first)];

const cases: Readonly<Record<string, Case>> = {
  'no policy': { expected: one },
  SingleStack: { policy: 'SingleStack', expected: one },
  PreferDualStack: { policy: 'PreferDualStack', expected: both, becomes: 'PreferDualStack' },
  RequireDualStack: { policy: 'RequireDualStack', expected: both, becomes: 'RequireDualStack' },
  'the first family': { ask: one, expected: one },
  'the second family': { ask: second, expected: second },
  'both families, preferred': {
    policy: 'PreferDualStack',
    ask: both,
    expected: both,
    becomes: 'PreferDualStack',
  },
  'both families, the second first': {
    policy: 'PreferDualStack',
    ask: reversed,
    expected: reversed,
    becomes: 'PreferDualStack',
  },
  'both families, required': {
    policy: 'RequireDualStack',
    ask: both,
    expected: both,
    becomes: 'RequireDualStack',
  },
  'one family and a second that is preferred': {
    policy: 'PreferDualStack',
    ask: second,
    expected: reversed,
    becomes: 'PreferDualStack',
  },
};

function asked({ policy, ask }: Case, first: Family, more: object = {}): object {
  return service('asked', {
    ...(policy && { ipFamilyPolicy: policy }),
    ...(ask && { ipFamilies: ask(first) }),
    ...more,
  });
}

/** The shapes of Services that have addresses. */
const shapes: Readonly<Record<string, object>> = {
  'with a selector': { selector: { app: 'nobody' } },
  'without selector': {},
  'of type LoadBalancer': { selector: { app: 'nobody' }, type: 'LoadBalancer' },
};

const allocation = Object.entries(shapes).map(
  ([shape, more]): Check => ({
    title: `a Service ${shape} gets the addresses of the families that it asks for, in their order`,
    async run(t, cluster) {
      const { first } = cluster.configuration;
      for (const [name, one] of Object.entries(cases)) {
        await withService(cluster, asked(one, first, more), async ({ spec }) => {
          t.deepEqual(spec.clusterIPs.map(familyOf), one.expected(first), name);
          t.deepEqual(spec.ipFamilies, one.expected(first), name);
          t.is(spec.ipFamilyPolicy, one.becomes ?? 'SingleStack', name);
          t.is(spec.clusterIP, spec.clusterIPs[0], name);
        });
      }
    },
  }),
);

/** What the API server refuses, and what it names when it does. */
const refusals: Readonly<Record<string, readonly [object, RegExp]>> = {
  'SingleStack with two families': [
    { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4', 'IPv6'] },
    /ipFamilyPolicy: Invalid/,
  ],
  'two families without a policy': [{ ipFamilies: ['IPv4', 'IPv6'] }, /ipFamilyPolicy: Invalid/],
  'one family twice': [
    { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6', 'IPv6'] },
    /ipFamilies\[1\]: Duplicate/,
  ],
  'a family that there is not': [{ ipFamilies: ['IPv5'] }, /ipFamilies\[0\]: Unsupported/],
  'a policy that there is not': [{ ipFamilyPolicy: 'DualStack' }, /ipFamilyPolicy: Unsupported/],
  'an address of the other family': [
    { ipFamilies: ['IPv6'], clusterIP: '10.96.200.1', clusterIPs: ['10.96.200.1'] },
    /clusterIPs\[0\]: Invalid/,
  ],
  'two addresses of one family': [
    { ipFamilyPolicy: 'RequireDualStack', clusterIPs: ['10.96.200.1', '10.96.200.2'] },
    /clusterIPs/,
  ],
};

const patch = (change: object) => JSON.stringify({ spec: change });

const changes: readonly Check[] = [
  {
    title: 'the API refuses Services whose families contradict each other',
    async run(t, { kubectl }) {
      for (const [name, [more, message]] of Object.entries(refusals))
        t.regex(await kubectl.refusal(service('wrong', more)), message, name);
    },
  },
  {
    title: 'a Service goes from one family to two and back, and keeps its first address',
    async run(t, cluster) {
      const { kubectl, configuration } = cluster;
      const change = async (ipFamilyPolicy: Policy) => {
        await kubectl.run('patch', 'service', 'asked', '-p', patch({ ipFamilyPolicy }));
        return (await kubectl.get('service', 'asked')).spec;
      };
      for (const policy of ['PreferDualStack', 'RequireDualStack'] as const)
        await withService(
          cluster,
          asked({ expected: one }, configuration.first),
          async ({ spec: before }) => {
            const dual = await change(policy);
            t.deepEqual(dual.ipFamilies, both(configuration.first));
            t.is(dual.clusterIPs[0], before.clusterIP);
            const { clusterIP, clusterIPs, ipFamilies } = await change('SingleStack');
            t.deepEqual(
              [clusterIP, clusterIPs, ipFamilies],
              [before.clusterIP, before.clusterIPs, before.ipFamilies],
            );
          },
        );
    },
  },
  {
    title: 'the first family of a Service that exists stays',
    async run(t, cluster) {
      const { kubectl, configuration } = cluster;
      await withService(cluster, asked({ expected: one }, configuration.first), async () => {
        const words = ['patch', 'service', 'asked', '-p', patch({ ipFamilies: second(configuration.first) })];
        await t.throwsAsync(kubectl.run(...words), { message: /ipFamilies\[0\]/ });
      });
    },
  },
  {
    title: 'a headless Service without selector requires both families; with a selector it has the first',
    async run(t, cluster) {
      const { first } = cluster.configuration;
      const headless = (more: object) => service('headless', { clusterIP: 'None', ...more });
      await withService(cluster, headless({}), async ({ spec }) => {
        t.is(spec.ipFamilyPolicy, 'RequireDualStack');
        t.deepEqual(spec.ipFamilies, both(first));
      });
      await withService(cluster, headless({ selector: { app: 'nobody' } }), async ({ spec }) => {
        t.is(spec.ipFamilyPolicy, 'SingleStack');
        t.deepEqual(spec.ipFamilies, one(first));
        t.deepEqual(spec.clusterIPs, ['None']);
      });
    },
  },
  {
    title:
      'a dual-stack headless Service has an EndpointSlice of each family, with the addresses of its pods',
    run: (t, cluster) =>
      withServers(cluster, async ({ pods }) => {
        const more = { clusterIP: 'None', selector: allServers, ipFamilyPolicy: 'RequireDualStack' };
        await withService(cluster, service('headless', more), async () => {
          for (const family of both(cluster.configuration.first)) {
            const expected = pods
              .flatMap(({ status }) => status.podIPs.map(({ ip }: ApiObject) => ip))
              .filter((ip: string) => familyOf(ip) === family)
              .toSorted();
            const addresses = ({ items }: ApiObject): string[] =>
              items
                .filter(({ addressType }: ApiObject) => addressType === family)
                .flatMap(({ endpoints }: ApiObject) =>
                  (endpoints ?? []).flatMap((each: ApiObject) => each.addresses),
                )
                .toSorted();
            const words = ['endpointslices', '-l', 'kubernetes.io/service-name=headless'];
            const isWhole = (slices: ApiObject) => `${addresses(slices)}` === `${expected}`;
            await cluster.kubectl.until(`${family} endpoints ${expected}`, words, isWhole);
            t.pass();
          }
        });
      }),
  },
  {
    title: 'a dual-stack LoadBalancer shows the address of each family that a load balancer gives it',
    async run(t, cluster) {
      const { kubectl, configuration } = cluster;
      const addresses = both(configuration.first).map((family) => plans[family].balanced.host(81));
      const object = service('balanced', { type: 'LoadBalancer', ipFamilyPolicy: 'PreferDualStack' });
      await withService(cluster, object, async () => {
        const status = { loadBalancer: { ingress: addresses.map((ip) => ({ ip })) } };
        await kubectl.run(
          'patch',
          'service',
          'balanced',
          '--subresource=status',
          '-p',
          JSON.stringify({ status }),
        );
        const shown = await kubectl.run('get', 'service', 'balanced', '--no-headers');
        for (const address of addresses) t.true(shown.includes(address), shown);
      });
    },
  },
];

export const services: readonly Check[] = [...allocation, ...changes];
