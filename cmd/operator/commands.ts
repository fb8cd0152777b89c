import type { Command } from './command.ts';
import { completionFor } from './completion.ts';
import { doctor } from './doctor.ts';
import { explain } from './explain.ts';
import { init } from './init.ts';
import { install } from './install.ts';
import { leases } from './leases.ts';

const acting: readonly Command[] = [doctor, leases, explain, init, install];

/** Everything that the tool can do, in the order of its help. */
export const commands: readonly Command[] = [...acting, completionFor(acting)];
