import type { Verb } from '../cni/call.ts';
import type { Handlers, VerbName } from '../cni/protocol.ts';

function loggedVerb(name: VerbName, verb: Verb): Verb {
  return async (call) => {
    if (call.input['logFile'] === undefined) return verb(call);
    const { callAndLog } = await import('./call-log.ts');
    return callAndLog(name, verb, call);
  };
}

/** The same verbs, which write a line for each call to the configuration's `logFile`; nothing is loaded without one. */
export function logged(handlers: Handlers): Handlers {
  return {
    ADD: loggedVerb('ADD', handlers.ADD),
    DEL: loggedVerb('DEL', handlers.DEL),
    CHECK: loggedVerb('CHECK', handlers.CHECK),
    GC: loggedVerb('GC', handlers.GC),
    STATUS: loggedVerb('STATUS', handlers.STATUS),
  };
}
