/**
 * A process that takes leases until its pool is exhausted, and prints them: `reserve.ts DATADIR NAME`. Several at
 * once show what concurrent ADDs do.
 */
import { Failure } from '../../conf/failure.ts';
import { formatAddress } from '../../conf/family.ts';
import { allocate } from '../../ipam/allocate.ts';
import { preferenceFrom } from './pools.ts';
import { openDisk, release } from './stores.ts';

const [dataDir = '', name = ''] = process.argv.slice(2);
const store = openDisk(dataDir);
const preference = preferenceFrom({ podCIDRs: ['10.0.0.0/25', 'fd00::/64'] });

for (let index = 0; ; index++) {
  const attachment = { containerID: `${name}-${index}`, ifname: 'eth0' };
  try {
    await store.begin(attachment, { netns: '' });
    const { addresses } = allocate(preference, store, attachment);
    console.log(addresses.map(({ address }) => formatAddress(address)).join(' '));
  } catch (error) {
    await release(store, attachment);
    if (!(error instanceof Failure) || error.code !== 100) throw error;
    break;
  }
}
