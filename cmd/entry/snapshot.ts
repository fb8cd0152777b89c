import { queryObjects, setFlagsFromString, startupSnapshot } from 'node:v8';
import { loggedPlugin, main } from '../main.ts';
import { rehearse } from './rehearsal.ts';

/*
 * Run by the build, once: what is loaded and compiled at the end of it is the start-up snapshot that every call of
 * dist/dualstack begins with (https://nodejs.org/api/v8.html#startup-snapshot-api). Nothing here may read what
 * belongs to a call: that is `main`'s, which runs when the snapshot has been loaded.
 */

/**
 * Forgets the code that Node.js compiled to come this far, which every call would load and few would use: a
 * seventh of the snapshot. Code goes with a collection of garbage, and `queryObjects` begins one.
 */
function forgetCompiledCode(): void {
  setFlagsFromString('--stress-flush-code');
  queryObjects(class {});
  setFlagsFromString('--no-stress-flush-code');
}

/**
 * Node.js remembers when the next timer is due, also when that has been cleared, until one has run. A snapshot would keep
 * a time of this process, and a call that comes to its first deadline later than that would have none.
 */
function forgetTimers(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

forgetCompiledCode();
rehearse(loggedPlugin)
  .then(forgetTimers)
  .then(() => startupSnapshot.setDeserializeMainFunction(main));
