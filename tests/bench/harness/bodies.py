"""The bodies that are sent: written once with a placeholder that makes every request different.

The placeholder stands near the end, because the generator hashes again only what follows it.
"""
import json

PLACEHOLDER = "@" * 16

_ASSISTANT = {
    "llm_config": {"provider": "openai", "model": "gpt-4.1"},
    "stt_config": {"provider": "deepgram", "model": "nova-3", "language": "nl"},
    "tts_config": {"provider": "elevenlabs", "voice_id": "ukiwGs47sHyibruHJ1vg"},
    "first_message": "Hello, how can I help you?",
    "autonomous_silence_handling": False,
    "voicemail_detection": False,
    "metadata": {"crm_id": "12345", "campaign_id": "summer-2025", "customer_tier": "premium"},
}


def _message(event, status, extra, last):
    return {
        "type": event,
        "timestamp": "2025-12-13T12:00:00.000Z",
        "phone_number": {"number": "+31850835037", "name": "HMS Sovereign Demo"},
        "customer": {"number": "+31612345678"},
        "assistant": _ASSISTANT,
        **extra,
        **last(status),
    }


def _call(call_id):
    return lambda status: {"call": {"type": "inbound_phone_call", "status": status, "id": call_id}}


def _text(message):
    return json.dumps({"message": message}, ensure_ascii=False, separators=(",", ":"))


def _of_size(size, build):
    """`build` with as much padding as makes the UTF-8 text exactly `size` bytes."""
    missing = size - len(build("").encode())
    if missing < 0:
        raise ValueError(f"the body is {-missing} bytes too long")
    return build("." * missing)


def status_update(size=684):
    def build(padding):
        extra = {"assistant": {**_ASSISTANT, "first_message": _ASSISTANT["first_message"] + padding}}
        return _text(_message("status-update", "in-progress", extra, _call("5c4d030f-43e3-4e" + PLACEHOLDER)))

    return _of_size(size, build)


def end_of_call_report(size=42 * 1024):
    lines = []

    def build(padding):
        extra = {"duration_seconds": 1800, "end_reason": "customer-ended-call",
                 "started_at": "2025-12-13T12:00:00.000Z", "ended_at": "2025-12-13T12:30:00.000Z",
                 "summary": "Lang gesprek over planning." + padding, "messages": lines,
                 "recording_url": "https://storage.example.com/recordings/5c4d030f.mp3?token=EXAMPLE"}
        return _text(_message("end-of-call-report", "ended", extra, _call("5c4d030f-43e3-4e" + PLACEHOLDER)))

    while len(build("").encode()) < size - 300:
        number = len(lines) + 1
        lines.append({"role": "assistant", "content": f"Regel {number}: waarmee kan ik u verder helpen?"})
        lines.append({"role": "user", "content": f"Regel {number + 1}: ik wil graag weten wanneer de monteur "
                                                 f"één dag vóór {number % 28 + 1} december komt."})
    return _of_size(size, build)


def assistant_request():
    return _text(_message("assistant-request", "ringing", {}, _call("5c4d030f-43e3-4e" + PLACEHOLDER)))


def tool_call(tool):
    function = {"name": tool, "arguments": {"query": "Voorbeeld Klant"}}
    call = {"call": {"id": "5c4d030f-43e3-4e65-899e-8148521e660f", "type": "inbound_phone_call",
                     "status": "in-progress"}}

    def tool_call_list(_status):
        return {"tool_call_list": [{"type": "function", "function": function, "id": "tool_" + PLACEHOLDER}]}

    return _text(_message("tool-calls", "in-progress", call, tool_call_list))
