/** Nodes are numbers; `edges[n]` are those that n needs. */
type Edges = readonly (readonly number[])[];

/** One circle, in the order in which each needs the next; undefined when there is none. */
export function findCycle(edges: Edges): number[] | undefined {
  const done = new Set<number>();
  for (let root = 0; root < edges.length; root++) {
    const path: { node: number; next: number }[] = [];
    const onPath = new Set<number>();
    const enter = (node: number): void => {
      path.push({ node, next: 0 });
      onPath.add(node);
    };
    if (!done.has(root)) enter(root);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const next = edges[top.node]?.[top.next++];
      if (next === undefined) {
        done.add(top.node);
        onPath.delete(top.node);
        path.pop();
      } else if (onPath.has(next)) {
        const nodes = path.map(({ node }) => node);
        return nodes.slice(nodes.indexOf(next));
      } else if (!done.has(next)) enter(next);
    }
  }
  return undefined;
}

/** The target and all that it needs, each behind what it needs itself. There must be no circle. */
export function neededStages(edges: Edges, target: number): number[] {
  const order: number[] = [];
  const seen = new Set([target]);
  const path = [{ node: target, next: 0 }];
  for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
    const next = edges[top.node]?.[top.next++];
    if (next === undefined) {
      order.push(top.node);
      path.pop();
    } else if (!seen.has(next)) {
      seen.add(next);
      path.push({ node: next, next: 0 });
    }
  }
  return order;
}
