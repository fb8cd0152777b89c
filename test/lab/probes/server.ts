/**
 * `server.ts tcp|udp`: prints its port, then tells every client the address that it comes from, until its standard
 * input ends. IPv4 clients of the IPv6 socket are shown as what they are.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const plain = (address = '') => address.replace(/^::ffff:/, '');

function serveTcp(): void {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(plain(socket.remoteAddress));
  });
  server.listen(0, '::', () => {
    const address = server.address();
    if (typeof address === 'object' && address) console.log(address.port);
  });
}

function serveUdp(): void {
  const socket = createSocket('udp6');
  socket.on('message', (_, { address, port }) => socket.send(plain(address), port, address));
  socket.bind(0, '::', () => console.log(socket.address().port));
}

process.stdin.resume().on('end', () => process.exit());
if (process.argv[2] === 'tcp') serveTcp();
else serveUdp();
