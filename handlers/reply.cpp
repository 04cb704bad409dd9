#include "handlers/reply.hpp"

#include "daemon/core/glob.hpp"
#include "handlers/number_list.hpp"
#include "handlers/opening_hours.hpp"
#include "handlers/reply_template.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <utility>

namespace hookswitch {
namespace {

namespace dom = simdjson::dom;

using Clock = std::function<std::chrono::system_clock::time_point()>;

std::optional<double> as_number(std::string_view text) {
    double number = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || stop != end || !std::isfinite(number)) return std::nullopt;
    return number;
}

/// What conditions ask about one event. The clock is read and the event put into its normalised form
/// only if something asks: most answers depend on neither.
class Facts {
public:
    Facts(const Invocation& invocation, const TimeZone& zone, const Clock& clock)
        : invocation_(invocation), zone_(zone), clock_(clock) {}

    const Event& event() const { return *invocation_.event; }

    WallTime time() {
        if (!time_) time_ = zone_.wall_time(clock_());
        return *time_;
    }

    Result<dom::element> fields() {
        if (!document_) {
            const auto left = invocation_.deadline - std::chrono::steady_clock::now();
            const auto left_ms = std::chrono::duration_cast<std::chrono::milliseconds>(left);
            TRY(document_, Document::parse(to_json(invocation_, 1, std::max(left_ms, left_ms.zero()))));
        }
        return document_->root();
    }

private:
    const Invocation& invocation_;
    const TimeZone& zone_;
    const Clock& clock_;
    std::optional<WallTime> time_;
    std::optional<Document> document_;
};

class FieldTest {
public:
    FieldTest(FieldPath path, const FieldCondition& settings)
        : path_(std::move(path)),
          at_least_(settings.at_least),
          at_most_(settings.at_most),
          exists_(settings.exists) {
        for (const auto& text : settings.any_of) patterns_.push_back({text, as_number(text)});
    }

    bool holds(dom::element event) const {
        const auto value = path_.find(event);
        if (exists_ && *exists_ != value.has_value()) return false;
        if (patterns_.empty() && !at_least_ && !at_most_) return true;
        if (!value || value->is_object() || value->is_array()) return false;

        std::string text;
        std::string_view view;
        if (value->get(view)) {
            append_json(text, *value);
            view = text;
        }
        // Language models send "8" as readily as 8.
        const auto number = as_number(view);
        const auto matches = [&](const Pattern& pattern) {
            return glob_match(pattern.text, view) || (number && pattern.number == number);
        };
        if (!patterns_.empty() && std::ranges::none_of(patterns_, matches)) return false;
        if (at_least_ && !(number && *number >= *at_least_)) return false;
        return !at_most_ || (number && *number <= *at_most_);
    }

private:
    struct Pattern {
        std::string text;
        std::optional<double> number;
    };

    FieldPath path_;
    std::vector<Pattern> patterns_;
    std::optional<double> at_least_, at_most_;
    std::optional<bool> exists_;
};

struct Conditions {
    std::optional<bool> open;
    std::optional<WeeklyHours> hours;
    std::shared_ptr<const NumberList> caller_list, called_list;
    std::vector<FieldTest> fields;

    bool empty() const { return !open && !hours && !caller_list && !called_list && fields.empty(); }

    /// Cheapest first; the event is taken apart only if nothing else has said no.
    Result<bool> hold(Facts& facts, const OpeningHours& opening) const {
        if (open && opening.open_at(facts.time()) != *open) return false;
        if (hours && !hours->contains(facts.time())) return false;
        if (caller_list && !caller_list->contains(facts.event().caller)) return false;
        if (called_list && !called_list->contains(facts.event().called)) return false;
        if (fields.empty()) return true;
        TRY(const auto event, facts.fields());
        return std::ranges::all_of(fields, [&](const FieldTest& field) { return field.holds(event); });
    }
};

struct Case {
    Conditions when, unless;
    ReplyTemplate reply;
};

struct Rules {
    TimeZone zone;
    OpeningHours opening;
    std::vector<Case> cases;
    std::optional<ReplyTemplate> otherwise;
};

class ReplyHandler : public Handler {
public:
    ReplyHandler(Rules rules, Clock clock) : rules_(std::move(rules)), clock_(std::move(clock)) {}

    void handle(Invocation invocation, Answer answer) override { answer(decide(invocation)); }

private:
    Result<Outcome> decide(const Invocation& invocation) const {
        Facts facts(invocation, rules_.zone, clock_);
        for (const auto& candidate : rules_.cases) {
            TRY(const bool chosen, holds(candidate, facts));
            if (chosen) return answer_with(candidate.reply, facts);
        }
        if (!rules_.otherwise) return Outcome{};
        return answer_with(*rules_.otherwise, facts);
    }

    Result<bool> holds(const Case& candidate, Facts& facts) const {
        TRY(const bool wanted, candidate.when.hold(facts, rules_.opening));
        if (!wanted || candidate.unless.empty()) return wanted;
        TRY(const bool excepted, candidate.unless.hold(facts, rules_.opening));
        return !excepted;
    }

    static Result<Outcome> answer_with(const ReplyTemplate& reply, Facts& facts) {
        if (reply.fixed()) return Outcome{reply.text()};
        TRY(const auto event, facts.fields());
        return Outcome{reply.render(event)};
    }

