#include "daemon/turns.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>
#include <utility>

namespace hookswitch {

namespace asio = boost::asio;

asio::awaitable<void> Turns::take() {
    auto keep = [this](auto handler) {
        waiting_.emplace_back(
            [kept = std::make_shared<decltype(handler)>(std::move(handler))] { std::move (*kept)(); });
        if (!std::exchange(posted_, true)) next();
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(keep, asio::use_awaitable);
}

// What is posted runs after all that is ready, and the sockets are looked at in between.
void Turns::next() {
    asio::post(context_, [this] {
        const auto resume = std::move(waiting_.front());
        waiting_.pop_front();
        posted_ = !waiting_.empty();
        if (posted_) next();
        resume();
    });
}

}  // namespace hookswitch
