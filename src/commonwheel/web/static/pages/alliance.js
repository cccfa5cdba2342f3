export const title = "Alliance";
export function mount(root, api) { root.textContent = api.cars.map((c) => c.title).join(", "); }
