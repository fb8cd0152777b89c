import { validation } from './checks/validation.ts';
import { hold } from './suite.ts';

hold({ first: 'IPv4', proxyMode: 'nftables', mixed: true }, validation);
