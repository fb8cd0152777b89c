import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { buildGoTools } from '../../lab/go-tools.ts';

/** Kubernetes, as it calls itself; go.mod says the same. */
export const kubernetesVersion = 'v1.36.4';

/** Outside of the checkout, since it takes long: what XDG's base directory specification calls the cache. */
const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'dualstack');

const sources = join(import.meta.dirname, 'kubernetes');

/** Where Kubernetes' programs are. The version is in the path: several stay. */
export const kubernetesFolder = join(cache, `kubernetes-${kubernetesVersion}`);

const versionPackage = 'k8s.io/component-base/version';

/** As Kubernetes' own build has it: paths of this machine left out, no debugging symbols, and the version written in. */
const flags = [
  '-trimpath',
  `-ldflags=-s -w -X ${versionPackage}.gitVersion=${kubernetesVersion} -X ${versionPackage}.gitMajor=1 -X ${versionPackage}.gitMinor=36`,
];

/** Builds what a cluster is made of, and Kubernetes' own tests of clusters. @throws {Error} as `buildGoTools`. */
export async function buildCluster(): Promise<void> {
  const names = `Kubernetes ${kubernetesVersion} (once, twenty minutes on two cores)`;
  await buildGoTools(sources, kubernetesFolder, names, { flags });
  const tests = { 'e2e.test': 'k8s.io/kubernetes/test/e2e' };
  const suite = 'e2e.test of Kubernetes (once, ten minutes on two cores)';
  await buildGoTools(sources, kubernetesFolder, suite, { flags, tests });
}

/** A program of Kubernetes that was built. @throws when it was not. */
export async function program(name: string): Promise<string> {
  const path = join(kubernetesFolder, name);
  await access(path);
  return path;
}

/** The certificate and its key that are part of Kubernetes' test image: sources, which no build puts anywhere. */
export async function certificates(): Promise<string[]> {
  const PATH = `${process.env['PATH']}:/usr/local/go/bin`;
  const env = { PATH, GOWORK: 'off', GOFLAGS: '-mod=readonly' };
  const words = ['list', '-m', '-f', '{{.Dir}}', 'k8s.io/kubernetes'];
  const { stdout } = await execa('go', words, { cwd: sources, env });
  return ['localhost.crt', 'localhost.key'].map((name) => join(stdout, 'test/images/agnhost/porter', name));
}
