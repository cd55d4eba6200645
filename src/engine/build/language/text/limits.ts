/** What one file may hold. Generous for people, small enough that a hostile file costs milliseconds. */
export interface SourceLimits {
  bytes: number;
  lines: number;
  instructions: number;
  stages: number;
  /** Of one stage. */
  variables: number;
  /** Names and values of one stage together. */
  variableLength: number;
  /** Characters that expansion makes of a file in all. */
  expanded: number;
  /** Ports that all EXPOSE together name. */
  ports: number;
  /** Here-documents of one instruction. */
  hereDocuments: number;
  /** Of one RUN; each is one of its container's. */
  mounts: number;
}

export const sourceLimits: SourceLimits = {
  bytes: 4 << 20,
  lines: 200_000,
  instructions: 10_000,
  stages: 1000,
  variables: 2000,
  variableLength: 256 << 10,
  expanded: 32 << 20,
  ports: 200_000,
  hereDocuments: 1000,
  mounts: 200,
};
