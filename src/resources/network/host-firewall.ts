import type { Log } from '../../foundation/base/log.ts';
import { mirrorHostInput } from './host-input.ts';

/**
 * Who decides about published ports: with `host-firewall` the host's rules for what comes in count for them too, with `docker` they do not
 * (Docker's behaviour: a published port is open whatever the firewall says of it).
 */
export type PublishedPortsPolicy = 'host-firewall' | 'docker';

export interface HostFirewall {
  /** Resolves when the host's rules concern published ports on these bridges; to be awaited before a port opens there. */
  protect(bridges: readonly string[]): Promise<void>;
  /** The host's rules changed, or the copy of them was touched. */
  refresh(): Promise<void>;
  /** Whether a change inside this table of another program may change what is copied. */
  concerns(table: string): boolean;
  /** Removes the copy. */
  remove(): Promise<void>;
}

export interface HostFirewallDeps {
  table: string;
  policy: PublishedPortsPolicy;
  listRuleset: () => Promise<string>;
  runNft: (script: string) => Promise<void>;
  log: Log;
}

/** Above this many characters of rules only the last words of the chains are taken. */
const mostText = 4 * 1024 * 1024;

export function createHostFirewall(deps: HostFirewallDeps): HostFirewall {
  const { table, policy, listRuleset, runNft, log } = deps;
  let bridges: readonly string[] = [];
  let written: string | undefined;
  let sources: ReadonlySet<string> = new Set();
  let warned = '';
  let tail: Promise<void> = Promise.resolve();

  const write = async (): Promise<void> => {
    const ruleset = await listRuleset();
    const wanted = policy === 'docker' ? [] : bridges;
    const {
      script,
      cautiousScript,
      skipped,
      sources: found,
    } = mirrorHostInput(ruleset, { table, bridges: wanted });
    sources = found;
    if (script === '' || isWritten(ruleset, script)) return;
    if (ruleset.length > mostText) await runNft(cautiousScript);
    else
      try {
        await runNft(script);
      } catch (error) {
        log.warn(
          'the rules of this host cannot be applied to published ports one by one; its default applies',
          {
            code: 'host-rules-unreadable',
            error: String(error),
            hint: 'set published-ports to docker to leave published ports to the forward rules alone',
          },
        );
        await runNft(cautiousScript);
      }
    written = withoutRemovals(script);
    report(skipped);
  };
  /** The copy stands as it was written: nothing but its own removal differs. */
  const isWritten = (ruleset: string, script: string): boolean => {
    const body = withoutRemovals(script);
    const names = [...body.matchAll(/^table (\w+) (\S+) \{/gm)].map(([line]) => line);
    return body === written && names.every((line) => ruleset.includes(`${line}\n`));
  };
  const report = (skipped: readonly string[]): void => {
    const text = skipped.join('\n');
    if (text === '' || text === warned) return;
    warned = text;
    log.warn('rules of this host for what comes in are not understood, and not applied to published ports', {
      code: 'host-rules-skipped',
      rules: skipped.slice(0, 5).join('; '),
      count: skipped.length,
    });
  };
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const run = tail.then(work);
    tail = run.catch(() => undefined);
    return run;
  };

  return {
    protect(wanted) {
      return inTurn(async () => {
        if (written !== undefined && wanted.every((bridge) => bridges.includes(bridge))) return;
        bridges = [...new Set([...bridges, ...wanted])];
        await write();
        written ??= '';
      });
    },
    concerns: (name) => sources.has(name),
    refresh: () => inTurn(async () => (bridges.length > 0 ? write() : undefined)),
    remove: () =>
      inTurn(async () => {
        bridges = [];
        await write();
        written = undefined;
      }),
  };
}

function withoutRemovals(script: string): string {
  return script.replaceAll(/^delete table .*\n/gm, '');
}
