/** `abandoned.ts`: makes what a cluster is made in, prints what that is, and waits for its own end. */
import { startMachine } from '../lab/machine.ts';
import { startHeir } from './harness/heir.ts';
import { openNetwork } from './harness/network.ts';

const heir = startHeir();
const { router, world } = await openNetwork(heir);
const { entry, folder, cgroup, outside } = await startMachine();
const [, , pid = ''] = entry;
await heir.note({ kind: 'machine', pid, folder, cgroup });
console.log(JSON.stringify({ paths: [router.path, world.path, folder, outside('/run')], cgroup }));
await new Promise(() => setInterval(() => {}, 60_000));
