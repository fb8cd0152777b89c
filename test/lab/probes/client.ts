/** `client.ts tcp|udp ADDRESS PORT`: sends once, prints the answer; after a second without one it fails. */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';

const [transport, host = '', port = ''] = process.argv.slice(2);
const deadline = 1000;

function fail(why: string): void {
  console.error(`${transport} ${host} ${port}: ${why}`);
  process.exit(1);
}

function askTcp(): void {
  const socket = connect({ host, port: Number(port) });
  socket.on('data', (answer) => process.stdout.write(answer));
  socket.on('error', (error) => fail(error.message));
  socket.on('close', () => process.exit());
}

function askUdp(): void {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (answer) => {
    process.stdout.write(answer);
    process.exit();
  });
  socket.on('error', (error) => fail(error.message));
  socket.send('?', Number(port), host);
}

setTimeout(() => fail(`no answer within ${deadline} ms`), deadline);
if (transport === 'tcp') askTcp();
else askUdp();
