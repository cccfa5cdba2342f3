// A tree of paths. A branch that holds a single branch or a single signal is joined with it: each line is worth one.

/** Make a tree of signals ([number, path, …]), in the order of their paths. */
export function treeOf(signals) {
  const root = { path: "", label: "", children: new Map(), leaves: [] };
  for (const signal of signals) {
    const levels = signal.path.split(".");
    let node = root;
    let path = "";
    for (const level of levels.slice(0, -1)) {
      path = path ? `${path}.${level}` : level;
      if (!node.children.has(level)) node.children.set(level, { path, label: level, children: new Map(), leaves: [] });
      node = node.children.get(level);
    }
    node.leaves.push(signal);
  }
  return root.children.size === 1 && !root.leaves.length ? [...root.children.values()][0] : root;
}

function joined(node) {
  let label = node.label;
  let at = node;
  while (at.children.size === 1 && !at.leaves.length) {
    [at] = at.children.values();
    label = `${label}.${at.label}`;
  }
  return [at, label];
}

/** The rows that are seen: `isOpen(path, level)` says which branches are open. */
export function rowsOf(root, isOpen) {
  const rows = [];
  const walk = (node, level) => {
    for (const signal of node.leaves) rows.push({ signal, level, path: signal.path, label: signal.path.split(".").pop() });
    for (const child of node.children.values()) {
      const only = countOf(child) === 1 ? onlyOf(child) : null;
      if (only) {
        rows.push({ signal: only, level, path: only.path, label: only.path.slice(node.path ? node.path.length + 1 : 0) });
        continue;
      }
      const [end, label] = joined(child);
      const open = isOpen(end.path, level);
      rows.push({ signal: null, level, path: end.path, label, open, count: countOf(end) });
      if (open) walk(end, level + 1);
    }
  };
  walk(root, 1);
  return rows;
}

function onlyOf(node) {
  return node.leaves[0] ?? onlyOf([...node.children.values()][0]);
}

function countOf(node) {
  if (node.count === undefined) node.count = node.leaves.length + [...node.children.values()].reduce((sum, child) => sum + countOf(child), 0);
  return node.count;
}
