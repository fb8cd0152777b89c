import { chmod, copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { cidrs, parseAddress, parseCidr } from '../../conf/family.ts';
import { candidateNames } from '../../netns/link/naming.ts';
import { planHost, planPod, type Wiring } from '../../netns/link/plan.ts';
import { type Lab, systemPath } from '../lab/namespaces.ts';
import { script, stopwatch, type Timing } from './site.ts';

/** A program that does nothing, as the same kind of executable as ours, in plain form. */
async function buildEmpty(folder: string): Promise<string> {
  const [main, config, blob, program] = ['empty.cjs', 'empty.json', 'empty.blob', 'empty'].map((name) =>
    join(folder, name),
  ) as [string, string, string, string];
  await writeFile(main, '');
  const settings = { main, output: blob, disableExperimentalSEAWarning: true, execArgvExtension: 'none' };
  await writeFile(config, JSON.stringify(settings));
  await execa(process.execPath, ['--experimental-sea-config', config]);
  await copyFile(process.execPath, program);
  await chmod(program, 0o755);
  const postject = join(import.meta.dirname, '../../node_modules/postject/dist/cli.js');
  const fuse = ['--sentinel-fuse', 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'];
  await execa(process.execPath, [postject, program, 'NODE_SEA_BLOB', blob, ...fuse]);
  return program;
}

/** What dualstack has `ip` do for a pod. */
function wiring(): Wiring {
  const [names] = candidateNames({ containerID: 'floor', ifname: 'eth0' });
  const addresses = [
    ['10.244.1.7', '10.244.1.1'],
    ['fd00:10:244:1::7', 'fd00:10:244:1::1'],
  ].flatMap(([own = '', via = '']) => {
    const [address, gateway] = [parseAddress(own), parseAddress(via)];
    return address && gateway ? [{ address, gateway }] : [];
  });
  const routes = ['0.0.0.0/0', '::/0'].flatMap((text) => {
    const dst = parseCidr(text);
    return dst ? [{ dst }] : [];
  });
  if (!names) throw new Error('a floor needs names');
  return {
    names,
    ifname: 'eth0',
    mtu: 1500,
    ipv6: true,
    alias: 'default/floor',
    addresses,
    routes,
    podCIDRs: cidrs('10.244.1.0/24', 'fd00:10:244:1::/64'),
    guarded: true,
  };
}

/** What a plugin on Node.js cannot go below. */
export interface Floor {
  /** An empty program. */
  empty(): Promise<Timing>;
  /** The two calls of `ip` of an ADD; and the one of a DEL, which is not counted. */
  ip(): Promise<{ ADD: Timing; DEL: Timing }>;
}

/** @param folder for the program and the lines. */
export async function openFloor(lab: Lab, folder: string): Promise<Floor> {
  const [node, pod] = [await lab.node(), await lab.pod()];
  const program = await buildEmpty(folder);
  const plan = wiring();
  const [host, inPod, gone] = ['host', 'pod', 'gone'].map((name) => join(folder, `${name}.batch`)) as [
    string,
    string,
    string,
  ];
  for (const [path, lines] of [
    [host, planHost(plan)],
    [inPod, planPod(plan)],
    [gone, [`link delete dev ${plan.names.hostEnd}`]],
  ] as const)
    await writeFile(path, lines.map((line) => `${line}\n`).join(''));
  const measured = (...command: string[]) =>
    stopwatch(node, '/dev/null', join(folder, 'output'), command, { PATH: systemPath });
  return {
    empty: () => measured(program),
    ip: async () => ({
      ADD: await measured(script('floor.sh'), pod.path, host, inPod),
      DEL: await measured('ip', '-batch', gone),
    }),
  };
}
