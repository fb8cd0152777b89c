import type { Handlers, VerbName } from '../cni/protocol.ts';
import type { Verb } from '../cni/request.ts';

function loggedVerb(name: VerbName, verb: Verb): Verb {
  return async (request, host) => {
    if (request.configuration['logFile'] === undefined) return verb(request, host);
    const { callAndLog } = await import('./call-log.ts');
    return callAndLog(name, verb, request, host);
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
