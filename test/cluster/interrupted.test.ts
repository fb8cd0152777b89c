import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { startMachine } from '../lab/machine.ts';
import { until } from '../lab/until.ts';

const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

for (const signal of ['SIGINT', 'SIGKILL'] as const)
  test.serial(`what a cluster is made in goes when its maker is ended by ${signal}`, async (t) => {
    const onlooker = await startMachine();
    t.teardown(onlooker.stop);
    const maker = execa(process.execPath, [join(import.meta.dirname, 'abandoned.ts')], { reject: false });
    const [line] = await once(maker.stdout, 'data');
    const { paths, cgroup } = JSON.parse(`${line}`);
    const all = [...paths, onlooker.outside(join('/run/cgroup', cgroup))];
    for (const path of all) t.true(await isThere(path), path);
    maker.kill(signal);
    for (const path of all)
      await until(`the end of ${path}`, async () => {
        if (await isThere(path)) throw new Error('it is there');
      });
    t.pass();
  });
