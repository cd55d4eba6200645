import { badRequests } from './bad-requests.ts';
import type { Case } from './cases.ts';
import { listings } from './listings.ts';
import { roundTrips, shapes } from './round-trips.ts';

/** All cases by the file that keeps their answers. */
export const chapters: Record<string, Case[]> = {
  'bad-requests': Object.values(badRequests).flat(),
  listings: Object.values(listings).flat(),
  settings: Object.values(roundTrips).flat(),
  shapes,
};
