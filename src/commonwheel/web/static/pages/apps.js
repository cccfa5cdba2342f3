export const title = "Apps";
export function mount(root, api) { root.textContent = "apps"; }
