import { copyFile, cp, mkdir, readFile, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { builtPlugins } from '../bench/contestants.ts';
import { executable } from '../lab/cni.ts';
import { buildGoTools, go } from '../lab/go-tools.ts';
import { systemPath } from '../lab/namespaces.ts';

/** Where the version of the reference plugins is pinned, with its digest. */
const tools = join(import.meta.dirname, '../bench/tools');
const target = join(import.meta.dirname, '../../dist/reference');

/** The tests of one reference plugin, and what they are to test instead of it. */
export interface Suite {
  readonly name: string;
  /** The plugin's folder in the module. */
  readonly folder: string;
  /** Its files that ours stands in for, and tests of these. */
  readonly replaced: readonly string[];
  /** The name that our executable is called by. */
  readonly plugin: string;
}

export const suites: readonly Suite[] = [
  {
    name: 'host-local',
    folder: 'plugins/ipam/host-local',
    replaced: ['main.go', 'dns_test.go'],
    plugin: 'dualstack-ipam',
  },
  { name: 'ptp', folder: 'plugins/main/ptp', replaced: ['ptp.go'], plugin: 'dualstack' },
];

/** One test of a suite, as it ended. */
export interface Spec {
  readonly title: string;
  readonly passed: boolean;
  /** Why not; empty when it passed. */
  readonly failure: string;
}

async function moduleFolder(): Promise<string> {
  const template = ['-f', '{{.Dir}}', 'github.com/containernetworking/plugins'];
  return (await go(tools, { GOFLAGS: '-mod=readonly' }, 'list', '-m', ...template)).trim();
}

/** The module with our stand-in in place of the plugins that are tested. Its own go.sum has what its tests need. */
async function retarget(module: string): Promise<void> {
  await rm(module, { recursive: true, force: true });
  await cp(await moduleFolder(), module, { recursive: true });
  await execa('chmod', ['-R', 'u+w', module]);
  for (const { folder, replaced } of suites) {
    for (const file of replaced) await rm(join(module, folder, file));
    await copyFile(join(import.meta.dirname, 'plugin.go'), join(module, folder, 'plugin.go'));
  }
}

/** The newest reference plugins, as they are. @throws {Error} without Go, and when they cannot be built. */
export async function buildPlugins(): Promise<void> {
  await buildGoTools(tools, builtPlugins, 'the newest reference plugins (once, a minute or two)');
}

/** Builds a program of each suite, and what ptp's needs. @throws {Error} without Go, and when they cannot be built. */
export async function buildSuites(): Promise<void> {
  await buildPlugins();
  await mkdir(target, { recursive: true });
  const module = join(target, 'module');
  await retarget(module);
  for (const { name, folder } of suites)
    await go(
      module,
      { GOFLAGS: '-mod=readonly' },
      'test',
      '-c',
      '-vet=off',
      '-o',
      join(target, name),
      `./${folder}`,
    );
}

interface Report {
  readonly SpecReports: readonly {
    readonly LeafNodeType: string;
    readonly LeafNodeText: string;
    readonly State: string;
    readonly Failure?: { readonly Message?: string };
  }[];
}

/** A machine of their own: nothing of this one's network or state is met. */
const apart = ['--mount', '--net', 'sh', '-c', 'mount -t tmpfs tmpfs /run && exec "$0" "$@"'];

/** Runs a suite that was built. @returns all of its tests. @throws {Error} when it did not come to its end. */
export async function runSuite({ name, plugin }: Suite): Promise<Spec[]> {
  const [folder, report] = [join(target, 'bin'), join(target, `${name}.json`)];
  await rm(report, { force: true });
  await mkdir(folder, { recursive: true });
  await rm(join(folder, plugin), { force: true });
  await symlink(executable, join(folder, plugin));
  const env = { PATH: `${builtPlugins}:${systemPath}`, PLUGIN_UNDER_TEST: join(folder, plugin) };
  const program = [join(target, name), '-ginkgo.no-color', `-ginkgo.json-report=${report}`];
  const { stdout } = await execa('unshare', [...apart, ...program], { env, reject: false, all: true });
  const [{ SpecReports } = { SpecReports: [] }] = JSON.parse(
    await readFile(report, 'utf8').catch(() => {
      throw new Error(`${name} made no report: ${stdout.slice(-2000)}`);
    }),
  ) as Report[];
  return SpecReports.filter(({ LeafNodeType }) => LeafNodeType === 'It').map((spec) => ({
    title: spec.LeafNodeText,
    passed: spec.State === 'passed',
    failure: spec.Failure?.Message ?? '',
  }));
}
