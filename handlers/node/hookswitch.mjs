// Write a Hookswitch worker in Node. No packages, Node 18 or newer.
//
// A whole worker:
//
//     import { tool, run } from "./hookswitch.mjs";
//
//     tool("lookup_contact", ["query"], async ({ query }, event) => {
//         return { name: query, phone: event.caller };
//     });
//     run();
//
// Handlers may be async and run concurrently. handlers/README.md has the table of what each value and
// exception becomes; in short:
//
//     tool(name, ["needed", "wanted?"], (args, event) => result)   "*": any other tool. With the list,
//                                     missing and unknown arguments are answered with an error that
//                                     the model can read; without it, `args` is whatever the model gave
//     assistantRequest(event => reply)    the reply as an object, or nothing for the saved assistant
//     statusUpdate(fn)                endOfCallReport(fn)   on("event-type", fn)   on("*", fn): any other
//
//     event.caller, event.call.id, event.report.summary   every key of the event; event.raw: the object
//     event.remainingMs()             until the caller gets the fallback; event.signal aborts then:
//                                     fetch(url, { signal: event.signal })
//     event.say("...")                an action, with the answer or later; also injectContext, transfer,
//                                     endCall (this version of the daemon logs actions and ignores them)
//     throw new ToolError("...")      an answer that the model reads; Retry("..."): it may work next time
//
// Standard input and output belong to the daemon: console.log goes to its log.

import { Console } from "node:console";
import { isatty } from "node:tty";

// At once, not in run(): a greeting printed while the worker loads would take the place of the handshake.
globalThis.console = new Console(process.stderr);

/** The tool cannot do what was asked; the text tells the model why. */
export class ToolError extends Error {}

/** It did not work now but may on another try. */
export class Retry extends Error {}

/** The actions of an event so far; from here on they no longer travel with the answer. */
let takeActions;

/** One event; its keys are those of the daemon's frame. A unit test can make one from an object. */
export class Event {
    #readAt = performance.now();
    #send;
    #answered = false;
    #actions = [];
    #signal;

    constructor(raw, send = () => {}) {
        this.raw = raw;
        this.#send = send;
        for (const key of Object.keys(raw)) if (!(key in this)) this[key] = raw[key];
    }

