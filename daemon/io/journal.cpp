#include "daemon/io/journal.hpp"

#include "daemon/io/journal_writer.hpp"

#include <utility>

namespace hookswitch {

Journal::Journal(std::unique_ptr<Writer> writer) : writer_(std::move(writer)) {}
Journal::~Journal() = default;

Result<std::unique_ptr<Journal>> Journal::open(const JournalSettings& settings, JournalMetrics& metrics) {
    auto writer = std::make_unique<Writer>(settings, metrics);
    if (auto r = writer->open(); !r) return std::move(r).error().in("open journal");
    return std::unique_ptr<Journal>(new Journal(std::move(writer)));
}

void Journal::append(const JournalEntry& entry, const boost::asio::any_io_executor& executor, Appended done,
                     std::shared_ptr<void> load) {
    Writer::Event event{make_record(entry), executor, std::move(done), {}, std::move(load), 0};
    const std::size_t bytes = event.record.size() + sizeof event;
    writer_->push(std::move(event), bytes);
}

std::shared_ptr<Journal::Ticket> Journal::append(const JournalEntry& entry) {
    auto ticket = std::make_shared<Ticket>();
    Writer::Event event{make_record(entry), {}, {}, ticket, {}, 0};
    const std::size_t bytes = event.record.size() + sizeof event;
    writer_->push(std::move(event), bytes);
    return ticket;
}

void Journal::answered(const std::shared_ptr<Ticket>& ticket, JournalAnswer answer) {
    const std::size_t bytes = answer.body.size() + answer.parts.size();
    writer_->push(Writer::Answer{ticket, std::move(answer)}, bytes);
}

void Journal::record(DeliveryRecord record) {
    const std::size_t bytes = sizeof record + record.why.size();
    writer_->push(std::move(record), bytes);
}

void Journal::append(std::vector<CommandRecord> commands, const boost::asio::any_io_executor& executor,
                     CommandsStored done) {
    std::size_t bytes = 0;
    for (const CommandRecord& command : commands) bytes += sizeof command + command.body.size();
    writer_->push(Writer::Commands{std::move(commands), executor, std::move(done), {}}, bytes);
}

void Journal::ended(CommandEnd end) { writer_->push(std::move(end), sizeof end); }

void Journal::delivered_before(std::int64_t seq) { writer_->push(Writer::Mark{seq}, 0); }

void Journal::on_commit(const boost::asio::any_io_executor& executor, Delivery deliver) {
    writer_->on_commit(executor, std::move(deliver));
}

void Journal::on_redelivery(const boost::asio::any_io_executor& executor, Redelivery take) {
    writer_->on_redelivery(executor, std::move(take));
}

void Journal::on_change(const boost::asio::any_io_executor& executor, std::function<void()> changed) {
    writer_->on_change(executor, std::move(changed));
}

void Journal::when_usable(const boost::asio::any_io_executor& executor, std::function<void()> usable) {
    writer_->when_usable(executor, std::move(usable));
}

void Journal::look_for_redeliveries() { writer_->look_now(); }
std::optional<std::string> Journal::failure() const { return writer_->failure(); }
void Journal::retain(const JournalSettings& settings) { writer_->retain(settings); }
const JournalSettings& Journal::settings() const { return writer_->settings(); }

}  // namespace hookswitch
