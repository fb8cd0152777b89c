import { hold } from './suite.ts';

hold({ first: 'IPv6', proxyMode: 'iptables', mixed: true });
