// The handlers that behaviour.py describes, in Node.

import { execFileSync } from "node:child_process";
import { open } from "node:fs/promises";
import { Retry, ToolError, assistantRequest, on, run, statusUpdate, tool }
    from "../../../handlers/node/hookswitch.mjs";

console.log("from the module, before run()");

let release;
const released = new Promise((resolve) => (release = resolve));

tool("echo", ["text"], ({ text }) => text);
tool("add", ["a", "b?"], async ({ a, b = 10 }) => [a, b]);
tool("nothing", [], () => {});
tool("numbers", () => [1, 2.5, true, null]);
tool("refuse", () => { throw new ToolError("Not on Sundays."); });
tool("again", async () => { throw new Retry("CRM is down"); });
tool("crash", async () => { throw new Error("kaputt"); });
tool("nan", () => ({ score: NaN }));
tool("opaque", ({ kind }) => ({ map: { a: new Map() }, bigint: 1n, symbol: Symbol("s"), set: new Set(),
    function: () => 1 })[kind ?? "function"]);
tool("child", () => execFileSync("cat").toString());
tool("left", (_, event) => event.remainingMs());
tool("wait", async () => (await released, "waited"));
tool("release", () => { release(); });

tool("chatty", () => {
    console.log("from the handler");
    console.info("from the handler");
    process.stdout.write("from the handler\n");
    return "ok";
});

tool("act", (_, event) => {
    event.say("One moment.");
    event.say("Goodbye.", { endAfter: true });
    event.injectContext("code 4821", { triggerResponse: true });
    event.transfer("+31201234567", "I connect you.");
    event.transfer("sip:desk@example.com");
    event.endCall();
    return "done";
});

tool("later", (_, event) => {
    released.then(() => event.say("Found it."));
    return "searching";
});

tool("read_byte", ["path"], async ({ path }) => {
    const file = await open(path);
    console.log("about to read");
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, null);
    await file.close();
    return buffer.toString();
});

tool("throw_text", () => { throw "kaputt"; });
tool("reject_unseen", () => { Promise.reject(new Error("unseen")); return "ok"; });
tool("abort", (_, { signal }) => new Promise((resolve) => {
    const keepAlive = setInterval(() => {}, 1000);
    signal.addEventListener("abort", () => (clearInterval(keepAlive), resolve(signal.reason.name)));
}));

assistantRequest(async ({ caller, called }) => {
    if (called === "list") return [];
    if (called === "closed") throw new ToolError("We are closed.");
    return caller ? { assistant: { first_message: `Hello ${caller}` } } : undefined;
});

statusUpdate(({ call }) => {
    console.log("status", call.status);
    if (call.status === "crash") throw new Error("kaputt");
    if (call.status === "refuse") throw new ToolError("Not this one.");
    return "ignored";
});

on("call-quality", async ({ metadata }) => console.log("quality", metadata.score));

if (process.argv.includes("any")) tool("*", (_, event) => event.tool_call.name);

run();
