import { families as allFamilies, parseAddress } from '../../../../conf/family.ts';
import { type Check, type Finding, initFromCluster, ok, type Patient } from './check.ts';
import { hostAddresses } from './network.ts';

/** Families that the node has addresses of: as configured, or as its interfaces say. */
async function familiesOfNode(patient: Patient): Promise<string[]> {
  const named = patient.configuration?.nodeIPs ?? [];
  if (named.length > 0) return named.map(({ family }) => family.name);
  const global = (await hostAddresses(patient)).filter(
    ({ isGlobal, device }) => isGlobal && !device.startsWith('vethds'),
  );
  return global.flatMap(({ local }) => parseAddress(local)?.family.name ?? []);
}

function without(names: readonly string[], patient: Patient): Finding {
  return {
    level: 'warning',
    found: `pods get no ${names.join(' and no ')} address: there is no podCIDR of it, and the node has addresses of it`,
    remedy: [initFromCluster(patient)],
    advice: 'if that is meant, say so: name the wanted families in ipFamilies',
  };
}

/** Families that pods could have, and do not get. What was asked for and cannot be had is the configuration's to say. */
export const families: Check = {
  name: 'families',
  run: async (patient) => {
    const { configuration, preference } = patient;
    if (!configuration || !preference) return [];
    const given = preference.pools.map(({ family }) => family.name as string);
    const isMeant = configuration.ipFamilies !== undefined || configuration.ipFamilyPolicy === 'SingleStack';
    const ofNode = isMeant ? [] : await familiesOfNode(patient);
    const names = allFamilies.map(({ name }) => name as string);
    const lacking = names.filter((name) => ofNode.includes(name) && !given.includes(name));
    return lacking.length > 0 ? [without(lacking, patient)] : [ok(`pods get ${given.join(', then ')}`)];
  },
};
