// An internal service as Node offers it, without a framework: node service.mjs PORT.
import { createServer } from "node:http";

createServer((request, response) => {
    const parts = [];
    request.on("data", part => parts.push(part));
    request.on("end", () => {
        const event = JSON.parse(Buffer.concat(parts));
        const result = { name: "Jan Jansen", query: event.tool_call.arguments.query };
        response.setHeader("Content-Type", "application/json");
        response.end(JSON.stringify({ id: event.id, reply: { result } }));
    });
}).listen(Number(process.argv[2]), "127.0.0.1");
