import { invalid, isKind, toSiloError } from '../../../foundation/base/errors.ts';

/** An archive that cannot be read is a fault of the store when it lies there (500), and of the request when it came with it. */
export async function readingArchive<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!isKind(error, 'corrupt')) throw error;
    const { code, hint, message } = toSiloError(error);
    throw invalid(message, { code, cause: error, hint });
  }
}
