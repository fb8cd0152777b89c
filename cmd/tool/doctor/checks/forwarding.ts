import { forwardingSwitch, isForwarding } from '../../../../netns/host/host.ts';
import { type Check, type Finding, ok, setting } from './check.ts';

export const forwarding: Check = {
  name: 'forwarding',
  run: ({ preference, configuration }) => {
    const wanted = (preference?.pools ?? []).map(({ family }) => family);
    const off = wanted.filter((family) => !isForwarding(family));
    if (off.length === 0) return wanted.length > 0 ? [ok(wanted.map(({ name }) => name).join(', '))] : [];
    return off.map(({ name }): Finding => {
      const path = forwardingSwitch[name];
      return configuration?.sysctls
        ? { level: 'note', found: `the host does not forward ${name} yet: the first pod switches it on` }
        : {
            level: 'broken',
            found: `the host does not forward ${name}, and sysctls is false: ${path} is 0`,
            remedy: [setting(path, 1)],
          };
    });
  },
};
