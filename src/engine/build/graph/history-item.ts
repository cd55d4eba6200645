/** What an image's history says of one instruction. */
export interface HistoryItem {
  createdBy: string;
  /** Whether the steps of the root have an entry of it: none of those that only set the configuration, and of folders only those that were missing. */
  step: 'never' | 'always' | 'folder';
}