    /** Milliseconds until the deadline, never below 0; undefined if the event has none. */
    remainingMs() {
        const limit = this.raw.deadline_ms;
        return limit == null ? undefined : Math.max(0, this.#readAt + limit - performance.now());
    }

    /** Aborted at the deadline. */
    get signal() {
        const left = this.remainingMs();
        const never = () => new AbortController().signal;
        this.#signal ??= left === undefined ? never() : AbortSignal.timeout(Math.ceil(left));
        return this.#signal;
    }

    /** Speaks `content` to the caller; with endAfter the call ends then. */
    say(content, { endAfter = false } = {}) {
        this.#act({ type: "say", content, end_after: endAfter });
    }

    /** Tells the model something without speaking; with triggerResponse it reacts at once. */
    injectContext(content, { triggerResponse = false } = {}) {
        this.#act({ type: "inject-context", content, trigger_response: triggerResponse });
    }

    /** Transfers the call to an E.164 number or SIP URI, after the announcement `message`. */
    transfer(destination, message) {
        this.#act({ type: "transfer", destination, message });
    }

    /** Ends the call, after the last sentence `message`. */
    endCall(message) {
        this.#act({ type: "end-call", message });
    }

    static {
        takeActions = (event) => {
            event.#answered = true;
            return event.#actions;
        };
    }

    #act(action) {
        const call = this.raw.call?.id;
        if (!this.#answered) this.#actions.push(action);
        else if (call) this.#send({ call, actions: [action] });
        else console.error(`hookswitch: dropped a late ${action.type}: event ${this.id} has no call id`);
    }
}

const tools = new Map();
const events = new Map();
const isWaitedFor = (event) => event.type === "tool-calls" || event.type === "assistant-request";

/** Answers the calls of this tool. `parameters`, if given, names its arguments; `name?` is optional. */
export function tool(name, parameters, handler) {
    if (typeof parameters === "function") [parameters, handler] = [undefined, parameters];
    register(tools, name, handler, (event) => handler(checkedArguments(event, parameters), event));
}

/** Handles the events of this type. */
export function on(type, handler) {
    if (type === "tool-calls") throw new Error('on("tool-calls"): use tool, or tool("*", ...) for all tools');
    register(events, type, handler, (event) => handler(event));
}

export const assistantRequest = (handler) => on("assistant-request", handler);
export const statusUpdate = (handler) => on("status-update", handler);
export const endOfCallReport = (handler) => on("end-of-call-report", handler);

function register(table, name, handler, call) {
    if (typeof handler !== "function") throw new TypeError(`the handler of ${name} is not a function`);
    if (table.has(name)) throw new Error(`there are two handlers for ${name}`);
    table.set(name, { name, call });
}

function checkedArguments(event, parameters) {
    const given = event.tool_call.arguments ?? {};
    if (typeof given !== "object" || Array.isArray(given)) {
        throw new ToolError("The arguments of this tool call must be an object.");
    }
    if (!parameters) return given;
    const known = parameters.map((name) => name.replace(/\?$/, ""));
    const missing = parameters.filter((name) => !name.endsWith("?") && !Object.hasOwn(given, name));
    const unknown = Object.keys(given).filter((name) => !known.includes(name));
    if (missing.length === 0 && unknown.length === 0) return given;
    const takes = parameters.map((name) => name.replace(/\?$/, " (optional)")).join(", ");
    throw new ToolError([
        ...missing.map((name) => `Missing argument: ${name}.`),
        ...unknown.map((name) => `Unknown argument: ${name}.`),
        `This tool takes: ${takes || "no arguments"}.`,
    ].join(" "));
}

const inWork = new Set();
let writeStdout;

/** Serves until standard input ends or SIGTERM comes, answers what is in work, and ends the process. */
export function run() {
    writeStdout = process.stdout.write.bind(process.stdout);
    process.stdout.write = process.stderr.write.bind(process.stderr);
    process.stdout.on("error", () => process.exit(0)); // nobody is left to hear an answer
    process.on("SIGTERM", stop);
    // Ctrl-C in the daemon's terminal reaches us too, while the daemon still wants its answers.
    process.on("SIGINT", () => isatty(0) && stop());
    // A promise that nobody awaits must not cost the other callers in this process their answers.
    process.on("unhandledRejection", (reason) => console.error("hookswitch: unhandled rejection", reason));
    send({ hookswitch: 1 });
    process.stdin.on("data", takeChunk);
    process.stdin.on("end", () => (takeLine(Buffer.concat(begun)), stop()));
    process.stdin.on("error", stop);
}

async function stop() {
    process.stdin.removeAllListeners("data").pause();
    await Promise.allSettled(inWork);
    writeStdout("", () => process.exit(0));
}

let begun = []; // the pieces of a line that is not complete yet

// By hand, because node:readline takes U+2028 for the end of a line, and JSON may contain it.
function takeChunk(chunk) {
    let from = 0;
    for (let end; (end = chunk.indexOf(10, from)) >= 0; from = end + 1) {
        begun.push(chunk.subarray(from, end));
        const line = Buffer.concat(begun);
        begun = [];
        takeLine(line);
    }
    if (from < chunk.length) begun.push(chunk.subarray(from));
}

function takeLine(line) {
    const event = parse(line);
    const handler = event && find(event);
    if (!handler) return;
    const work = answer(handler, event).finally(() => inWork.delete(work));
    inWork.add(work);
}

function parse(line) {
    const text = line.toString("utf8");
    if (text.trim() === "") return undefined;
    try {
        const raw = JSON.parse(text);
        const isComplete = raw?.type !== "tool-calls" || typeof raw.tool_call?.name === "string";
        if (raw?.id && raw.type && isComplete) return new Event(raw, send);
    } catch {
        // What the parser says may quote the line, and a log is no place for a caller's words.
    }
    console.error(`hookswitch: passed over a line of ${line.length} bytes that is no event`);
    return undefined;
}

/** The handler, or undefined once the event is answered here. */
function find(event) {
    const isTool = event.type === "tool-calls";
    const [table, name] = isTool ? [tools, event.tool_call.name] : [events, event.type];
    const handler = table.get(name) ?? (event.type === "assistant-request" ? undefined : table.get("*"));
    if (handler) return handler;
    if (isWaitedFor(event)) {
        sendAnswer(event, { error: { message: `the worker has no handler for ${name}`, retry: false } });
    } else {
        sendAnswer(event, { reply: {} }); // told, and of no interest here
    }
    return undefined;
}

async function answer(handler, event) {
    try {
        const value = await handler.call(event);
        sendAnswer(event, { reply: replyFor(handler, event, value) });
    } catch (error) {
        sendFailure(handler, event, error);
    }
}

function replyFor(handler, event, value = null) {
    if (event.type === "tool-calls") return { result: value };
    if (event.type !== "assistant-request" || value === null) return {};
    if (typeof value === "object" && !Array.isArray(value)) return value;
    throw new TypeError(`${handler.name} must return an object or nothing`);
}

function sendFailure(handler, event, error) {
    const expected = error instanceof ToolError || error instanceof Retry;
    if (error instanceof ToolError && isWaitedFor(event)) {
        sendAnswer(event, { reply: { error: error.message || "The tool failed." } });
        return;
    }
    if (!expected) console.error(`hookswitch: ${handler.name} failed, event ${event.id}\n`, error);
    const message = expected && error.message ? error.message : String(error);
    sendAnswer(event, { error: { message: message.slice(0, 500), retry: !(error instanceof ToolError) } });
}

function sendAnswer(event, outcome) {
    const actions = takeActions(event);
    send({ id: event.id, ...outcome, ...(outcome.reply && actions.length > 0 ? { actions } : {}) });
}

function send(frame) {
    const line = JSON.stringify(frame, refuseNonJson);
    writeStdout((line.includes("\\ud") ? withoutHalfPairs(line) : line) + "\n");
}

/** slice() can cut an emoji in two; the half would be written as \ud83d, which strict parsers refuse. */
function withoutHalfPairs(line) {
    return line.replace(/(\\\\)|\\ud[89a-f][0-9a-f]{2}/g, (_, backslash) => backslash ?? "\ufffd");
}

/** Refuses what JSON.stringify would silently turn into null, {} or nothing. */
function refuseNonJson(key, value) {
    const isLost = typeof value === "function" || typeof value === "symbol" ||
        value instanceof Map || value instanceof Set ||
        (typeof value === "number" && !Number.isFinite(value));
    if (isLost) throw new TypeError(`not JSON: ${key} is ${Object.prototype.toString.call(value)}`);
    return value;
}
