#include "daemon/simulator/rest_error.hpp"

#include "daemon/simulator/object.hpp"

#include <stdexcept>

namespace hookswitch::simulator {
namespace {

std::string_view title_of(int status) {
    switch (status) {
        case 400: return "Bad Request";
        case 401: return "Unauthorized";
        case 402: return "Insufficient credits";
        case 403: return "Forbidden";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 409: return "Conflict";
        case 429: return "Too Many Requests";
        case 502: return "Bad Gateway";
        case 503: return "Service Unavailable";
        default: return "Internal Server Error";
    }
}

// `type` of shape A; only its member is documented, not its values.
std::string_view type_of(int status) {
    if (status == 401 || status == 403) return "authentication_error";
    if (status == 402) return "billing_error";
    if (status == 429) return "rate_limit_error";
    return status < 500 ? "invalid_request_error" : "api_error";
}

ErrorShape documented(const RestError& error, Era era) {
    if (error.shape != ErrorShape::documented) return error.shape;
    if (error.status == 401 || error.status == 403) return ErrorShape::d;
    if (error.status == 429) return ErrorShape::b;
    return era == Era::camel ? ErrorShape::a : ErrorShape::d;
}

std::string as_object(const RestError& error, bool all) {
    ObjectText inner;
    inner.text("code", error.code).text("message", error.message);
    if (all && !error.param.empty()) inner.text("param", error.param);
    if (all) inner.text("type", type_of(error.status));
    return ObjectText().json("error", inner.finish()).finish();
}

std::string as_text(const RestError& error, ErrorShape shape) {
    ObjectText body;
    if (shape == ErrorShape::c) return body.text("error", error.message).finish();
    body.text("error", error.title.empty() ? title_of(error.status) : error.title);
    if (shape == ErrorShape::e && !error.details.empty())
        return body.json("details", json_strings(error.details)).finish();
    body.text("message", error.message);
    if (shape == ErrorShape::f) body.members(error.extra);
    return body.finish();
}

}  // namespace

std::optional<ErrorShape> error_shape_named(std::string_view name) {
    if (name == "documented") return ErrorShape::documented;
    if (name.size() != 1 || name[0] < 'A' || name[0] > 'F') return std::nullopt;
    return static_cast<ErrorShape>(static_cast<int>(ErrorShape::a) + (name[0] - 'A'));
}

void throw_exception_from_error(const RestError& error, const boost::source_location&) {
    throw std::runtime_error(error.message);
}

std::string text_of(const RestError& error, ErrorShape shape, Era era) {
    if (shape == ErrorShape::documented) shape = documented(error, era);
    if (shape == ErrorShape::a || shape == ErrorShape::b) return as_object(error, shape == ErrorShape::a);
    return as_text(error, shape);
}

RestError missing(std::string_view param) {
    RestError error;
    error.code = "missing_field";
    error.message = std::string(param) + " is required";
    error.param = param;
    return error;
}

RestError invalid(std::string_view param, std::string_view what_it_must) {
    RestError error;
    error.code = "invalid_request";
    error.message = std::string(param) + ' ' + std::string(what_it_must);
    error.param = param;
    return error;
}

RestError not_found(std::string_view what) {
    RestError error;
    error.status = 404;
    error.code = "not_found";
    error.message = std::string(what) + " not found";
    return error;
}

RestError conflict(std::string_view message) {
    RestError error;
    error.status = 409;
    error.code = "conflict";
    error.message = message;
    return error;
}

}  // namespace hookswitch::simulator
