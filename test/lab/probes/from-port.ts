/** `from-port.ts LOCALPORT ADDRESS PORT QUESTION`: asks over UDP from one and the same port, so that it is the same connection. */
import { createSocket } from 'node:dgram';

const [own = '', host = '', port = '', question = ''] = process.argv.slice(2);
const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
socket.on('message', (answer) => {
  process.stdout.write(answer);
  process.exit();
});
socket.bind(Number(own), () => socket.send(question, Number(port), host));
setTimeout(() => process.exit(), 1500);
