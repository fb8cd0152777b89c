import { type Family, familyOf, other } from '../harness/addresses.ts';
import type { Check } from './check.ts';
import { service } from './workloads.ts';

type Policy = 'SingleStack' | 'PreferDualStack' | 'RequireDualStack';

/** What somebody asks a Service to be, and which families its addresses then have; `first` is the cluster's. */
interface Case {
  readonly policy?: Policy;
  readonly ask?: (first: Family) => Family[];
  readonly expected: (first: Family) => Family[];
}

const both = (first: Family): Family[] => [first, other(first)];
const reversed = (first: Family): Family[] => [other(first), first];
const one = (first: Family): Family[] => [first];
const second = (first: Family): Family[] => [other(first)];

const cases: Readonly<Record<string, Case>> = {
  'no policy': { expected: one },
  SingleStack: { policy: 'SingleStack', expected: one },
  PreferDualStack: { policy: 'PreferDualStack', expected: both },
  RequireDualStack: { policy: 'RequireDualStack', expected: both },
  'the first family': { ask: one, expected: one },
  'the second family': { ask: second, expected: second },
  'both families, the second first': { policy: 'PreferDualStack', ask: reversed, expected: reversed },
  'both families, required': { policy: 'RequireDualStack', ask: both, expected: both },
};

function spec({ policy, ask }: Case, first: Family): object {
  return {
    selector: { app: 'nobody' },
    ...(policy && { ipFamilyPolicy: policy }),
    ...(ask && { ipFamilies: ask(first) }),
  };
}

const allocation = Object.entries(cases).map(
  ([name, asked]): Check => ({
    title: `a Service with ${name} gets the addresses of its families, in their order`,
    async run(t, { kubectl, configuration: { first } }) {
      await kubectl.apply(service('asked', spec(asked, first)));
      try {
        const { spec: got } = await kubectl.get('service', 'asked');
        t.deepEqual(got.clusterIPs.map(familyOf), asked.expected(first));
        t.deepEqual(got.ipFamilies, asked.expected(first));
        t.is(got.clusterIP, got.clusterIPs[0]);
      } finally {
        await kubectl.run('delete', 'service', 'asked');
      }
    },
  }),
);

const changes: readonly Check[] = [
  {
    title: 'a Service goes from one family to two and back, and keeps its first address',
    async run(t, { kubectl, configuration: { first } }) {
      const patch = (ipFamilyPolicy: Policy) =>
        kubectl.run('patch', 'service', 'changed', '-p', JSON.stringify({ spec: { ipFamilyPolicy } }));
      await kubectl.apply(service('changed', { selector: { app: 'nobody' } }));
      try {
        const before = (await kubectl.get('service', 'changed')).spec.clusterIPs;
        await patch('PreferDualStack');
        const dual = (await kubectl.get('service', 'changed')).spec.clusterIPs;
        t.deepEqual(dual.map(familyOf), both(first));
        t.is(dual[0], before[0]);
        await patch('SingleStack');
        t.deepEqual((await kubectl.get('service', 'changed')).spec.clusterIPs, before);
      } finally {
        await kubectl.run('delete', 'service', 'changed');
      }
    },
  },
  {
    title: 'a headless Service without selector requires both families',
    async run(t, { kubectl }) {
      await kubectl.apply(service('headless', { clusterIP: 'None' }));
      try {
        t.is((await kubectl.get('service', 'headless')).spec.ipFamilyPolicy, 'RequireDualStack');
      } finally {
        await kubectl.run('delete', 'service', 'headless');
      }
    },
  },
  {
    title: 'SingleStack with two families is refused',
    async run(t, { kubectl }) {
      const wrong = { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4', 'IPv6'] };
      t.regex(await kubectl.refusal(service('wrong', wrong)), /SingleStack/);
    },
  },
];

export const services: readonly Check[] = [...allocation, ...changes];
