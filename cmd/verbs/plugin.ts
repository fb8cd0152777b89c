import { parseConfiguration, parseLocator } from '../../conf/configuration.ts';
import type { Face } from '../cni/protocol.ts';
import { add } from './add.ts';
import { check } from './check.ts';
import { del } from './del.ts';
import { gc } from './gc.ts';
import { status } from './status.ts';

/** `dualstack`: the plugin that wires pods. */
export const plugin: Face = {
  wires: true,
  parse: parseConfiguration,
  locate: parseLocator,
  handlers: { ADD: add, DEL: del, CHECK: check, GC: gc, STATUS: status },
};
