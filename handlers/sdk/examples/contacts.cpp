// A plugin in C++: a company's contacts, held in memory, so that a caller is greeted by name within
// microseconds.
//
//     g++ -std=c++20 -O2 -shared -fPIC -fno-gnu-unique -o contacts.so contacts.cpp -lsimdjson
//
//     [[handler]]
//     name = "contacts"
//     type = "plugin"
//     library = "contacts.so"
//     settings = { file = "/etc/hookswitch/contacts.csv" }    # +31612345678,Jan Jansen
//
//     [[route]]
//     event = ["assistant-request", "tool-calls"]
//     handler = "contacts"
#include <hookswitch/plugin.hpp>

#include <simdjson.h>

#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>

namespace {

using hookswitch::plugin::Answer;
using hookswitch::plugin::Event;
using hookswitch::plugin::Host;

// A member of a JSON object that has to be a string.
std::string text_of(std::string_view json, const char* name) {
    simdjson::dom::parser parser;
    const simdjson::padded_string padded(json);  // has to live as long as what is parsed from it
    std::string_view text;
    if (parser.parse(padded)[name].get(text))
        throw std::runtime_error(std::string(name) + " has to be a string");
    return std::string(text);
}

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
    }
    return out + '"';
}

// Read once, never changed afterwards: any number of threads may look. A reload reads the file again.
class Contacts {
public:
    Contacts(Host host, std::string_view settings) {
        const std::string file = text_of(settings, "file");
        std::ifstream in(file);
        if (!in) throw std::runtime_error("cannot open " + file);
        for (std::string line; std::getline(in, line);)
            if (const auto comma = line.find(','); comma != line.npos)
                names_[line.substr(0, comma)] = line.substr(comma + 1);
        host.info(std::to_string(names_.size()) + " contacts");
    }

    void handle(const Event& event, Answer& answer) const {
        const std::string_view type = event.type;
        if (type == "assistant-request") greet(event, answer);
        if (type == "tool-calls") look_up(event, answer);
    }

private:
    void greet(const Event& event, Answer& answer) const {
        const auto found = names_.find(event.caller);
        if (found == names_.end()) return;  // the saved assistant knows what to say to strangers
        answer.json(R"({"reply":{"assistant":{"first_message":)" + quoted("Hello " + found->second + "!") +
                    "}}}");
    }

    void look_up(const Event& event, Answer& answer) const {
        const std::string query = text_of(event.arguments, "query");
        for (const auto& [number, name] : names_)
            if (name.find(query) != name.npos) return answer.result(name + ", " + number);
        answer.result("Nobody of that name.");
    }

    std::unordered_map<std::string, std::string> names_;
};

}  // namespace

HOOKSWITCH_PLUGIN(Contacts, "contacts", 0)
