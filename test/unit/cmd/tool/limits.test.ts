import test from 'ava';
import { hardLimit, memoryLimitFiles } from '../../../../cmd/tool/doctor/checks/limits.ts';

const limits = `Limit                     Soft Limit           Hard Limit           Units     
Max stack size            8388608              unlimited            bytes     
Max open files            1024                 524288               files     
Max address space         unlimited            unlimited            bytes     
`;

test('a hard limit is the one that a call may raise its own to', (t) => {
  t.is(hardLimit(limits, 'Max open files'), 524_288);
  t.is(hardLimit(limits, 'Max address space'), Number.POSITIVE_INFINITY);
  t.is(hardLimit('', 'Max open files'), Number.POSITIVE_INFINITY);
});

test('memory is limited by the cgroup and those above it, in either version', (t) => {
  t.deepEqual(memoryLimitFiles('0::/system.slice/containerd.service\n'), [
    '/sys/fs/cgroup/system.slice/containerd.service/memory.max',
    '/sys/fs/cgroup/system.slice/memory.max',
  ]);
  t.deepEqual(memoryLimitFiles('4:cpu,cpuacct:/x\n3:memory:/a/b\n'), [
    '/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes',
    '/sys/fs/cgroup/memory/a/memory.limit_in_bytes',
  ]);
  t.deepEqual(memoryLimitFiles('0::/\n'), []);
});
