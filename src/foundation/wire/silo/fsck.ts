/** `POST /silo/fsck`. */
export interface FsckJson {
  Findings: FsckFindingJson[];
}

export interface FsckFindingJson {
  Kind: string;
  Subject: string;
  Message: string;
  Repairable: boolean;
  Repaired: boolean;
}
