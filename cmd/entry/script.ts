import { main } from '../main.ts';

/* The entry of dist/dualstack.cjs. */

main();