    const Rules rules_;
    const Clock clock_;
};

// Turns settings into rules. Goes on after a mistake, so that the operator hears of all of them.
class Compiler {
public:
    explicit Compiler(std::vector<ReplyMistake>& mistakes) : mistakes_(mistakes) {}

    Rules compile(const ReplySettings& settings) {
        Rules rules;
        if (auto zone = TimeZone::find(settings.timezone))
            rules.zone = *zone;
        else
            mistake("timezone", zone.error().what());
        rules.opening.weekly = hours(settings.hours, "hours");
        rules.opening.holidays = holidays(settings);
        has_opening_ = !settings.hours.empty() || !is_empty(settings.holidays);

        for (std::size_t i = 0; i < settings.cases.size(); ++i)
            rules.cases.push_back(reply_case(settings.cases[i], "case[" + std::to_string(i) + "]"));
        if (!settings.reply.empty())
            rules.otherwise = ReplyTemplate::compile(settings.reply, "reply", mistakes_);
        else if (settings.cases.empty())
            mistake("reply", "missing, and there is no case that answers either");
        return rules;
    }

private:
    using HolidaySettings = decltype(ReplySettings::holidays);

    static bool is_empty(const HolidaySettings& holidays) {
        const auto* dates = std::get_if<std::vector<std::string>>(&holidays);
        return dates && dates->empty();
    }

    Case reply_case(const ReplyCase& settings, const std::string& key) {
        Case result;
        result.when = conditions(settings.when, key + ".when");
        result.unless = conditions(settings.unless, key + ".unless");
        if (settings.reply.empty())
            mistake(key + ".reply", "missing");
        else
            result.reply = ReplyTemplate::compile(settings.reply, key + ".reply", mistakes_);
        return result;
    }

    Conditions conditions(const ReplyConditions& settings, const std::string& key) {
        Conditions result;
        result.open = settings.open;
        if (settings.open && !has_opening_)
            mistake(key + ".open", "needs the handler's 'hours' or 'holidays'");
        if (!settings.hours.empty()) result.hours = hours(settings.hours, key + ".hours");
        if (settings.caller_list) result.caller_list = numbers(*settings.caller_list, key + ".caller_list");
        if (settings.called_list) result.called_list = numbers(*settings.called_list, key + ".called_list");
        for (const auto& field : settings.fields) add_field(result, field, key + "." + field.path);
        return result;
    }

    void add_field(Conditions& conditions, const FieldCondition& settings, const std::string& key) {
        auto path = FieldPath::parse(settings.path);
        if (!path) return mistake(key, path.error().what());
        if (settings.any_of.empty() && !settings.at_least && !settings.at_most && !settings.exists)
            return mistake(key, "has nothing to compare with");
        if (settings.at_least && settings.at_most && *settings.at_least > *settings.at_most)
            return mistake(key, "can never hold: at_least is above at_most");
        conditions.fields.emplace_back(*std::move(path), settings);
    }

    WeeklyHours hours(const std::vector<std::string>& lines, const std::string& key) {
        WeeklyHours result;
        for (std::size_t i = 0; i < lines.size(); ++i) {
            if (auto added = result.add(lines[i]); !added)
                mistake(key + "[" + std::to_string(i) + "]", added.error().what());
        }
        return result;
    }

    Holidays holidays(const ReplySettings& settings) {
        Holidays result;
        if (const auto* file = std::get_if<std::filesystem::path>(&settings.holidays)) {
            add_file(result, *file, "holidays");
            return result;
        }
        const auto& dates = std::get<std::vector<std::string>>(settings.holidays);
        for (std::size_t i = 0; i < dates.size(); ++i) {
            if (auto added = result.add(dates[i]); !added)
                mistake("holidays[" + std::to_string(i) + "]", added.error().what());
        }
        return result;
    }

    // Read once, however many cases ask for it, so that all of them see the same list.
    std::shared_ptr<const NumberList> numbers(const std::filesystem::path& file, const std::string& key) {
        auto& list = lists_[file];
        if (!list) {
            auto read = std::make_shared<NumberList>();
            add_file(*read, file, key);
            list = std::move(read);
        }
        return list;
    }

    template <class List>
    void add_file(List& list, const std::filesystem::path& file, const std::string& key) {
        const auto lines = read_list(file);
        if (!lines) return mistake(key, lines.error().what());
        for (const auto& line : *lines) {
            if (auto added = list.add(line.text); !added)
                mistake(key, file.string() + ":" + std::to_string(line.number) + ": " + added.error().what());
        }
    }

    void mistake(const std::string& key, std::string what) { mistakes_.push_back({key, std::move(what)}); }

    std::vector<ReplyMistake>& mistakes_;
    std::map<std::filesystem::path, std::shared_ptr<const NumberList>> lists_;
    bool has_opening_ = false;
};

}  // namespace

std::shared_ptr<Handler> make_reply_handler(const ReplySettings& settings,
                                            std::vector<ReplyMistake>& mistakes,
                                            std::function<std::chrono::system_clock::time_point()> clock) {
    const auto before = mistakes.size();
    auto rules = Compiler(mistakes).compile(settings);
    if (mistakes.size() != before) return nullptr;
    return std::make_shared<ReplyHandler>(std::move(rules), std::move(clock));
}

}  // namespace hookswitch
