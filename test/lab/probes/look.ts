/**
 * `look.ts PORT ADDRESS…`: asks a mirror at each address, over TCP and over UDP, all at once, and prints the answers in
 * that order, as a list; null where there is none within two seconds.
 */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';

const [port = '', ...addresses] = process.argv.slice(2);
const deadline = 2000;

type Ask = (host: string, answered: (source: string | null) => void) => void;

const overTcp: Ask = (host, answered) => {
  const socket = connect({ host, port: Number(port) });
  socket.on('data', (answer) => answered(answer.toString()));
  socket.on('error', () => answered(null));
};

const overUdp: Ask = (host, answered) => {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (answer) => answered(answer.toString()));
  socket.on('error', () => answered(null));
  socket.send('?', Number(port), host);
};

const questions = [overTcp, overUdp].flatMap((ask) => addresses.map((host) => ({ ask, host })));
const answers = questions.map(
  ({ ask, host }) =>
    new Promise<string | null>((resolve) => {
      setTimeout(() => resolve(null), deadline);
      ask(host, resolve);
    }),
);
console.log(JSON.stringify(await Promise.all(answers)));
process.exit();
