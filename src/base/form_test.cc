#include "base/form.h"

#include <gtest/gtest.h>

namespace postern {
namespace {

std::string problem(std::string_view body) {
  const auto form = parse_form(body);
  return form ? "accepted" : form.error().message;
}

TEST(Form, IsDecodedOnce) {
  const auto form = parse_form("a=x+y%20z&b=%2541&c&d=&%65=1=2");
  ASSERT_TRUE(form);
  EXPECT_EQ(*form, (std::map<std::string, std::string>{
                       {"a", "x y z"}, {"b", "%41"}, {"c", ""}, {"d", ""}, {"e", "1=2"}}));
  EXPECT_TRUE(parse_form("")->empty());
}

TEST(Form, WhatTwoReadersCouldReadDifferentlyIsRefused) {
  EXPECT_EQ(problem("a=1&%61=2"), "the form gives a field twice");
  for (const char* broken : {"a=%4", "a=%", "%zz=1", "a=%+1", "a=%-1"}) {
    EXPECT_EQ(problem(broken), "the form has a broken % escape") << broken;
  }
}

TEST(Form, IsBounded) {
  std::string body;
  for (std::size_t i = 0; i < kMaxFormFields; ++i) body += (i == 0 ? "f" : "&f") + std::to_string(i);
  EXPECT_EQ(parse_form(body)->size(), kMaxFormFields);
  EXPECT_EQ(problem(body + "&more=1"), "the form has too many fields");
}

TEST(Form, APlusIsASpaceOnlyInForms) {
  EXPECT_EQ(percent_decode("a+b%2B", true), "a b+");
  EXPECT_EQ(percent_decode("a+b%2B", false), "a+b+");
  EXPECT_EQ(percent_decode("%0", false), std::nullopt);
}

}  // namespace
}  // namespace postern
