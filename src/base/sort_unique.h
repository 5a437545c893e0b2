#pragma once
// A list as a set: in order, each value once.
#include <algorithm>
#include <vector>

namespace postern {

template <class T>
void sort_unique(std::vector<T>& list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

}  // namespace postern
