import test from 'ava';
import {
  bar,
  commandLines,
  count,
  duration,
  hanging,
  paint,
  record,
  type Screen,
  table,
  widthOf,
  wrap,
} from '../../../../cmd/tool/engine/screen.ts';

const terminal: Screen = { isTerminal: true, hasColours: false, columns: 80 };

test('a table of the longest names and addresses fits 80 columns, and loses nothing', (t) => {
  const pod = `${'n'.repeat(63)}/${'p'.repeat(63)}`;
  const address = '2001:db8:1234:5678:9abc:def0:1111:ffff';
  const lines = table(
    terminal,
    ['POD', 'ADDRESSES', 'HOST END', 'AGE'],
    [[[pod], ['255.255.255.255', address], ['vethds012345678'], ['365d']]],
  ).flat();
  t.deepEqual(
    lines.filter((line) => line.length > 80),
    [],
  );
  const width = lines[0]?.indexOf('ADDRESSES') ?? 0;
  t.is(
    lines
      .slice(1)
      .map((line) => line.slice(0, width).trim())
      .join(''),
    pod,
  );
  t.true(lines.some((line) => line.includes(address)));
});

test('names are broken at their joints', (t) => {
  t.deepEqual(wrap('kube-system/coredns-7db6d8ff4d-x2x9q', 20), ['kube-system/coredns-', '7db6d8ff4d-x2x9q']);
});

test('a paragraph hangs under its first line', (t) => {
  const narrow = { ...terminal, columns: 30 };
  t.is(
    hanging(narrow, '  ! ', 'no interface: its host end is gone'),
    '  ! no interface: its host end\n    is gone',
  );
});

const widths: [string, number][] = [
  ['', 0],
  ['web-0', 5],
  ['日本', 4],
  ['한글', 4],
  ['ｗｅｂ', 6],
  ['é', 1],
  ['e\u0301', 1],
  ['a\u200db', 2],
  ['🚀', 2],
  ['…', 1],
];

for (const [text, width] of widths) {
  test(`a terminal takes ${width} columns for ${JSON.stringify(text)}`, (t) => t.is(widthOf(text), width));
}

test('columns of a table stand under each other, whatever the letters are', (t) => {
  const rows = [
    [['日本'], ['x']],
    [['e\u0301'], ['y']],
  ];
  const lines = table(terminal, ['POD', 'B'], rows).flat();
  t.deepEqual(lines, ['POD   B', '日本  x', 'e\u0301     y']);
});

test('letters of two columns are wrapped before the edge', (t) => {
  t.deepEqual(wrap('日本日本日本', 5), ['日本', '日本', '日本']);
});

test('a long command goes on behind a backslash, and no word or quotation is broken', (t) => {
  const narrow = { ...terminal, columns: 40 };
  const command = `sed -i 's/"type" *: *"dualstack"/&, "mtu": 1400/' /etc/cni/net.d/10-dualstack.conflist`;
  const lines = commandLines(narrow, '   # ', command).split('\n');
  t.deepEqual(lines, [
    '   # sed -i \\',
    `       's/"type" *: *"dualstack"/&, "mtu": 1400/' \\`,
    '       /etc/cni/net.d/10-dualstack.conflist',
  ]);
  t.is(
    lines
      .join('\n')
      .slice(5)
      .replaceAll(/ \\\n\s*/g, ' '),
    command,
  );
});

test('nothing is wrapped without a terminal', (t) => {
  const pipe = { ...terminal, columns: 1_000_000 };
  const text = 'word '.repeat(100).trim();
  t.is(hanging(pipe, '  ', text), `  ${text}`);
});

test('colours are painted on demand alone', (t) => {
  t.is(paint(terminal, 'red', 'x'), 'x');
  t.is(paint({ ...terminal, hasColours: true }, 'red', 'x'), '\x1b[31mx\x1b[0m');
});

test('control characters of others do not reach the terminal', (t) => {
  t.is(hanging(terminal, 'a\x1b ', 'b\u202e'), 'a? b?');
  t.deepEqual(table(terminal, ['A'], [[['\x9b']]]), [['A'], ['?']]);
  t.is(record(['a\tb', 'c']), 'a?b\tc');
});

test('a bar shows that there is something, and is full only when all is used', (t) => {
  t.is(bar(0, 10), '[..........]');
  t.is(bar(1e-9, 10), '[#.........]');
  t.is(bar(0.999, 10), '[#########.]');
  t.is(bar(1, 10), '[##########]');
});

test('counts and ages are short', (t) => {
  t.deepEqual([253n, 2n ** 64n - 2n].map(count), ['253', '1.8e19']);
  t.deepEqual([0, 59, 60, 3599, 7200, 86_400 * 3].map(duration), ['0s', '59s', '1m', '59m', '2h', '3d']);
});
