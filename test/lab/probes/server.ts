/**
 * `server.ts tcp|udp [NAME]`: prints its port, then tells every client the address that it comes from, and its own name,
 * until its standard input ends. IPv4 clients of the IPv6 socket are shown as what they are.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const [, , transport, name] = process.argv;
const answer = (address = '') => `${address.replace(/^::ffff:/, '')}${name ? ` ${name}` : ''}`;

function serveTcp(): void {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(answer(socket.remoteAddress));
  });
  server.listen(0, '::', () => {
    const address = server.address();
    if (typeof address === 'object' && address) console.log(address.port);
  });
}

function serveUdp(): void {
  const socket = createSocket('udp6');
  socket.on('message', (_, { address, port }) => socket.send(answer(address), port, address));
  socket.bind(0, '::', () => console.log(socket.address().port));
}

process.stdin.resume().on('end', () => process.exit());
if (transport === 'tcp') serveTcp();
else serveUdp();
