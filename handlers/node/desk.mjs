// A small reception desk: greets callers by name, looks up contacts, books appointments, connects to people.
//
// An example to copy from. Contacts come from contacts.json beside this file. Bookings and call
// summaries are kept in desk.json, in the directory that HOOKSWITCH_STATE names, else in the working
// directory; where neither can be written, in memory. One process owns the file: keep workers = 1, or
// use a database.
//
//     [[handler]]
//     name = "desk"
//     type = "worker"
//     command = ["node", "desk.mjs"]
//     concurrency = 16
//     environment = { HOOKSWITCH_STATE = "/var/lib/hookswitch" }

import { accessSync, constants, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ToolError, assistantRequest, endOfCallReport, run, tool } from "./hookswitch.mjs";

const contacts = JSON.parse(readFileSync(new URL("contacts.json", import.meta.url), "utf8"));
const colleague = process.env.DESK_COLLEAGUE ?? "+31201234567"; // who takes over
const slots = ["09:00", "10:00", "11:00", "13:00", "14:00", "15:00", "16:00"];

const file = stateFile();
const state = file && existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { bookings: {}, calls: {} };

function stateFile() {
    const directory = process.env.HOOKSWITCH_STATE ?? ".";
    try {
        accessSync(directory, constants.W_OK);
        return join(directory, "desk.json");
    } catch {
        console.log(`desk: ${directory} cannot be written, bookings are kept in memory`);
        return undefined;
    }
}

function save() {
    if (!file) return;
    writeFileSync(`${file}.new`, JSON.stringify(state, null, 2));
    renameSync(`${file}.new`, file);
}

// Models write numbers as they hear them: 06 1234 5678 is +31612345678.
function contactWithNumber(number) {
    const end = (text) => (text ?? "").replace(/\D/g, "").slice(-9);
    return contacts.find(({ phone }) => end(number).length === 9 && end(number) === end(phone));
}

assistantRequest((event) => {
    const contact = contactWithNumber(event.caller);
    if (!contact) return undefined; // the saved assistant answers as it is
    const greeting = `Hello ${contact.name} of ${contact.company}, how can I help you?`;
    return { assistant: { first_message: greeting, metadata: { company: contact.company } } };
});

// By name, company or number; without a query, whoever is calling.
tool("lookup_contact", ["query?"], ({ query }, event) => {
    const words = String(query ?? "").toLowerCase();
    const isNamed = ({ name, company }) => [name, company].some((text) => text.toLowerCase().includes(words));
    let found = words ? contacts.filter(isNamed) : [];
    if (found.length === 0) found = [contactWithNumber(words || event.caller)].filter(Boolean);
    if (found.length === 0) return { found: false, hint: "Ask the caller for the name of the company." };
    return { found: true, contacts: found };
});

function weekday(date) {
    const day = new Date(`${date}T00:00:00Z`);
    // 2026-02-30 parses, as 2 March.
    if (Number.isNaN(day.getTime()) || day.toISOString().slice(0, 10) !== date) {
        throw new ToolError("date must be a day of the calendar, written like 2026-01-31.");
    }
    return day.toLocaleDateString("en", { weekday: "long", timeZone: "UTC" });
}

const isWeekend = (date) => ["Saturday", "Sunday"].includes(weekday(date));

function freeSlots(date) {
    const taken = Object.values(state.bookings).filter((booking) => booking.date === date);
    return isWeekend(date) ? [] : slots.filter((slot) => !taken.some(({ time }) => time === slot));
}

// No list of parameters: whatever else the model thinks of sending is ignored.
tool("check_availability", ({ date }) => ({ date, weekday: weekday(date), free: freeSlots(date) }));

tool("book_appointment", ["date", "time", "name?", "note?"], ({ date, time, name, note }, event) => {
    if (isWeekend(date) || !slots.includes(time)) {
        throw new ToolError(`Appointments are Monday to Friday at ${slots.join(", ")}.`);
    }
    // The same tool call may be handed out twice, after a crash for one. It is one booking all the same.
    const request = `${event.call.id}/${event.tool_call.id}`;
    if (!state.bookings[request]) {
        const free = freeSlots(date);
        if (!free.includes(time)) {
            const rest = free.join(", ") || "nothing";
            throw new ToolError(`${time} on ${date} is taken. Free that day: ${rest}.`);
        }
        const confirmation = `D-${String(Object.keys(state.bookings).length + 1).padStart(4, "0")}`;
        name ||= contactWithNumber(event.caller)?.name ?? null;
        state.bookings[request] = { confirmation, date, time, name, phone: event.caller, note };
        save();
    }
    const { confirmation, ...booking } = state.bookings[request];
    return { booked: true, confirmation, date: booking.date, time: booking.time, name: booking.name };
});

// Hookswitch carries this out once the model has its result.
tool("connect_to_person", ["topic?"], ({ topic = "your question" }, event) => {
    event.say("One moment please, I will put you through.");
    event.transfer(colleague, `A colleague will help you with ${topic}.`);
    return { transferring: true };
});

endOfCallReport((event) => {
    const { duration_seconds: seconds, summary } = event.report;
    state.calls[event.call.id] = { caller: event.caller, seconds, summary };
    save();
});

run();
