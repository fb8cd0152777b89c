import test from 'ava';
import { argumentsOf } from '../../../cmd/cni/environment.ts';
import { aliasOf } from '../../../cmd/verbs/add.ts';

test('CNI_ARGS as Kubernetes sends them', (t) => {
  const CNI_ARGS =
    'IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_INFRA_CONTAINER_ID=4a1f;K8S_POD_UID=7d';
  const args = argumentsOf({ CNI_ARGS });
  t.is(args.size, 5);
  t.is(args.get('K8S_POD_UID'), '7d');
  t.is(aliasOf(args), 'default/web-0');
});

/** What is in CNI_ARGS, and what of it is read. */
const read: [string | undefined, Record<string, string>][] = [
  [undefined, {}],
  ['', {}],
  [';;', {}],
  ['IP=10.0.0.7;', { IP: '10.0.0.7' }],
  ['IP=', { IP: '' }],
  ['IP=a=b', { IP: 'a=b' }],
  ['FOO=BAR;IgnoreUnknown=true', { FOO: 'BAR', IgnoreUnknown: 'true' }],
];

for (const [CNI_ARGS, expected] of read) {
  test(`CNI_ARGS ${JSON.stringify(CNI_ARGS)}`, (t) => {
    t.deepEqual(Object.fromEntries(argumentsOf({ CNI_ARGS })), expected);
  });
}

const noAliases = [
  ['', 'web-0'],
  ['default', ''],
  ['default', 'web 0'],
  ['default', 'web\n0'],
  ['default', '#'],
  ['de/fault', 'web-0'],
];

for (const [what, name, alias] of [
  ['the longest of Kubernetes', 'w'.repeat(253), `${'n'.repeat(63)}/${'w'.repeat(191)}`],
  ['with what others allow', 'my_pod', `${'n'.repeat(63)}/my_pod`],
] as const) {
  test(`a name of a pod, ${what}, is an alias as long as the kernel takes`, (t) => {
    const CNI_ARGS = `K8S_POD_NAMESPACE=${'n'.repeat(63)};K8S_POD_NAME=${name}`;
    t.is(aliasOf(argumentsOf({ CNI_ARGS })), alias);
  });
}

for (const [namespace, name] of noAliases) {
  test(`${JSON.stringify(namespace)} and ${JSON.stringify(name)?.slice(0, 20)} make no alias`, (t) => {
    const CNI_ARGS = `K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${name}`;
    t.is(aliasOf(argumentsOf({ CNI_ARGS })), undefined);
  });
}
