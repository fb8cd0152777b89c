import { join } from 'node:path';
import test from 'ava';
import type { Environment } from '../../../cmd/cni/environment.ts';
import { FakeKernel } from '../../lab/fake-kernel.ts';
import { attachmentEnvironment, callInProcess } from '../../lab/in-process.ts';
import { temporaryFolder } from '../../lab/stores.ts';
import { filesUnder } from '../../lab/traces.ts';

const good = { cniVersion: '1.1.0', name: 'pods', type: 'dualstack', podCIDRs: ['10.0.0.0/24', 'fd00::/64'] };
const acting = ['ADD', 'CHECK', 'DEL', 'GC', 'STATUS'];
const aboutPods = ['ADD', 'CHECK', 'DEL'];

const idRule = 'it must start with a letter or digit, and contain only letters, digits, "_", "." and "-"';
const nameRule = 'name must start with a letter or digit, and contain only letters, digits, "_", "." and "-"';
const ifnameRule =
  'it must have 1 to 15 bytes, no white space, none of / : # % \\ " \', and must not be "." or ".."';
const supported = '["0.1.0","0.2.0","0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]';

interface Rule {
  readonly verbs: readonly string[];
  /** Changes in a good environment. */
  readonly environment?: Environment;
  /** Text for standard input, or changes in a good configuration. */
  readonly input?: string | object;
  readonly code: number;
  readonly msg: string;
  readonly details?: string;
}

function missing(names: string): string {
  return `required env variables [${names}] missing`;
}

const noVariables = { CNI_CONTAINERID: '', CNI_NETNS: undefined, CNI_IFNAME: '', CNI_PATH: undefined };

const variables: Rule[] = [
  { verbs: ['ADD', 'CHECK'], environment: { CNI_CONTAINERID: '' }, code: 4, msg: missing('CNI_CONTAINERID') },
  { verbs: ['ADD', 'CHECK'], environment: { CNI_NETNS: undefined }, code: 4, msg: missing('CNI_NETNS') },
  { verbs: aboutPods, environment: { CNI_IFNAME: undefined }, code: 4, msg: missing('CNI_IFNAME') },
  { verbs: acting, environment: { CNI_PATH: '' }, code: 4, msg: missing('CNI_PATH') },
  {
    verbs: ['ADD', 'CHECK'],
    environment: noVariables,
    code: 4,
    msg: missing('CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH'),
  },
  { verbs: ['DEL'], environment: noVariables, code: 4, msg: missing('CNI_CONTAINERID,CNI_IFNAME,CNI_PATH') },
  { verbs: ['GC', 'STATUS'], environment: noVariables, code: 4, msg: missing('CNI_PATH') },
];

const badIDs = ['-a', '.a', '../x', 'a/b', 'a b', 'a\n', 'ä', `a${'b'.repeat(1024)}`];
const ids = badIDs.map((id): Rule => {
  const shown = JSON.stringify(id.length > 80 ? `${id.slice(0, 80)}…` : id);
  const msg = `invalid CNI_CONTAINERID ${shown}: ${idRule}`;
  return { verbs: aboutPods, environment: { CNI_CONTAINERID: id }, code: 4, msg };
});

// The kernel takes the last five; a batch of ip, or the kernel's own patterns, would make something else of them.
const badNames = ['.', '..', 'a/b', 'a:b', 'a b', 'a\tb', 'sixteen-letters0', 'ääääääää', 'eth0\0'];
const misread = ['eth#0', 'eth%d', 'eth\\', '"eth0"', "'eth0'"];
const names = [...badNames, ...misread].map((name): Rule => {
  const msg = `invalid CNI_IFNAME ${JSON.stringify(name)}: ${ifnameRule}`;
  return { verbs: aboutPods, environment: { CNI_IFNAME: name }, code: 4, msg };
});

const inputs: Rule[] = [
  { verbs: acting, input: '', code: 6, msg: 'no network configuration on standard input' },
  { verbs: acting, input: ' \n', code: 6, msg: 'no network configuration on standard input' },
  ...['null', '[]', '7', '"text"'].map((input) => ({
    verbs: acting,
    input,
    code: 6,
    msg: 'the network configuration on standard input is not a JSON object',
  })),
  {
    verbs: acting,
    input: '{"cniVersion": ',
    code: 6,
    msg: 'the network configuration on standard input is not JSON: Unexpected end of JSON input',
  },
  ...['new', '1', '1.1', '1.1.0-rc1', 'v1.1.0', '1.1.0\n', '-1.0.0'].map((cniVersion) => ({
    verbs: acting,
    input: { cniVersion },
    code: 6,
    msg: `cniVersion ${JSON.stringify(cniVersion)} is not a version`,
  })),
  { verbs: acting, input: { cniVersion: 1.1 }, code: 6, msg: 'cniVersion must be a string' },
  ...['0.0.1', '0.3.2', '1.2.0', '99999.0.0'].map((cniVersion) => ({
    verbs: acting,
    input: { cniVersion },
    code: 1,
    msg: 'incompatible CNI versions',
    details: `config is "${cniVersion}", plugin supports ${supported}`,
  })),
  ...['0.1.0', '0.2.0', '0.3.0', '0.3.1'].map((cniVersion) => ({
    verbs: ['CHECK'],
    input: { cniVersion },
    code: 1,
    msg: 'config version does not allow CHECK',
  })),
  { verbs: ['CHECK'], input: { cniVersion: undefined }, code: 1, msg: 'config version does not allow CHECK' },
  ...['GC', 'STATUS'].flatMap((verb) =>
    [undefined, '', '0.4.0', '1.0.0'].map((cniVersion) => ({
      verbs: [verb],
      input: { cniVersion },
      code: 1,
      msg: `config version does not allow ${verb}`,
    })),
  ),
  ...[undefined, '', '../etc', '.pods', 'a/b', 'ä'].map((name) => ({
    verbs: ['ADD', 'CHECK', 'DEL', 'GC'],
    input: { name },
    code: 7,
    msg: `invalid network configuration: ${!name ? 'name must be a string' : nameRule}`,
  })),
  {
    verbs: ['STATUS'],
    input: { name: 'a/b' },
    code: 50,
    msg: `not ready: invalid network configuration: ${nameRule}`,
  },
  ...[undefined, null, {}, [], ''].map((prevResult) => ({
    verbs: ['CHECK'],
    input: { prevResult },
    code: 7,
    msg: 'CHECK needs prevResult, and the configuration has none',
  })),
  {
    verbs: acting,
    input: `\ufeff${JSON.stringify(good)}`,
    code: 6,
    msg: 'the network configuration on standard input is not JSON: it begins with a byte order mark, which is invisible: save it as UTF-8 without one',
  },
  ...[
    `{"ipam":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_001)}`,
    `${'['.repeat(20_000)}${']'.repeat(20_000)}`,
  ].map((input) => ({
    verbs: acting,
    input,
    code: 6,
    msg: 'the network configuration on standard input is nested deeper than 256 levels',
  })),
];

