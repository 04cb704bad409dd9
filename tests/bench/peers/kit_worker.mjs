// A worker written with handlers/node/hookswitch.mjs, as an operator would write it.
const { tool, run } = await import(process.env.KIT);

tool("by_node_kit", ["query"], async ({ query }) => ({ name: "Jan Jansen", query }));
run();
