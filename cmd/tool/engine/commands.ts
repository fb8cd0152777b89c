import { completionFor } from '../completion/completion.ts';
import { doctor } from '../doctor/doctor.ts';
import { explain } from '../explain/explain.ts';
import { init } from '../init/init.ts';
import { install } from '../install/install.ts';
import { leases } from '../leases/leases.ts';
import { manualFor } from '../manual/manual.ts';
import { release } from '../release/release.ts';
import { repair } from '../repair/repair.ts';
import type { Command } from './command.ts';

const acting: readonly Command[] = [doctor, repair, leases, release, explain, init, install];

/** Everything that the tool can do, in the order of its help. */
export const commands: readonly Command[] = [
  ...acting,
  completionFor(() => commands),
  manualFor(() => commands),
];
