#include "posture/population/planes.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace postern::posture {
namespace {

constexpr std::uint64_t kAll = ~std::uint64_t{0};

PlanePage page_of(Verdict verdict) {
  PlanePage page{};
  for (Line& line : page) {
    if (verdict == Verdict::kMatch) std::fill_n(line.has, kLineWords, kAll);
    if (verdict != Verdict::kNoMatch) std::fill_n(line.maybe, kLineWords, kAll);
  }
  return page;
}

const std::array<PlanePage, 3> kUniform{page_of(Verdict::kNoMatch), page_of(Verdict::kUnknown),
                                        page_of(Verdict::kMatch)};

bool is_uniform(const PlanePage* page) { return page >= kUniform.data() && page < kUniform.data() + kUniform.size(); }

void put_bit(std::uint64_t& word, std::uint64_t bit, bool on) { word = on ? word | bit : word & ~bit; }

}  // namespace

const PlanePage& uniform_page(Verdict verdict) { return kUniform[static_cast<std::size_t>(verdict)]; }

Plane::Plane(Plane&& other) noexcept
    : store_(other.store_), otherwise_(other.otherwise_), pages_(std::exchange(other.pages_, {})) {}

Plane& Plane::operator=(Plane&& other) noexcept {
  if (this == &other) return *this;
  clear();
  store_ = other.store_;
  otherwise_ = other.otherwise_;
  pages_ = std::exchange(other.pages_, {});
  return *this;
}

void Plane::clear() {
  for (const PlanePage* page : pages_) {
    if (!is_uniform(page)) store_->give(const_cast<PlanePage*>(page), sizeof(PlanePage));
  }
  pages_.clear();
}

const PlanePage& Plane::page(std::size_t index) const {
  return index < pages_.size() ? *pages_[index] : uniform_page(otherwise_);
}

PlanePage& Plane::writable(std::size_t index) {
  if (index >= pages_.size()) pages_.resize(index + 1, &uniform_page(otherwise_));
  const PlanePage*& page = pages_[index];
  if (is_uniform(page)) {
    void* memory = store_->take(sizeof(PlanePage));
    std::memcpy(memory, page, sizeof(PlanePage));
    page = static_cast<PlanePage*>(memory);
  }
  return const_cast<PlanePage&>(*page);
}

void Plane::settle(std::size_t index) {
  if (index >= pages_.size() || is_uniform(pages_[index])) return;
  for (const PlanePage& uniform : kUniform) {
    if (std::memcmp(pages_[index], &uniform, sizeof(PlanePage)) != 0) continue;
    store_->give(const_cast<PlanePage*>(pages_[index]), sizeof(PlanePage));
    pages_[index] = &uniform;
    return;
  }
}

void Plane::fill(Verdict verdict) {
  clear();
  otherwise_ = verdict;
}

void Plane::continue_with(Verdict verdict, std::size_t pages) {
  if (pages_.size() < pages) pages_.resize(pages, &uniform_page(otherwise_));
  otherwise_ = verdict;
}

void Plane::put(Slot slot, Verdict verdict) {
  Line& line = writable(slot / kPageSlots)[slot % kPageSlots / kLineSlots];
  const std::size_t word = slot % kLineSlots / 64;
  const std::uint64_t bit = std::uint64_t{1} << slot % 64;
  put_bit(line.has[word], bit, verdict == Verdict::kMatch);
  put_bit(line.maybe[word], bit, verdict != Verdict::kNoMatch);
}

}  // namespace postern::posture
