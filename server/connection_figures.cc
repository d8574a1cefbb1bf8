#include "server/connection_figures.h"

#include <algorithm>
#include <exception>
#include <memory>
#include <vector>

#include "absl/strings/numbers.h"
#include "grpc/grpc.h"
#include "grpc/support/alloc.h"
#include "nlohmann/json.hpp"

namespace elmo {
namespace {

using Json = nlohmann::json;

// gRPC gives text and leaves it to us.
Json Parse(char* text) {
  const std::unique_ptr<char, decltype(&gpr_free)> owner(text, &gpr_free);
  if (text == nullptr) return {};
  return Json::parse(text, nullptr, /*allow_exceptions=*/false);
}

// The member of an object; null where there is none.
const Json& Member(const Json& object, const char* name) {
  static const Json* const kNull = new Json;
  if (!object.is_object()) return *kNull;
  const auto found = object.find(name);
  return found == object.end() ? *kNull : *found;
}

// Numbers are written as strings; what is 0 is left out.
int64_t Number(const Json& object, const char* name) {
  const Json& member = Member(object, name);
  int64_t number = 0;
  if (member.is_string() &&
      absl::SimpleAtoi(member.get_ref<const std::string&>(), &number)) {
    return number;
  }
  return 0;
}

std::vector<int64_t> ServerIds() {
  std::vector<int64_t> ids;
  const Json servers = Parse(grpc_channelz_get_servers(0));
  for (const Json& server : Member(servers, "server")) {
    ids.push_back(Number(Member(server, "ref"), "serverId"));
  }
  return ids;
}

}  // namespace

void ConnectionFigures::FindNew() {
  int64_t next = next_id_;
  for (const int64_t server : ServerIds()) {
    int64_t from = next_id_;
    for (;;) {
      const Json page =
          Parse(grpc_channelz_get_server_sockets(server, from, 0));
      for (const Json& socket : Member(page, "socketRef")) {
        const Json& name = Member(socket, "name");
        if (!name.is_string()) continue;
        // "http2 ipv4:127.0.0.1:4711"
        const std::string text = name.get<std::string>();
        const int64_t id = Number(socket, "socketId");
        ids_[text.substr(text.rfind(' ') + 1)] = id;
        from = std::max(from, id + 1);
      }
      if (Member(page, "end").is_boolean() || !page.is_object() ||
          Member(page, "socketRef").empty()) {
        break;
      }
    }
    next = std::max(next, from);
  }
  next_id_ = next;
}

bool ConnectionFigures::Read(const std::string& peer, ConnectionUse* use) {
  try {
    auto found = ids_.find(peer);
    if (found == ids_.end()) FindNew();
    found = ids_.find(peer);
    if (found == ids_.end()) return false;
    const Json socket =
        Parse(grpc_channelz_get_socket(static_cast<intptr_t>(found->second)));
    const Json& data = Member(Member(socket, "socket"), "data");
    if (!data.is_object()) return false;
    use->calls_started = Number(data, "streamsStarted");
    use->calls_answered = Number(data, "streamsSucceeded");
    use->calls_reset = Number(data, "streamsFailed");
    use->messages = Number(data, "messagesReceived");
    return true;
  } catch (const std::exception&) {  // Out of memory.
    return false;
  }
}

}  // namespace elmo
