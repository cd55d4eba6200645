import type { Context } from '../context.ts';
import type { Lease } from '../lease.ts';
import { removeUnreached } from '../records/sweep.ts';

/** What is made is held by a lease. It is deleted with `letGo`, or when `make` fails, unless a name came to mean it. */
export async function makeUnderLease<Made>(
  context: Context,
  /** As the log names a clean-up that failed: `after …`. */
  occasion: string,
  make: (lease: Lease, letGo: () => Promise<void>) => Promise<Made>,
): Promise<Made> {
  const lease = context.leases.open();
  const letGo = async (): Promise<void> => {
    const blobs = [...lease.held];
    lease[Symbol.dispose]();
    await removeUnreached(context, { blobs, layers: [] }).catch((error: unknown) =>
      context.log.warn(`cannot clean up after ${occasion}`, { error: String(error) }),
    );
  };
  try {
    return await make(lease, letGo);
  } catch (error) {
    await letGo();
    throw error;
  }
}
