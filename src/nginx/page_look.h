#pragma once
// How the pages look that users see of the gateway, apart from nginx. Text only; inline style and script carry the nonce of
// the Content-Security-Policy, and nothing is fetched but the page's own check.
#include <string>
#include <string_view>

namespace postern::nginx {

/// All of it is HTML already, but `nonce`.
struct PageLook {
  enum class Sign { kLock, kCloud };
  Sign sign = Sign::kLock;  ///< What is wrong is the device's, or not.
  std::string host;         ///< As the client sent it; empty: it is not known.
  std::string title;
  std::string lead;
  std::string what;    ///< Between the title and the row of the button.
  std::string row;     ///< A link and a note; empty: there is none.
  std::string facts;   ///< Of the foot, by page_fact; empty: no foot.
  std::string help;    ///< What the button for the help desk copies; empty: there is none.
  std::string end;     ///< Below.
  std::string script;  ///< Beside that of the foot; JavaScript.
  std::string nonce;
};

std::string page_html(const PageLook& look);
/// A fact of the foot: "<div><small>name</small>value</div>".
std::string page_fact(std::string_view name, std::string_view value);
/// A box with a title and what is in it.
std::string page_box(std::string_view title, std::string_view inside);
/// What people call a host: "intranet" of "intranet.lab.example"; an address, or a name without a dot, as it is.
std::string_view short_host(std::string_view host);
/// For text and attribute values.
std::string escape_html(std::string_view text);
/// The Content-Security-Policy of such a page.
std::string page_policy(std::string_view nonce);

}  // namespace postern::nginx
