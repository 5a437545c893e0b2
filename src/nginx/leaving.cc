#include "nginx/leaving.h"

#include <new>

namespace postern::nginx {
namespace {

constexpr std::uint32_t kRefusedStream = 7;  // RFC 9113 §7: not processed in any way, may be asked again.

ngx_int_t frame_sent(ngx_http_v2_connection_t*, ngx_http_v2_out_frame_t* frame) noexcept {
  return frame->first->buf->pos == frame->first->buf->last ? NGX_OK : NGX_AGAIN;
}

u_char* put_uint32(u_char* out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) *out++ = static_cast<u_char>(value >> shift);
  return out;
}

/// A frame of the connection's own, in front of what waits. False: out of memory.
bool queue_refused_stream(ngx_http_v2_stream_t* stream) {
  auto* h2c = stream->connection;
  constexpr std::size_t kSize = NGX_HTTP_V2_FRAME_HEADER_SIZE + 4;
  auto* buf = ngx_create_temp_buf(h2c->pool, kSize);
  auto* link = ngx_alloc_chain_link(h2c->pool);
  auto* frame = static_cast<ngx_http_v2_out_frame_t*>(ngx_pcalloc(h2c->pool, sizeof(ngx_http_v2_out_frame_t)));
  if (buf == nullptr || link == nullptr || frame == nullptr) return false;
  constexpr u_char kHead[] = {0, 0, 4, NGX_HTTP_V2_RST_STREAM_FRAME, 0};
  buf->last = ngx_cpymem(buf->last, kHead, sizeof kHead);
  buf->last = put_uint32(buf->last, static_cast<std::uint32_t>(stream->node->id));
  buf->last = put_uint32(buf->last, kRefusedStream);
  buf->last_buf = 0;
  buf->flush = 1;
  link->buf = buf;
  link->next = nullptr;
  frame->first = frame->last = link;
  frame->handler = frame_sent;
  frame->length = 4;
  ngx_http_v2_queue_blocked_frame(h2c, frame);
  return true;
}

/// As nginx does with those that it has when it is told to end. Not before what has come is read: streams that begin meanwhile
/// would take themselves for closed.
void say_go(ngx_event_t* event) noexcept {
  auto* c = static_cast<ngx_connection_t*>(event->data);
  c->close = 1;
  c->read->handler(c->read);
}

void forget_event(void* data) noexcept {
  auto* event = static_cast<ngx_event_t*>(data);
  if (event->posted) {
    ngx_delete_posted_event(event);  // several statements
  }
}

}  // namespace

void tell_to_go(ngx_http_request_t* r) {
  if (!ngx_exiting || r->stream == nullptr || r->stream->connection->goaway) return;
  auto* c = r->stream->connection->connection;
  for (auto* cleanup = c->pool->cleanup; cleanup != nullptr; cleanup = cleanup->next) {
    if (cleanup->handler == forget_event) return;
  }
  auto* cleanup = ngx_pool_cleanup_add(c->pool, sizeof(ngx_event_t));
  if (cleanup == nullptr) return;
  cleanup->handler = forget_event;
  auto* event = new (cleanup->data) ngx_event_t{};
  event->data = c;
  event->log = c->log;
  event->handler = say_go;
  ngx_post_event(event, &ngx_posted_events);
}

ngx_int_t send_elsewhere(ngx_http_request_t* r) {
  auto* stream = r->stream;
  if (!stream->rst_sent && !stream->out_closed && queue_refused_stream(stream)) {
    stream->rst_sent = 1;
    ngx_post_event(stream->connection->connection->write, &ngx_posted_events);
  }
  ngx_http_finalize_request(r, NGX_HTTP_CLOSE);
  return NGX_DONE;
}

}  // namespace postern::nginx
