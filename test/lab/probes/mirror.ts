/**
 * `mirror.ts [PORT]`: over TCP and UDP, tells every client the address that it comes from, and prints its port, until
 * its standard input ends. IPv4 clients of the IPv6 sockets are shown as what they are.
 */
import { createSocket } from 'node:dgram';
import { type AddressInfo, createServer } from 'node:net';

const plain = (address = '') => address.replace(/^::ffff:/, '');

const tcp = createServer((socket) => {
  socket.on('error', () => socket.destroy());
  socket.end(plain(socket.remoteAddress));
});

tcp.listen(Number(process.argv[2] ?? 0), '::', () => {
  const { port } = tcp.address() as AddressInfo;
  const udp = createSocket('udp6');
  udp.on('message', (_, from) => udp.send(plain(from.address), from.port, from.address));
  udp.bind(port, '::', () => console.log(port));
});

process.stdin.resume().on('end', () => process.exit());