const others: Rule[] = [
  ...['add', 'UPDATE', 'toString', '__proto__'].map((verb) => ({
    verbs: [verb],
    code: 4,
    msg: `unknown CNI_COMMAND: ${verb}`,
  })),
  {
    verbs: ['ADD'],
    environment: { CNI_NETNS: '/proc/self/ns/net' },
    code: 8,
    msg: "plugin's netns and netns from CNI_NETNS should not be the same",
  },
  {
    verbs: ['ADD'],
    environment: { CNI_NETNS: '/proc/self/ns/net', CNI_NETNS_OVERRIDE: 'yes' },
    code: 8,
    msg: "plugin's netns and netns from CNI_NETNS should not be the same",
  },
  {
    verbs: ['ADD'],
    environment: { CNI_NETNS: '/run/netns/nowhere' },
    code: 4,
    msg: 'CNI_NETNS: there is no network namespace at /run/netns/nowhere',
    details: 'the container was probably stopped in the meantime',
  },
  {
    verbs: ['ADD'],
    environment: { CNI_ARGS: 'IgnoreUnknown=1;nonsense' },
    code: 4,
    msg: 'invalid CNI_ARGS: "nonsense" is not KEY=VALUE',
  },
  {
    verbs: ['ADD'],
    environment: { CNI_ARGS: '=value' },
    code: 4,
    msg: 'invalid CNI_ARGS: "=value" is not KEY=VALUE',
  },
  {
    verbs: ['ADD'],
    environment: { CNI_ARGS: 'IPP=10.0.0.7;K8S_POD_NAME=web-0;FOO=BAR' },
    code: 4,
    msg: 'invalid CNI_ARGS: unknown keys IPP, FOO, and IgnoreUnknown is not 1',
  },
  {
    verbs: ['ADD'],
    environment: { CNI_ARGS: 'FOO=BAR;IgnoreUnknown=0' },
    code: 4,
    msg: 'invalid CNI_ARGS: unknown keys FOO, and IgnoreUnknown is not 1',
  },
];

const table = [...variables, ...ids, ...names, ...inputs, ...others];

for (const [index, { verbs, environment = {}, input = {}, code, msg, details }] of table.entries()) {
  for (const verb of verbs) {
    const given = JSON.stringify({ ...environment, ...(typeof input === 'string' ? { input } : input) });
    test(`${index} ${verb} ${given.slice(0, 80)}: ${code} ${msg.slice(0, 120)}`, async (t) => {
      const dataDir = join(temporaryFolder(t), 'data');
      const kernel = new FakeKernel();
      const outcome = await callInProcess(verb, {
        environment: { ...attachmentEnvironment, ...environment },
        input: typeof input === 'string' ? input : { ...good, dataDir, sysctls: false, ...input },
        run: kernel.run,
      });
      const { cniVersion, details: advice, ...rest } = outcome.object ?? {};
      t.deepEqual<unknown, unknown>(rest, { code, msg });
      if (details) t.is(advice, details);
      else t.regex(String(advice), /\w/);
      t.regex(String(cniVersion), /^\d\.\d\.\d$/);
      t.is(outcome.status, 1);
      t.deepEqual(kernel.started, []);
      t.deepEqual(await filesUnder(dataDir), []);
    });
  }
}

test('an error is in the version of the request as soon as that is known', async (t) => {
  const run = new FakeKernel().run;
  const versionOf = async (environment: Environment, input: unknown) =>
    (await callInProcess('CHECK', { environment, input, run })).object?.['cniVersion'];
  t.is(await versionOf({}, ''), '1.1.0');
  t.is(await versionOf(attachmentEnvironment, { ...good, cniVersion: '0.3.1' }), '0.3.1');
  t.is(await versionOf(attachmentEnvironment, { ...good, cniVersion: '0.4.0' }), '0.4.0');
  t.is(await versionOf(attachmentEnvironment, { ...good, cniVersion: '9.0.0' }), '1.1.0');
});
