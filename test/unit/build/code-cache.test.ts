import test from 'ava';
import { withoutCodeCache } from '../../../build/code-cache.ts';

function length(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(value);
  return bytes;
}

function text(value: string | Buffer): Buffer {
  return Buffer.concat([length(value.length), Buffer.from(value)]);
}

/** A list of compiled code, as a snapshot ends with. */
function codeOf(...modules: [name: string, code: string][]): Buffer {
  return Buffer.concat([length(modules.length), ...modules.flat().map(text)]);
}

const heap = Buffer.from(`${'\0'.repeat(64)}a heap \x01\x02 and more`, 'latin1');
const options = Buffer.concat([length(1), text('--no-sparkplug')]);

/** A blob, as Node.js writes it, with a snapshot. */
function blobOf(snapshot: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from('\xab\xcd\xef\x01flag\x00', 'latin1'),
    text('main.cjs'),
    text(snapshot),
    options,
  ]);
}

test('compiled code is taken out of the snapshot, and nothing else', (t) => {
  for (const code of [
    codeOf(['fs', 'code of fs']),
    codeOf(['internal/bootstrap/node', ''], ['node_modules-x_y', '\0\0\0\0'.repeat(100)]),
  ]) {
    const blob = blobOf(Buffer.concat([heap, code]));
    t.deepEqual(withoutCodeCache(blob, t.fail), blobOf(Buffer.concat([heap, length(0)])));
  }
});

test('a blob of another layout comes back as it is, with a warning', (t) => {
  const known = blobOf(Buffer.concat([heap, codeOf(['fs', 'code of fs'])]));
  const unknown: Record<string, Buffer> = {
    'no byte': Buffer.alloc(0),
    'fewer bytes than the header': known.subarray(0, 5),
    'cut within the snapshot': known.subarray(0, 60),
    'cut within the code': known.subarray(0, known.length - options.length - 3),
    'one more byte before the path': Buffer.concat([
      known.subarray(0, 9),
      Buffer.from([0]),
      known.subarray(9),
    ]),
    'no code': blobOf(heap),
    'something behind the code': blobOf(
      Buffer.concat([heap, codeOf(['fs', 'code of fs']), Buffer.from([1])]),
    ),
    'code of a module without a name': blobOf(Buffer.concat([heap, codeOf(['', 'code'])])),
    'an empty list': blobOf(Buffer.concat([Buffer.from('heap'), length(0)])),
    'lengths that are none': Buffer.alloc(200, 0xff),
  };
  for (const [name, blob] of Object.entries(unknown)) {
    const warnings: string[] = [];
    t.is(
      withoutCodeCache(blob, (sentence) => void warnings.push(sentence)),
      blob,
      name,
    );
    t.is(warnings.length, 1, name);
  }
});
