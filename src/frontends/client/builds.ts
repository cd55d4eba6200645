import type { BuildSessionRequestJson } from '../../foundation/wire/silo/build-session.ts';
import type { BuildOffers, BuildOptions, BuildResult } from './build-session.ts';
import type { Transport } from './transport.ts';

export interface BuildCalls {
  /** Builds with this process at hand: folders, secrets and agents are served from here until it ends. */
  session(request: BuildSessionRequestJson, offers: BuildOffers, options: BuildOptions): Promise<BuildResult>;
}

export function createBuildCalls(transport: Transport): BuildCalls {
  return {
    async session(request, offers, options) {
      // Loaded when it is wanted: commands that build nothing start faster without it.
      const { runBuildSession } = await import('./build-session.ts');
      return await runBuildSession(transport, { request, offers, options });
    },
  };
}
