import type { Case } from '../case.ts';
import { betweenContainers } from './between-containers.ts';
import { cliVersion } from './cli-version.ts';
import { connect } from './connect.ts';
import { cpIn } from './cp-in.ts';
import { cpOut } from './cp-out.ts';
import { defaultSecurity } from './default-security.ts';
import { dns } from './dns.ts';
import { execTrue } from './exec-true.ts';
import { idleMemory } from './idle-memory.ts';
import { killDie } from './kill-die.ts';
import { load } from './load.ts';
import { logsRead } from './logs-read.ts';
import { logsWrite } from './logs-write.ts';
import { ps500 } from './ps-500.ts';
import { ps10000 } from './ps-10000.ts';
import { publishedOutside } from './published-outside.ts';
import { publishedPort } from './published-port.ts';
import { pull } from './pull.ts';
import { ready10000 } from './ready-10000.ts';
import { push } from './push.ts';
import { registryCases } from './registry.ts';
import { runBridge } from './run-bridge.ts';
import { buildCases } from './build.ts';
import { runNone } from './run-none.ts';
import { save } from './save.ts';
import { statsOneShot } from './stats-one-shot.ts';
import { startPortRange } from './start-port-range.ts';
import { start50 } from './start-50.ts';
import { start500 } from './start-500.ts';

/** In this order; the last four leave hundreds and thousands of containers in the engines. */
export const cases: readonly Case[] = [
  runNone,
  runBridge,
  defaultSecurity,
  execTrue,
  killDie,
  statsOneShot,
  start50,
  idleMemory,
  pull,
  load,
  push,
  save,
  ...registryCases,
  ...buildCases,
  logsWrite,
  logsRead,
  cpIn,
  cpOut,
  connect,
  startPortRange,
  publishedPort,
  publishedOutside,
  betweenContainers,
  dns,
  cliVersion,
  ps500,
  start500,
  ps10000,
  ready10000,
];

/** Rows of the design page whose operations do not exist yet. */
export const laterRows: readonly string[] = [];
