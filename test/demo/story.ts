import type { Address } from '../../conf/family.ts';
import { type Flow, header, show, startServers } from './flows.ts';
import { type Pod, Scene, unready } from './scene.ts';
import type { Screen } from './screen.ts';

/** Where a story is told, and what throws when it is to end early. */
export interface Stage {
  readonly screen: Screen;
  goOn(): void;
}

function step<T>({ screen, goOn }: Stage, title: string, work: () => Promise<T>): Promise<T> {
  goOn();
  return screen.step(title, work);
}

function addPod(stage: Stage, scene: Scene, name: string): Promise<Pod> {
  return step(stage, `ADD of pod default/${name}; none of its addresses is tentative`, async () => {
    const pod = await scene.add(name);
    const waiting = await unready(scene, pod);
    if (waiting.length === 0) return pod;
    throw new Error(`${waiting.join(', ')} cannot be used yet: the kernel still looks for duplicates`);
  });
}

function describe({ screen }: Stage, scene: Scene, pods: readonly Pod[], nodeIPs: readonly Address[]): void {
  const row = (cells: string[]) => `  ${cells.map((cell) => cell.padEnd(20)).join('')}`.trimEnd();
  const origin = nodeIPs.length > 0 ? '--node-ip' : 'podCIDRs';
  screen.say();
  screen.say(screen.style('bold', row(['', 'first address', 'second address', 'host end'])));
  screen.say(row([scene.node.name, ...scene.node.addresses]));
  for (const { name, addresses, result } of pods) {
    screen.say(row([name, ...addresses, result.interfaces[0]?.name ?? '']));
  }
  screen.say(screen.style('dim', `  In the order of the node’s ${origin}; the first address is the podIP.`));
}

function flowsOf({ node, world, uplink }: Scene, one: Pod, two: Pod): Flow[] {
  const gateways = one.result.ips.map(({ gateway }) => gateway);
  return [
    { from: one, to: two, seenAs: one.addresses },
    { from: two, to: one, seenAs: two.addresses },
    { from: node, to: one, seenAs: gateways },
    { from: one, to: node, seenAs: one.addresses },
    // The world knows no way to pods with private addresses: the node lends them its own.
    { from: one, to: world, seenAs: uplink },
  ];
}

/** @returns whether every packet was answered, and seen as it should be. */
async function showFlows({ screen, goOn }: Stage, flows: readonly Flow[]): Promise<boolean> {
  screen.say();
  screen.say(screen.style('bold', header()));
  const problems: string[] = [];
  await using stack = new AsyncDisposableStack();
  for (const flow of flows) {
    goOn();
    const servers = await startServers(flow.to, stack);
    problems.push(...(await show(screen, flow, servers, goOn)));
  }
  screen.say();
  for (const problem of problems) screen.say(`  ${screen.style('red', problem)}`);
  if (problems.length > 0) screen.say();
  return problems.length === 0;
}

async function expectNothingLeft(scene: Scene): Promise<void> {
  const remains = await scene.remains();
  if (remains.length > 0) throw new Error(`the node is not as it was before:\n  ${remains.join('\n  ')}`);
}

/**
 * Shows the life of two pods. The scene is removed however it ends.
 *
 * @returns whether every packet arrived as it should.
 * @throws what ended it.
 */
export async function tell(stage: Stage, nodeIPs: readonly Address[]): Promise<boolean> {
  await using scene = await step(stage, 'A node with a world outside, as network namespaces', () =>
    Scene.open(nodeIPs),
  );
  const [one, two] = [await addPod(stage, scene, 'web-0'), await addPod(stage, scene, 'web-1')];
  const pods = [one, two];
  describe(stage, scene, pods, nodeIPs);
  const isGood = await showFlows(stage, flowsOf(scene, one, two));
  for (const pod of pods) await step(stage, `CHECK of ${pod.name}`, () => scene.check(pod));
  for (const pod of pods) await step(stage, `DEL of ${pod.name}`, () => scene.del(pod));
  await step(stage, 'Links, addresses, routes, neighbours, leases: as before', () =>
    expectNothingLeft(scene),
  );
  stage.screen.say(
    stage.screen.style('dim', '    The nftables table stays: it is the configuration’s, not the pods’.'),
  );
  return isGood;
}
